# Packets and frames, as in src/protocol/packet.rs and frame.rs.

const READY = UInt32(1)
const GO = UInt32(2)
const ENDED = UInt32(3)
const FORK = UInt32(4)
const SPARE = UInt32(5)
const WATCH = UInt32(6)
const BOOTED = UInt32(7)
const CANNOT_FORK = UInt32(8)
const SUCCEED = UInt32(9)
const BRANCH = UInt32(10)
const TRACED = UInt32(11)
const TIME_TO_LIVE = UInt32(13)
const PACKET_BYTES = 12
const HEADER_BYTES = 16

function encode_packet!(bytes::Vector{UInt8}, kind::UInt32, pid::Integer, value::Integer)
    GC.@preserve bytes begin
        p = pointer(bytes)
        unsafe_store!(Ptr{UInt32}(p), htol(kind))
        unsafe_store!(Ptr{UInt32}(p + 4), htol(pid % UInt32))
        unsafe_store!(Ptr{Int32}(p + 8), htol(value % Int32))
    end
    bytes
end
encode_packet(kind, pid, value) = encode_packet!(zeros(UInt8, PACKET_BYTES), kind, pid, value)

decode_packet(bytes::Vector{UInt8}) = GC.@preserve bytes begin
    p = pointer(bytes)
    (ltoh(unsafe_load(Ptr{UInt32}(p))), ltoh(unsafe_load(Ptr{UInt32}(p + 4))), ltoh(unsafe_load(Ptr{Int32}(p + 8))))
end
