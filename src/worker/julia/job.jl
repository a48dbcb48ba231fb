# A job as the conductor describes it: the layout of src/protocol/job.rs.

mutable struct Cursor
    bytes::Vector{UInt8}
    at::Int
end

function next!(c::Cursor, ::Type{T}) where {T<:Union{UInt32,Int32,UInt64}}
    c.at + sizeof(T) - 1 <= length(c.bytes) || error("message ends early")
    bytes = c.bytes
    value = GC.@preserve bytes unsafe_load(Ptr{T}(pointer(bytes, c.at)))
    c.at += sizeof(T)
    ltoh(value)
end

function next_string!(c::Cursor)
    n = Int(next!(c, UInt32))
    c.at + n - 1 <= length(c.bytes) || error("message ends early")
    bytes = c.bytes
    text = GC.@preserve bytes unsafe_string(pointer(bytes, c.at), n)
    c.at += n
    text
end

function next_strings!(c::Cursor)
    strings = String[]
    for _ in 1:next!(c, UInt32)
        push!(strings, next_string!(c))
    end
    strings
end

struct Limit
    resource::UInt32
    soft::UInt64
    hard::UInt64
end

# One program to run. Field by field the Job of src/protocol/job.rs, where they are explained.
struct Job
    descriptors::Vector{UInt32}
    umask::UInt32
    ignored_signals::UInt64
    niceness::Int32
    limits::Vector{Limit}
    environment::Vector{String}
    arguments::Vector{String}
    commands::Vector{String}
    numbers::Vector{Pair{String,Int32}}
    texts::Vector{Pair{String,String}}
    stack_bytes::UInt64
end

function decode_job(bytes::Vector{UInt8}, at::Int)
    c = Cursor(bytes, at)
    descriptors = UInt32[]
    for _ in 1:next!(c, UInt32); push!(descriptors, next!(c, UInt32)); end
    umask = next!(c, UInt32); ignored = next!(c, UInt64); niceness = next!(c, Int32)
    limits = Limit[]
    for _ in 1:next!(c, UInt32); push!(limits, Limit(next!(c, UInt32), next!(c, UInt64), next!(c, UInt64))); end
    environment = next_strings!(c); arguments = next_strings!(c); commands = next_strings!(c)
    numbers = Pair{String,Int32}[]; texts = Pair{String,String}[]
    for _ in 1:next!(c, UInt32)
        name = next_string!(c)
        next!(c, UInt32) == 0 ? push!(numbers, name => next!(c, Int32)) : push!(texts, name => next_string!(c))
    end
    stack = next!(c, UInt64)
    c.at == length(bytes) + 1 || error("message has bytes left over")
    Job(descriptors, umask, ignored, niceness, limits, environment, arguments, commands, numbers, texts, stack)
end
