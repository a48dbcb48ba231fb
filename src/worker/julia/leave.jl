# Telling the client how the program ended, as soon as nothing of it can be observed any more.
#
# The kernel takes milliseconds to take a process's memory away, and only then does the parent hear of its end. So the last of
# the C library's exit handlers (it was registered first, exit(3)) closes every descriptor but the job's channel, which
# releases files, locks and sockets, and sends the status ahead. The parent's report follows, for endings of other kinds.

const CHANNEL = Ref{Cint}(-1)               # the job's channel; -1: no job, nothing to tell
const OWN_PID = Ref{Cint}(0)
const LAST_PACKET = zeros(UInt8, PACKET_BYTES)
const LAST_BUFFERS = MessageBuffers()

function leave(status::Cint, ::Ptr{Cvoid})::Cvoid
    channel = CHANNEL[]
    (channel < 0 || getpid() != OWN_PID[]) && return nothing
    note_time_to_live()
    FAREWELL[] == C_NULL || unsafe_store!(FAREWELL[], 0x01)
    say_farewell(channel, status, Cint(0), Cint(1 << 20))
    quit(status)
    nothing
end

# Closes what lies between `first` and `last` but the channel, and sends the status.
function say_farewell(channel::Cint, status::Cint, first::Cint, last::Cint)
    ccall(:fflush, Cint, (Ptr{Cvoid},), C_NULL)
    close_range(first, min(last, channel - Cint(1)))
    close_range(max(first, channel + Cint(1)), last)
    send(channel, encode_packet!(LAST_PACKET, ENDED, OWN_PID[], (status & 0xff) << 8), Cint(-1), LAST_BUFFERS)
    nothing
end

# Called while nothing else has registered an exit handler that the program could care about. At exit nothing can be compiled
# any more, so everything is run once here, to nobody and closing nothing.
function register_leaving()
    here, there = socket_pair(5)                                       # SOCK_SEQPACKET
    note_time_to_live()
    say_farewell(here, Cint(0), Cint(1), Cint(0))
    leave(Cint(0), C_NULL)
    close_fd(here)
    close_fd(there)
    ccall(:on_exit, Cint, (Ptr{Cvoid}, Ptr{Cvoid}), @cfunction(leave, Cvoid, (Cint, Ptr{Cvoid})), C_NULL)
    nothing
end

# Where a forked child notes what its parent should know: eight bytes that both share, C_NULL for other workers. The first says
# that it has told its end. The client may be gone before the kernel has ended the child, and that is no reason to hang up on what
# the program has left running. The last four are the time to live that the program has set, plus one; 0 where it has set none.
const FAREWELL = Ref{Ptr{UInt8}}(C_NULL)
const FAREWELL_BYTES = 8
const MOST_CHILDREN = 4096

shared_bytes() = ccall(:mmap, Ptr{UInt8}, (UInt, UInt, Cint, Cint, Cint, Clong), 0, FAREWELL_BYTES * MOST_CHILDREN, 3, 0x21, -1, 0)   # MAP_SHARED | MAP_ANONYMOUS

# The variable as the launch had it: what the program sets lies elsewhere (setenv(3)).
const TTL_NAME = b"JULIA_DAEMON_WORKER_TTL\0"
const TTL_GIVEN = Ref{Ptr{UInt8}}(C_NULL)
time_to_live() = ccall(:getenv, Ptr{UInt8}, (Ptr{UInt8},), TTL_NAME)

# What the program leaves in the variable becomes the time to live of its workers, in seconds.
function note_time_to_live()
    set = time_to_live()
    (FAREWELL[] == C_NULL || set == C_NULL || set == TTL_GIVEN[]) && return nothing
    0x30 <= unsafe_load(set) <= 0x39 || return nothing                 # no number
    seconds = ccall(:atol, Clong, (Ptr{UInt8},), set)
    unsafe_store!(Ptr{Int32}(FAREWELL[] + 4), (min(seconds, 0x7ffffffe) + 1) % Int32)
    nothing
end

function remember_channel(channel::Cint)
    CHANNEL[] = channel
    TTL_GIVEN[] = time_to_live()
    OWN_PID[] = getpid()
    nothing
end
