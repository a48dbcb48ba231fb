# A session: one process for many launches, one after the other. What they define in Main, load and compute stays.
#
# A launch gets its own streams, descriptors, arguments, folder and environment. It ends where it calls `exit`, where an
# exception gets out, or where it returns; the process doesn't. Between launches nothing of the session runs.

const LAUNCH_END = Ref{Any}(nothing)        # Base.Event, notified when the launch has ended; nothing: none runs
const LAUNCH_STATUS = Ref{Int32}(0)

# Not fields of JLOptions: which wish about Revise a launch has (src/protocol/kept.rs).
const REVISE = "revise"

function boot_session(control::Cint)
    occupy_in_session(0:FIRST_OWN-1)
    keep_process()
    precompile(serve_launch, (Cint, MessageBuffers))
    precompile(end_launch, (Int,))
    precompile(follow, (Task,))
    forget_own_traces()
    buffers = MessageBuffers()
    while true
        send(control, encode_packet(BOOTED, 0, version_number()), Cint(-1), buffers)
        serve_launch(control, buffers) || ccall(:jl_exit, Cvoid, (Int32,), 0)
    end
end

# Numbers below FIRST_OWN are the launches': what the session itself opens lies above, and outlives them.
function occupy_in_session(numbers)
    null = ccall(:open, Cint, (Cstring, Cint, Cint...), "/dev/null", 2 | CLOEXEC, 0)
    own = dup_high(null)
    close_fd(null)
    for number in numbers
        number > 2 ? dup_own(own, number) : dup2(own, number)
    end
    close_fd(own)
    nothing
end

# Receives a launch and runs it; false: the conductor has gone, or lets this session go.
function serve_launch(control::Cint, buffers::MessageBuffers)
    fds = Cint[]
    bytes = receive_launch(control, fds, buffers)
    bytes === nothing && return false
    job = decode_job(bytes::Vector{UInt8}, HEADER_BYTES + 1)
    channel = fds[1]
    send(channel, encode_packet(READY, getpid(), 0), Cint(-1), buffers)
    become_launch(job, fds)
    streams = prepare_launch(job)
    status = wait_for_go(channel, buffers) ? run_launch(job, channel) : Int32(0)
    run_launch_hooks(status)
    leave_launch(job, streams)
    CHANNEL[] = Cint(-1)
    send(channel, encode_packet(ENDED, getpid(), (status & 0xff) << 8), Cint(-1), buffers)
    close_fd(channel)
    true
end

# An interrupt that comes between launches is nobody's.
function receive_launch(control::Cint, fds::Vector{Cint}, buffers::MessageBuffers)
    while true
        try
            return receive_frame(control, fds, buffers)
        catch error
            error isa InterruptException || rethrow()
        end
    end
end

function become_launch(job::Job, fds::Vector{Cint})
    ccall(:fchdir, Cint, (Cint,), fds[2])
    close_fd(fds[2])
    for (i, number) in enumerate(job.descriptors)
        move_fd(fds[i+2], number % Cint)
    end
    ccall(:umask, Cint, (Cint,), job.umask)
    replace_environment(job.environment)
end

# What `prepare_program` does, again and again: streams are always new ones. What is the session's own stays: random numbers go on.
function prepare_launch(job::Job)
    for (name, value) in job.numbers; set_option(name, value); end
    for (name, value) in job.texts; set_option(name, value); end
    set_commands(job.commands)
    set_arguments(job.arguments)
    streams = Any[renew_stream(fd) for fd in Cint(0):Cint(2)]
    redo_surroundings()
    streams
end

function renew_stream(fd::Cint)
    keep = dup_high(fd)
    stream = open_stream(dup_high(fd))
    stream === nothing || redirect(fd, stream)
    ccall(:dup2, Cint, (Cint, Cint), keep, fd)
    close_fd(keep)
    stream
end

function run_launch(job::Job, channel::Cint)
    remember_channel(channel)
    for option in job.numbers
        option.first == REVISE && option.second != 2 || continue
        status = run_task(() -> revise(option.second), job)
        status == 0 || return status
    end
    run_task(Base._start, job)
end

# A task of its own, as a process has one for `_start`: backtraces end there.
function run_task(start, job::Job)
    LAUNCH_STATUS[] = 0
    LAUNCH_END[] = Base.Event()
    task = Base.invokelatest(Task, start, Int(job.stack_bytes))
    isassigned(PROGRAM) && continue_random(task, PROGRAM[])
    PROGRAM[] = task
    schedule(Task(() -> follow(task)))
    schedule(task)
    await_launch(LAUNCH_END[])
    LAUNCH_END[] = nothing
    LAUNCH_STATUS[]
end

# One that calls `exit` never ends.
function follow(task::Task)
    status = Int32(1)
    try
        result = fetch(task)
        status = result isa Integer ? Int32(result) : Int32(0)
    catch
        optionally(() -> show_error(stderr, task))                     # interrupted where nobody else would show it
    end
    end_launch(status)
end

# Calls of `exit` come here while a launch runs: as in a process that ends, nothing of what called it goes on.
function leave_by_exit(status)
    LAUNCH_END[] === nothing && ccall(:jl_exit, Cvoid, (Int32,), status)
    end_launch(status)
    while true; wait(); end
end

function end_launch(status::Integer)
    finished = LAUNCH_END[]
    LAUNCH_STATUS[] = status % Int32
    finished === nothing || notify(finished)
    nothing
end

# An interrupt that finds nobody else at work is the program's.
function await_launch(finished)
    while true
        try
            return wait(finished)
        catch error
            error isa InterruptException || rethrow()
            istaskdone(PROGRAM[]) || schedule(PROGRAM[], InterruptException(), error = true)
        end
    end
end

# Exit hooks that are the program's run at its end. Those of packages run at the session's, since packages stay.
function run_launch_hooks(status::Int32)
    hooks = filter(is_programs_own, Base.atexit_hooks)
    filter!(hook -> !is_programs_own(hook), Base.atexit_hooks)
    for hook in hooks
        try
            applicable(hook, status) && !applicable(hook) ? Base.invokelatest(hook, status) : Base.invokelatest(hook)
        catch
            show_error(stderr)
        end
    end
end
is_programs_own(hook) = (m = parentmodule(typeof(hook)); while parentmodule(m) !== m; m = parentmodule(m); end; m === Main)

# Everything of the launch's that others could be waiting for: files, pipes, locks.
function leave_launch(job::Job, streams::Vector{Any})
    for stream in (stdout, stderr)
        try flush(stream) catch end
    end
    ccall(:fflush, Cint, (Ptr{Cvoid},), C_NULL)
    occupy_in_session([0, 1, 2])
    foreach(renew_stream, Cint(0):Cint(2))
    for stream in streams
        try stream === nothing || close(stream) catch end
    end
    occupy_in_session([Int(number) for number in job.descriptors])
    ccall(:chdir, Cint, (Cstring,), "/")
    nothing
end

# ---- Revise ----

# 0: where this environment has it, 1: yes, 2: no.
function revise(wish::Int32)
    wish == 2 && return
    id = Base.identify_package("Revise")
    if id === nothing
        wish == 1 && println(stderr, "juliaclient: --revise, but this session's environment has no Revise")
        return
    end
    Revise = Base.require(id)
    Base.invokelatest(Base.invokelatest(getfield, Revise, :revise))
    nothing
end
