# Linux system calls that the worker makes by itself, below libuv: a zygote must not run an event loop.
# All of them are blocking and allocate little or nothing. Numbers are those of Linux on x86-64 and AArch64, both LP64.

const CLOEXEC = Cint(0o2000000)
const NONBLOCK = Cint(0o4000)
const EINTR = 4
const EAGAIN = 11
# Client descriptors have lower numbers than this, Julia's own and ours higher (FIRST_OCCUPIED in src/client/message.rs).
const FIRST_OWN = Cint(256)

close_fd(fd) = ccall(:close, Cint, (Cint,), fd)
dup2(from, to) = ccall(:dup2, Cint, (Cint, Cint), from, to)
dup_own(from, to) = ccall(:dup3, Cint, (Cint, Cint, Cint), from, to, CLOEXEC)
dup_high(fd) = ccall(:fcntl, Cint, (Cint, Cint, Cint...), fd, 1030, FIRST_OWN)            # F_DUPFD_CLOEXEC
getpid() = ccall(:getpid, Cint, ())
quit(code) = ccall(:_exit, Cvoid, (Cint,), code)
send_signal(pid, signal) = ccall(:kill, Cint, (Cint, Cint), pid, signal)
pidfd_open(pid) = Cint(ccall(:syscall, Clong, (Clong, Clong...), 434, pid, 0))

# A child that nobody needs without its parent is killed when that ends (PR_SET_PDEATHSIG, prctl(2)).
end_with_parent(on::Bool) = ccall(:prctl, Cint, (Cint, Culong...), 1, on ? 9 : 0)

# Moves a descriptor onto another number, where programs that are executed inherit it.
function move_fd(from::Cint, to::Cint)
    dup2(from, to)
    close_fd(from)
    nothing
end

# Likewise, for this process alone.
function move_own_fd(from::Cint, to::Cint)
    dup_own(from, to)
    close_fd(from)
    nothing
end

# Closes all descriptors from `first` to `last`: at once from Linux 5.9, else one by one.
function close_range(first::Integer, last::Integer)
    first > last && return
    ccall(:syscall, Clong, (Clong, Clong, Clong, Clong), 436, first, last, 0) == 0 && return
    for fd in first:last
        close_fd(fd)
    end
end

function socket_pair(kind::Integer)
    both = Ref{NTuple{2,Cint}}((-1, -1))
    ccall(:socketpair, Cint, (Cint, Cint, Cint, Ptr{Cvoid}), 1, kind | CLOEXEC, 0, both) == 0 ? both[] : (Cint(-1), Cint(-1))
end

# struct pollfd, poll(2).
struct PollFd
    fd::Cint
    events::Cshort
    revents::Cshort
end
const POLLIN = Cshort(1)
const POLLHUP = Cshort(16)

# Waits until a descriptor is ready, or `timeout_ms` have gone (-1: for ever).
poll(set::Vector{PollFd}, timeout_ms::Integer) = ccall(:poll, Cint, (Ptr{PollFd}, Culong, Cint), set, length(set), timeout_ms)

# ---- messages with descriptors: struct msghdr and cmsghdr, recvmsg(2), cmsg(3) ----

const MOST_DESCRIPTORS = 253
const CONTROL_BYTES = 16 + 4 * MOST_DESCRIPTORS + 64

# Buffers for one message at a time, made once.
struct MessageBuffers
    header::Vector{UInt}        # struct msghdr: 7 words
    iovec::Vector{UInt}         # struct iovec: base, length
    control::Vector{UInt8}
end
MessageBuffers() = MessageBuffers(zeros(UInt, 7), zeros(UInt, 2), zeros(UInt8, CONTROL_BYTES))

# Receives at most `length` bytes to `target`; descriptors that come along are appended. 0: the peer has closed; < 0: -errno.
function receive(socket::Cint, target::Ptr{UInt8}, length::Integer, fds::Vector{Cint}, b::MessageBuffers)
    GC.@preserve b begin
        b.iovec[1] = UInt(target); b.iovec[2] = length
        b.header[3] = UInt(pointer(b.iovec)); b.header[4] = 1
        b.header[5] = UInt(pointer(b.control)); b.header[6] = CONTROL_BYTES
        n = ccall(:recvmsg, Cssize_t, (Cint, Ptr{UInt}, Cint), socket, b.header, 0x40000000)   # MSG_CMSG_CLOEXEC
        n < 0 && return -Int(Libc.errno())
        b.header[6] >= 16 && append_descriptors!(fds, pointer(b.control))
        return Int(n)
    end
end

function append_descriptors!(fds::Vector{Cint}, control::Ptr{UInt8})
    unsafe_load(Ptr{Cint}(control + 8)) == 1 && unsafe_load(Ptr{Cint}(control + 12)) == 1 || return   # SOL_SOCKET, SCM_RIGHTS
    count = div(unsafe_load(Ptr{UInt}(control)) - 16, 4) % Int
    for i in 0:count-1
        push!(fds, unsafe_load(Ptr{Cint}(control + 16 + 4i)))
    end
    nothing
end

# Sends a small message, with one descriptor if `fd` is not negative.
function send(socket::Cint, bytes::Vector{UInt8}, fd::Cint, b::MessageBuffers)
    GC.@preserve b bytes begin
        b.iovec[1] = UInt(pointer(bytes)); b.iovec[2] = length(bytes)
        b.header[3] = UInt(pointer(b.iovec)); b.header[4] = 1
        control = pointer(b.control)
        b.header[5] = fd < 0 ? UInt(0) : UInt(control); b.header[6] = fd < 0 ? 0 : 24
        unsafe_store!(Ptr{UInt}(control), 20)
        unsafe_store!(Ptr{Cint}(control + 8), 1); unsafe_store!(Ptr{Cint}(control + 12), 1)
        unsafe_store!(Ptr{Cint}(control + 16), fd)
        return ccall(:sendmsg, Cssize_t, (Cint, Ptr{UInt}, Cint), socket, b.header, 0x4000)        # MSG_NOSIGNAL
    end
end
