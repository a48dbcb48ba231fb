# Signals in a forked child. Julia's signal-listener thread is not there any more, and the signals that it took by
# sigwait are still blocked in the main thread.
#
# Plain Julia, for a program from a file: SIGINT, SIGTERM and SIGQUIT run the exit hooks and end it; by exit status 128 + n to
# Julia 1.8, by the signal from 1.9 on. For -e, -E and -m programs SIGINT becomes an InterruptException.
# Here a handler does the same on the program's own thread: terminate() as Julia's listener would have made the thread do,
# interrupt() when the program next waits (a second SIGINT before that kills).

const SIGINT = Cint(2)
const SIGQUIT = Cint(3)
const SIGABRT = Cint(6)
const SIGUSR1 = Cint(10)
const SIGTERM = Cint(15)
const INTERRUPTS = Ref{Any}(nothing)            # Base.AsyncCondition, made before the fork
const INTERRUPT_HANDLE = Ref{Ptr{Cvoid}}(C_NULL)
const INTERRUPT_PENDING = Ref(false)

set_handler(signal, handler::Ptr{Cvoid}) = ccall(:signal, Ptr{Cvoid}, (Cint, Ptr{Cvoid}), signal, handler)
const DEFAULT = C_NULL
const IGNORE = Ptr{Cvoid}(1)

function terminate(signal::Cint)::Cvoid
    set_handler(signal, DEFAULT)
    announce(signal)
    VERSION < v"1.9-" && ccall(:jl_exit, Cvoid, (Int32,), 128 + signal)
    ccall(:jl_atexit_hook, Cvoid, (Cint,), 128)
    unblock(signal)
    send_signal(getpid(), signal)
    nothing
end

# The first lines of what Julia prints; the backtrace that follows there would need its signal context.
function announce(signal::Cint)
    name = ccall(:strsignal, Cstring, (Cint,), signal)
    if VERSION < v"1.9-"
        ccall(:dprintf, Cint, (Cint, Cstring, Cint, Cstring), 2, "\nsignal (%d): %s\n", signal, name)
    elseif VERSION < v"1.11-"
        ccall(:dprintf, Cint, (Cint, Cstring, Cint, Cint, Cstring), 2, "\n[%d] signal (%d): %s\n", getpid(), signal, name)
    else
        ccall(:dprintf, Cint, (Cint, Cstring, Cint, Cint, Cstring), 2, "\n[%d] signal %d: %s\n", getpid(), signal, name)
    end
    nothing
end

function interrupt(signal::Cint)::Cvoid
    if INTERRUPT_PENDING[]
        set_handler(signal, DEFAULT)
        unblock(signal)
        send_signal(getpid(), signal)
    end
    INTERRUPT_PENDING[] = true
    ccall(:uv_async_send, Cint, (Ptr{Cvoid},), INTERRUPT_HANDLE[])
    nothing
end

# Julia says where it is on SIGUSR1 and goes on.
function describe(signal::Cint)::Cvoid
    announce(signal)
    nothing
end

change_mask(how, signals) = begin
    set = zeros(UInt8, 128)
    for signal in signals
        ccall(:sigaddset, Cint, (Ptr{UInt8}, Cint), set, signal)
    end
    ccall(:sigprocmask, Cint, (Cint, Ptr{UInt8}, Ptr{UInt8}), how, set, C_NULL)
    nothing
end
unblock(signal::Cint) = change_mask(1, (signal,))

# Waits, in a worker that will be forked, for interrupt() in one of its children.
function prepare_interrupts()
    condition = Base.AsyncCondition()
    INTERRUPTS[] = condition
    INTERRUPT_HANDLE[] = condition.handle
    ccall(:uv_unref, Cvoid, (Ptr{Cvoid},), condition.handle)
    schedule(Task(deliver_interrupts))
    yield()
end

function deliver_interrupts()
    while true
        wait(INTERRUPTS[])
        INTERRUPT_PENDING[] = false
        task = PROGRAM[]
        istaskdone(task) || schedule(task, InterruptException(), error = true)
    end
end

function install_signals(job::Job)
    terminating = @cfunction(terminate, Cvoid, (Cint,))
    for signal in (SIGTERM, SIGQUIT)
        set_handler(signal, terminating)
    end
    set_handler(SIGUSR1, @cfunction(describe, Cvoid, (Cint,)))
    from_file = isempty(job.commands) || all(c -> startswith(c, "L"), job.commands)
    set_handler(SIGINT, from_file ? terminating : @cfunction(interrupt, Cvoid, (Cint,)))
    for signal in Cint(1):Cint(31)
        signal in (SIGINT, SIGTERM, SIGQUIT, SIGUSR1) && continue
        job.ignored_signals & (UInt64(1) << (signal - 1)) == 0 || set_handler(signal, IGNORE)
    end
    change_mask(1, (SIGINT, SIGQUIT, SIGABRT, SIGUSR1, SIGTERM))
end
