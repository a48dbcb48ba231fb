# The zygote: a single-threaded Julia that forks a child per launch and never works itself.
# It waits in poll for the conductor, for hang-ups of job channels and for children that end. It survives the conductor
# until its last job has ended, because it is the one who knows how jobs end.

const GRACE_NS = UInt64(5_000_000_000)

# A child: a spare until a channel is attached, then a job.
mutable struct Child
    pid::Cint
    pidfd::Cint
    channel::Cint               # -1: a spare
    farewell::Ptr{UInt8}        # not 0: it has told its end itself
    hung_up_at::UInt64          # when the client went away (jl_hrtime), 0: it has not
    trace::Cint                 # what it has to compile is noted there; -1: nowhere
end

mutable struct Zygote
    control::Cint               # -1: the conductor has gone
    inherited::Inherited
    children::Vector{Child}
    buffers::MessageBuffers
    packet::Vector{UInt8}
    farewells::Ptr{UInt8}       # FAREWELL_BYTES for each child, shared with it
    arrived::Vector{Cint}
    ended::Vector{Pair{Cint,Cint}}      # of children that were no jobs when they ended, the last few: pid and wait status
end

now_ns() = ccall(:jl_hrtime, UInt64, ())
processor_seconds() = ccall(:clock, Clong, ()) / 1_000_000             # this process's, all its threads (clock(3))

function tell(z::Zygote, kind::UInt32, pid::Integer, value::Integer, fd::Cint = Cint(-1))
    z.control < 0 || send(z.control, encode_packet!(z.packet, kind, pid, value), fd, z.buffers)
    nothing
end

# Serves until there is neither conductor nor job. Never returns.
function serve(z::Zygote)
    while z.control >= 0 || any(is_job, z.children)
        set = poll_set(z)
        poll(set, any(is_hung_up, z.children) ? 200 : -1)
        z.control >= 0 && set[1].revents != 0 && obey(z)
        for child in copy(z.children)
            attend(z, child)
        end
    end
    quit(0)
end

is_job(child::Child) = child.channel >= 0
is_hung_up(child::Child) = child.hung_up_at != 0
is_leaving(child::Child) = child.farewell != C_NULL && unsafe_load(child.farewell) != 0

function poll_set(z::Zygote)
    set = PollFd[PollFd(z.control, POLLIN, 0)]
    for child in z.children
        push!(set, PollFd(child.pidfd, POLLIN, 0))
        is_job(child) && !is_hung_up(child) && !is_leaving(child) && push!(set, PollFd(child.channel, Cshort(0), 0))
    end
    set
end

# Takes all packets that the conductor has sent.
function obey(z::Zygote)
    while true
        empty!(z.arrived)
        packet = z.packet
        n = GC.@preserve packet receive_now(z.control, pointer(packet), z.arrived, z.buffers)
        n == -EAGAIN && return
        n == -EINTR && continue
        if n != PACKET_BYTES
            close_fd(z.control)
            z.control = Cint(-1)
            return
        end
        kind, pid, value = decode_packet(z.packet)
        kind == FORK ? (for _ in 1:abs(value); fork_spare(z, value < 0); end) :
        kind == WATCH ? watch(z, pid % Cint) :
        kind == SUCCEED ? fork_successor(z) :
        kind == BRANCH ? fork_branch(z) : nothing
    end
end

# Forks a zygote that does what takes long and then takes this one's place, which serves meanwhile.
function fork_successor(z::Zygote)
    isempty(z.arrived) && return
    control = z.arrived[1]
    pid = fork_repaired(z.inherited)
    if pid == 0
        leave_parent(z)
        grow_up(control)
    end
    close_fd(control)
    pid > 0 && push!(z.children, Child(pid, pidfd_open(pid), Cint(-1), C_NULL, 0, Cint(-1)))
    nothing
end

function receive_now(socket::Cint, target::Ptr{UInt8}, fds::Vector{Cint}, b::MessageBuffers)
    poll(PollFd[PollFd(socket, POLLIN, 0)], 0) > 0 || return -EAGAIN
    receive(socket, target, PACKET_BYTES, fds, b)
end

function fork_spare(z::Zygote, urgent::Bool)
    here, there = socket_pair(1)                                       # SOCK_STREAM
    farewell = free_farewell(z)
    trace = trace_file()
    pid = fork_repaired(z.inherited)
    if pid == 0
        close_fd(there)
        FAREWELL[] = farewell
        leave_parent(z)
        prepare_signals()
        urgent || touch_memory(here)
        close_fd(WARM_UP_FILE[])
        wait_for_job(here, z.buffers, trace)
    end
    close_fd(here)
    if pid > 0
        push!(z.children, Child(pid, pidfd_open(pid), Cint(-1), farewell, 0, trace))
        tell(z, SPARE, pid, 0, there)
    end
    close_fd(there)
    nothing
end

function free_farewell(z::Zygote)
    for i in 0:MOST_CHILDREN-1
        farewell = z.farewells + FAREWELL_BYTES * i
        any(child -> child.farewell == farewell, z.children) && continue
        unsafe_store!(Ptr{UInt64}(farewell), UInt64(0))
        return farewell
    end
    Ptr{UInt8}(C_NULL)
end

# In a child: what belongs to the parent alone. A job's channel kept here would hide its end from its client.
function leave_parent(z::Zygote)
    z.control < 0 || close_fd(z.control)
    for child in z.children
        close_fd(child.pidfd)
        close_fd(child.trace)
        is_job(child) && close_fd(child.channel)
    end
    nothing
end

function watch(z::Zygote, pid::Cint)
    isempty(z.arrived) && return
    for child in z.children
        if child.pid == pid
            child.channel = z.arrived[1]
            return
        end
    end
    # The conductor tells the child first. One that has been killed since has said nothing of its end itself.
    for (ended, status) in z.ended
        ended == pid || continue
        send(z.arrived[1], encode_packet!(z.packet, ENDED, pid, status), Cint(-1), z.buffers)
        tell(z, ENDED, pid, status)                                    # the conductor has counted it among its jobs only now
    end
    close_fd(z.arrived[1])
end

const MOST_ENDED = 16

function note_ended(z::Zygote, pid::Cint, status::Cint)
    filter!(ended -> ended.first != pid, z.ended)
    push!(z.ended, pid => status)
    length(z.ended) > MOST_ENDED && popfirst!(z.ended)
    nothing
end

function attend(z::Zygote, child::Child)
    status = Ref{Cint}(0)
    if ccall(:waitpid, Cint, (Cint, Ptr{Cint}, Cint), child.pid, status, 1) == child.pid      # WNOHANG
        finish(z, child, status[])
    elseif is_job(child)
        end_if_abandoned(child)
    end
    nothing
end

function finish(z::Zygote, child::Child, status::Cint)
    is_job(child) && send(child.channel, encode_packet!(z.packet, ENDED, child.pid, status), Cint(-1), z.buffers)
    # These also of one that has ended before we were told to watch it.
    is_written(child.trace) && tell(z, TRACED, child.pid, 0, child.trace)
    tell_time_to_live(z, child)
    is_job(child) || note_ended(z, child.pid, status)
    tell(z, ENDED, child.pid, status)
    close_fd(child.trace)
    is_job(child) && close_fd(child.channel)
    close_fd(child.pidfd)
    filter!(other -> other !== child, z.children)
    nothing
end

function tell_time_to_live(z::Zygote, child::Child)
    child.farewell == C_NULL && return nothing
    seconds = unsafe_load(Ptr{Int32}(child.farewell + 4))
    seconds > 0 && tell(z, TIME_TO_LIVE, child.pid, seconds - 1)
    nothing
end

# The client has gone: the job's process group gets what the end of a terminal would send it, later what nobody survives.
function end_if_abandoned(child::Child)
    if !is_hung_up(child)
        set = PollFd[PollFd(child.channel, Cshort(0), 0)]
        poll(set, 0) > 0 && set[1].revents & POLLHUP != 0 || return
        is_leaving(child) && return
        child.hung_up_at = now_ns()
        send_signal(-child.pid, 1)                                     # SIGHUP
        send_signal(-child.pid, 18)                                    # SIGCONT: a stopped job could not end
    elseif now_ns() - child.hung_up_at > GRACE_NS
        send_signal(-child.pid, 9)
    end
    nothing
end
