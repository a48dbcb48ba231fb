# What a forked child must repair. Each point was found by a failure (the child's, or the parent's).
#
# 1. The JIT writes code through a descriptor on /proc/<pid>/mem, opened once; in the child it still names the parent.
#    It is reopened first of all, before anything in the child can need compiling.
# 2. libuv's pipes and eventfds are shared with the parent: a wake-up would reach either. Each is replaced by a fresh one
#    under the same number. A pipe that holds bytes is a lock (libuv's signal lock): the same number of bytes goes in.
# 3. The epoll set is shared: a new one is filled from what /proc/self/fdinfo says of the old.
# 4. libuv itself makes its signal lock anew in the child (pthread_atfork, uv__signal_global_reinit in src/unix/signal.c), under the
#    lowest numbers that are free. Those belong to the program, so a zygote has them occupied, and only the child frees them.
# Everything here must have been compiled before the fork.

struct Inherited
    memory::Cint                            # /proc/self/mem, -1 for none
    epoll::Cint                             # -1 for none
    events::Vector{Cint}
    pipes::Vector{Tuple{Cint,Cint,Cint}}    # reader, writer, bytes waiting
    watched::Vector{Tuple{Cint,UInt32,UInt64}}
end

fd_link(fd) = try readlink("/proc/self/fd/$fd") catch; "" end
is_reader(fd) = ccall(:fcntl, Cint, (Cint, Cint, Cint...), fd, 3, 0) & 3 == 0

function bytes_waiting(fd)
    waiting = Ref{Cint}(0)
    ccall(:ioctl, Cint, (Cint, Culong, Ptr{Cint}...), fd, 0x541B, waiting)                       # FIONREAD
    waiting[]
end

# What this process has that a child would share. Called once, when nothing is going on.
function inherited_descriptors()
    memory = Cint(-1); epoll = Cint(-1); events = Cint[]; ends = Dict{String,Vector{Cint}}()
    for name in readdir("/proc/self/fd")
        fd = parse(Cint, name)
        link = fd_link(fd)
        if endswith(link, "/mem")
            memory = fd
        elseif link == "anon_inode:[eventpoll]"
            epoll = fd
        elseif link == "anon_inode:[eventfd]"
            push!(events, fd)
        elseif startswith(link, "pipe:") && fd >= FIRST_OWN
            push!(get!(ends, link, Cint[]), fd)
        end
    end
    pipes = [oriented(pair[1], pair[2]) for pair in values(ends) if length(pair) == 2]
    Inherited(memory, epoll, events, pipes, watched_by(epoll))
end

function oriented(a, b)
    reader, writer = is_reader(a) ? (a, b) : (b, a)
    (reader, writer, bytes_waiting(reader))
end

function watched_by(epoll)
    found = Tuple{Cint,UInt32,UInt64}[]
    epoll < 0 && return found
    for line in eachline("/proc/self/fdinfo/$epoll")
        m = match(r"tfd:\s*(\d+)\s+events:\s*([0-9a-f]+)\s+data:\s*([0-9a-f]+)", line)
        m === nothing || push!(found, (parse(Cint, m[1]), parse(UInt32, m[2], base = 16), parse(UInt64, m[3], base = 16)))
    end
    found
end

function repair_child(fds::Inherited)
    if fds.memory >= 0
        move_own_fd(ccall(:open, Cint, (Cstring, Cint, Cint...), "/proc/self/mem", 2 | 0o4000000 | CLOEXEC, 0), fds.memory)   # O_RDWR | O_SYNC
    end
    for (reader, writer, waiting) in fds.pipes
        replace_pipe(reader, writer, waiting)
    end
    for fd in fds.events
        move_own_fd(ccall(:eventfd, Cint, (Cuint, Cint), 0, NONBLOCK | CLOEXEC), fd)
    end
    fds.epoll >= 0 && replace_epoll(fds)
    nothing
end

function replace_pipe(reader::Cint, writer::Cint, waiting::Cint)
    both = Ref{NTuple{2,Cint}}((-1, -1))
    flags = ccall(:fcntl, Cint, (Cint, Cint, Cint...), reader, 3, 0) & NONBLOCK
    ccall(:pipe2, Cint, (Ptr{Cvoid}, Cint), both, flags | CLOEXEC)
    token = Ref{UInt8}(42)
    for _ in 1:waiting
        ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), both[][2], token, 1)
    end
    move_own_fd(both[][1], reader)
    move_own_fd(both[][2], writer)
end

function replace_epoll(fds::Inherited)
    fresh = ccall(:epoll_create1, Cint, (Cint,), CLOEXEC)
    event = zeros(UInt8, 16)
    data_at = Sys.ARCH === :x86_64 ? 4 : 8          # struct epoll_event is packed on x86-64 only
    GC.@preserve event begin
        p = pointer(event)
        for (fd, mask, data) in fds.watched
            unsafe_store!(Ptr{UInt32}(p), mask)
            unsafe_store!(Ptr{UInt64}(p + data_at), data)
            ccall(:epoll_ctl, Cint, (Cint, Cint, Cint, Ptr{UInt8}), fresh, 1, fd, p)
        end
    end
    move_own_fd(fresh, fds.epoll)
end

# Forks. In the child everything shared with the parent has been replaced when this returns 0.
function fork_repaired(fds::Inherited)
    pid = ccall(:fork, Cint, ())
    if pid == 0
        repair_child(fds)
        free_low_numbers()
        ccall(:setpgid, Cint, (Cint, Cint), 0, 0)
    end
    pid
end
