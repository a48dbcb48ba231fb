# Signals in a forked child. Julia's signal-listener thread is not there any more, and the signals that it took by
# sigwait are still blocked in the main thread.
#
# Plain Julia, for a program from a file: SIGINT, SIGTERM and SIGQUIT run the exit hooks and end it; by exit status 128 + n to
# Julia 1.8, by the signal from 1.9 on. For -e, -E and -m programs SIGINT becomes an InterruptException.
# Here a handler does the same on the program's own thread: terminate() as Julia's listener would have made the thread do,
# interrupt() where Julia code runs or waits.

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
    unblock(signal)                                                    # a second one kills, whatever this one waits for
    announce(signal)
    VERSION < v"1.9-" && ccall(:jl_exit, Cvoid, (Int32,), 128 + signal)
    ccall(:jl_atexit_hook, Cvoid, (Cint,), 128)
    send_signal(getpid(), signal)
    nothing
end

# What is printed, written beforehand: a handler may have interrupted the memory allocator.
const ANNOUNCEMENTS = [Ptr{UInt8}(C_NULL) for _ in 1:31]

# The first line of what Julia prints; the backtrace that follows there would need its signal context.
function announcement(signal::Cint)
    name = unsafe_string(ccall(:strsignal, Cstring, (Cint,), signal))
    VERSION < v"1.9-" ? "\nsignal ($signal): $name\n" :
    VERSION < v"1.11-" ? "\n[$(getpid())] signal ($signal): $name\n" : "\n[$(getpid())] signal $signal: $name\n"
end

function announce(signal::Cint)
    text = ANNOUNCEMENTS[signal]
    text == C_NULL || ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), 2, text, ccall(:strlen, Csize_t, (Ptr{UInt8},), text))
    nothing
end

# An interrupt for a program that takes it as an exception. If it hits Julia code, the exception is thrown right there; in C
# code (the runtime, the allocator, a library) it is tried again until Julia code runs, and if the program waits, the event
# loop wakes and delivers it. A second one before that kills.
function interrupt(signal::Cint, info::Ptr{Cvoid}, context::Ptr{Cvoid})::Cvoid
    again = unsafe_load(Ptr{Cint}(info + 8)) == SI_TIMER
    if again
        INTERRUPT_PENDING[] || return nothing
    elseif INTERRUPT_PENDING[]
        set_handler(signal, DEFAULT)
        unblock(signal)
        send_signal(getpid(), signal)
    end
    INTERRUPT_PENDING[] = true
    if in_julia_code(interrupted_at(context))
        INTERRUPT_PENDING[] = false
        unblock(signal)                                                # the handler is left without returning
        throw(INTERRUPTION)
    end
    again || ccall(:uv_async_send, Cint, (Ptr{Cvoid},), INTERRUPT_HANDLE[])
    interrupt_again()
    nothing
end

const INTERRUPTION = InterruptException()
const SI_TIMER = Cint(-2)                       # sigaction(2)

# The program counter in a ucontext_t: gregs[REG_RIP] on x86-64, mcontext.pc on AArch64.
interrupted_at(context::Ptr{Cvoid}) = unsafe_load(Ptr{UInt}(context + (Sys.ARCH === :x86_64 ? 168 : 440)))

# Code that belongs to no file was compiled by this process; the system image and package images hold compiled Julia too.
function in_julia_code(address::UInt)
    ccall(:dladdr, Cint, (UInt, Ptr{Ptr{UInt8}}), address, CODE_INFO) == 0 && return true
    file = @inbounds CODE_INFO[1]
    @inbounds(CODE_INFO[2]) == IMAGE_BASE[] || ccall(:strstr, Ptr{UInt8}, (Ptr{UInt8}, Cstring), file, "/compiled/v") != C_NULL
end
const CODE_INFO = Ptr{UInt8}[C_NULL, C_NULL, C_NULL, C_NULL]           # Dl_info: file, base, symbol, its address
const IMAGE_BASE = Ref{Ptr{UInt8}}(C_NULL)

# Where the system image is loaded: C_NULL where it cannot be told.
function find_image()
    path = unsafe_string(Base.JLOptions().image_file)
    for line in eachline("/proc/self/maps")
        if endswith(line, path) || endswith(line, realpath(path))
            IMAGE_BASE[] = Ptr{UInt8}(parse(UInt, split(line, '-')[1], base = 16))
            return
        end
    end
end

# The same signal once more in five milliseconds, from a timer (timer_create(2); by number, for the C library has it in librt).
function interrupt_again()
    if TIMER[] < 0
        unsafe_store!(Ptr{Cint}(pointer(TIMER_EVENT)), SIGINT, 3)      # struct sigevent: value, then signal and kind of notice
        ccall(:syscall, Clong, (Clong, Clong, Ptr{UInt}, Ptr{Cint}), Sys.ARCH === :x86_64 ? 222 : 107, 1, TIMER_EVENT, TIMER)
    end
    ccall(:syscall, Clong, (Clong, Clong, Clong, Ptr{Clong}, Ptr{Cvoid}), Sys.ARCH === :x86_64 ? 223 : 110, TIMER[], 0, TIMER_TIMES, C_NULL)
    nothing
end
const TIMER = Ref{Cint}(-1)
const TIMER_EVENT = zeros(UInt, 8)
const TIMER_TIMES = Clong[0, 0, 0, 5_000_000]                          # struct itimerspec: interval, then the first time

# Julia says where it is on SIGUSR1 and goes on. From a timer it is Profile's, for the listener that
# is not there.
function describe(signal::Cint, info::Ptr{Cvoid}, ::Ptr{Cvoid})::Cvoid
    unsafe_load(Ptr{Cint}(info + 8)) == SI_TIMER || announce(signal)
    nothing
end

# struct sigaction of the C library on Linux: handler, mask of 16 words, flags, restorer.
function set_info_handler(signal::Cint, handler::Ptr{Cvoid})
    action = zeros(UInt, 20)
    action[1] = UInt(handler)
    action[18] = 0x10000004                                            # SA_RESTART | SA_SIGINFO
    ccall(:sigaction, Cint, (Cint, Ptr{UInt}, Ptr{Cvoid}), signal, action, C_NULL)
    nothing
end

# Masks are words: signal n is bit n - 1 (sigset_t of Linux on 64 bits), which needs no memory in a handler.
function change_mask(how::Integer, mask::UInt64)
    set = Ref((mask, zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64),
               zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64), zero(UInt64)))
    ccall(:sigprocmask, Cint, (Cint, Ptr{Cvoid}, Ptr{Cvoid}), how, set, C_NULL)
    nothing
end
bit(signal::Cint) = UInt64(1) << (signal - 1)
unblock(signal::Cint) = change_mask(1, bit(signal))                      # SIG_UNBLOCK

# Waits, in a worker that will be forked, for interrupt() in one of its children.
function prepare_interrupts()
    condition = Base.AsyncCondition()
    INTERRUPTS[] = condition
    INTERRUPT_HANDLE[] = condition.handle
    ccall(:uv_unref, Cvoid, (Ptr{Cvoid},), condition.handle)
    find_image()
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
    for signal in (SIGINT, SIGTERM, SIGQUIT, SIGUSR1)
        ANNOUNCEMENTS[signal] = duplicate(announcement(signal))
    end
    terminating = @cfunction(terminate, Cvoid, (Cint,))
    for signal in (SIGTERM, SIGQUIT)
        set_handler(signal, terminating)
    end
    set_info_handler(SIGUSR1, @cfunction(describe, Cvoid, (Cint, Ptr{Cvoid}, Ptr{Cvoid})))
    from_file = isempty(job.commands) || all(c -> startswith(c, "L"), job.commands)
    if from_file
        set_handler(SIGINT, terminating)
    else
        set_info_handler(SIGINT, @cfunction(interrupt, Cvoid, (Cint, Ptr{Cvoid}, Ptr{Cvoid})))
    end
    for signal in Cint(1):Cint(31)
        signal in (SIGINT, SIGTERM, SIGQUIT, SIGUSR1) && continue
        job.ignored_signals & bit(signal) == 0 || set_handler(signal, IGNORE)
    end
    change_mask(1, bit(SIGINT) | bit(SIGQUIT) | bit(SIGABRT) | bit(SIGUSR1) | bit(SIGTERM))
end
