# Signals in a forked child. Julia's signal-listener thread is not there any more, and the signals that it took by
# sigwait are still blocked in the main thread.
#
# Plain Julia, for a program from a file: SIGINT, SIGTERM and SIGQUIT run the exit hooks and end it; by exit status 128 + n to
# Julia 1.8, by the signal from 1.9 on. For -e, -E and -m programs SIGINT becomes an InterruptException.
# Here a handler on the program's own thread notes the signal, and it is acted on where that is safe: in the event loop, or at a
# safepoint of Julia code.

const SIGINT = Cint(2)
const SIGQUIT = Cint(3)
const SIGABRT = Cint(6)
const SIGUSR1 = Cint(10)
const SIGTERM = Cint(15)
const INTERRUPTS = Ref{Any}(nothing)            # Base.AsyncCondition, made before the fork
const INTERRUPT_HANDLE = Ref{Ptr{Cvoid}}(C_NULL)
const PENDING = Ref{Cint}(0)                    # the signal that has come and not been acted on, 0: none
const PATIENCE = Ref(0)                         # looks left until it is acted on anywhere
const INTERRUPTIBLE = Ref(false)                # SIGINT is an exception

set_handler(signal, handler::Ptr{Cvoid}) = ccall(:signal, Ptr{Cvoid}, (Cint, Ptr{Cvoid}), signal, handler)
const DEFAULT = C_NULL
const IGNORE = Ptr{Cvoid}(1)

# The C library keeps two signals to itself and refuses to change them. What posix_spawn(3) starts has the first of them ignored.
const LIBRARYS_SIGNALS = Cint(32):Cint(33)
const RT_SIGACTION = Sys.ARCH === :x86_64 ? 13 : 134

function ignore(signal::Cint)
    signal in LIBRARYS_SIGNALS || return (set_handler(signal, IGNORE); nothing)
    action = UInt[1, 0, 0, 0] # the kernel's: handler, flags, restorer, mask
    ccall(:syscall, Clong, (Clong, Clong, Ptr{UInt}, Ptr{Cvoid}, Csize_t), RT_SIGACTION, signal, action, C_NULL, 8)
    nothing
end

# Ends the program by a signal: exit hooks run.
function terminate(signal::Cint)
    PENDING[] = 0
    VERSION < v"1.9-" && ccall(:jl_exit, Cvoid, (Int32,), 128 + signal)
    ccall(:jl_atexit_hook, Cvoid, (Cint,), 128)
    die_by(signal)
end

function die_by(signal::Cint)
    set_handler(signal, DEFAULT)
    unblock(signal)
    send_signal(getpid(), signal)
    nothing
end

# What is printed, written beforehand: a handler may have interrupted the memory allocator.
const ANNOUNCEMENTS = [Ptr{UInt8}(C_NULL) for _ in 1:31]

# The first line of what Julia prints; the backtrace that follows there would need its signal context.
function announcement(signal::Cint)
    name = unsafe_string(ccall(:strsignal, Cstring, (Cint,), signal))
    VERSION < v"1.9-" || signal == SIGUSR1 ? "\nsignal ($signal): $name\n" :
    VERSION < v"1.11-" ? "\n[$(getpid())] signal ($signal): $name\n" : "\n[$(getpid())] signal $signal: $name\n"
end

function announce(signal::Cint)
    text = ANNOUNCEMENTS[signal]
    text == C_NULL || ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), 2, text, ccall(:strlen, Csize_t, (Ptr{UInt8},), text))
    nothing
end

# Handles SIGINT, SIGTERM and SIGQUIT. Where the program waits the event loop is woken; elsewhere the signal is acted on at the
# next safepoint, by taking the page away that safepoints read. That is looked at again every few milliseconds, since the
# program may have begun to wait meanwhile; what ends the program does so nearly anywhere after half a second, as Julia would at
# once. A second signal before that is thrown wherever Julia code runs, or kills.
function arrive(signal::Cint, info::Ptr{Cvoid}, context::Ptr{Cvoid})::Cvoid
    again = unsafe_load(Ptr{Cint}(info + 8)) == SI_TIMER
    again && PENDING[] == 0 && return nothing
    second = !again && PENDING[] != 0
    address = interrupted_at(context)
    if second
        can_throw(signal) && in_julia_code(address) && !is_deferred() ? act(signal) : die_by(signal)
        return nothing
    elseif !again
        PENDING[] = signal
        PATIENCE[] = 50
        can_throw(signal) || announce(signal)
    end
    act_or_wait(address)
    nothing
end

function act_or_wait(address::UInt)
    PATIENCE[] -= 1
    if is_waiting(address)
        give_safepoints_back()
        ccall(:uv_async_send, Cint, (Ptr{Cvoid},), INTERRUPT_HANDLE[])
    elseif SAFEPOINTS[] == C_NULL && in_julia_code(address) && !is_deferred()
        act(PENDING[])
    elseif PATIENCE[] < 0 && !can_throw(PENDING[]) && !is_compiling()
        act(PENDING[])
    else
        look_again()
        take_safepoints_away()                                         # last: each function begins with a safepoint from 1.9 on
    end
    nothing
end

can_throw(signal::Cint) = signal == SIGINT && INTERRUPTIBLE[]

# Leaves the handler without returning.
function act(signal::Cint)
    PENDING[] = 0
    give_safepoints_back()
    unblock(SIGINT); unblock(SIGSEGV); unblock(signal)
    can_throw(signal) ? throw(INTERRUPTION) : terminate(signal)
end

# The two pages that the main thread's safepoints read (src/safepoint.c): the first of three or, from Julia 1.11, four pages in a
# private read-only mapping of their own. C_NULL where it cannot be told which mapping that is.
const SAFEPOINTS = Ref{Ptr{Cvoid}}(C_NULL)
const SAFEPOINT_BYTES = Csize_t(2 * 4096)
const JULIAS_ACTION = zeros(UInt, 20)           # struct sigaction of SIGSEGV, as Julia has installed it
const SAFEPOINT_ACTION = zeros(UInt, 20)
const SIGSEGV = Cint(11)

function find_safepoints()
    VERSION < v"1.9-" || Sys.ARCH === :x86_64 || return                # `behind_safepoints` knows no other
    ccall(:getpagesize, Cint, ()) == 4096 || return
    pages = VERSION < v"1.11-" ? 3 : 4
    found = UInt[]
    for line in eachline("/proc/self/maps")
        words = split(line)
        words[2] == "r--p" && words[5] == "0" && length(words) == 5 || continue
        range = split(words[1], '-')
        first = parse(UInt, range[1], base = 16)
        parse(UInt, range[2], base = 16) - first == pages * 4096 && push!(found, first)
    end
    length(found) == 1 && (SAFEPOINTS[] = Ptr{Cvoid}(found[1]))
    nothing
end

protect_safepoints(protection) =
    ccall(:mprotect, Cint, (Ptr{Cvoid}, Csize_t, Cint), SAFEPOINTS[], SAFEPOINT_BYTES, protection)

function take_safepoints_away()
    SAFEPOINTS[] == C_NULL && return
    ccall(:sigaction, Cint, (Cint, Ptr{UInt}, Ptr{Cvoid}), SIGSEGV, SAFEPOINT_ACTION, C_NULL)
    protect_safepoints(0)
    nothing
end

function give_safepoints_back()
    SAFEPOINTS[] == C_NULL && return
    protect_safepoints(1)                                              # PROT_READ
    ccall(:sigaction, Cint, (Cint, Ptr{UInt}, Ptr{Cvoid}), SIGSEGV, JULIAS_ACTION, C_NULL)
    nothing
end

# A safepoint was read while its page was away. Any other fault happens again at once, and is Julia's then.
function at_safepoint(signal::Cint, info::Ptr{Cvoid}, ::Ptr{Cvoid})::Cvoid
    address = unsafe_load(Ptr{UInt}(info + 16))
    give_safepoints_back()
    ours = UInt(SAFEPOINTS[]) <= address < UInt(SAFEPOINTS[]) + SAFEPOINT_BYTES
    ours && PENDING[] != 0 && !is_deferred() && act(PENDING[])
    nothing
end

# Inside the compiler, type inference and disable_sigint an exception would leave locks taken and work half done; Julia counts
# such regions in a field of the thread's state. Where that field is not known nothing is ever thrown from a handler.
const DEFERRED = Ref{Ptr{Cint}}(C_NULL)
is_deferred() = DEFERRED[] == C_NULL || unsafe_load(DEFERRED[]) != 0 || is_compiling()

# The one word that entering such a region increments (jl_tls_states_t.defer_signal, src/julia_threads.h).
function find_deferred()
    state = Ptr{Cint}(ccall(:jl_get_ptls_states, Ptr{Cvoid}, ()))
    before, inside = zeros(Cint, 2048), zeros(Cint, 2048)
    ccall(:memcpy, Ptr{Cvoid}, (Ptr{Cint}, Ptr{Cint}, Csize_t), before, state, 8192)
    ccall(:jl_sigatomic_begin, Cvoid, ())
    ccall(:memcpy, Ptr{Cvoid}, (Ptr{Cint}, Ptr{Cint}, Csize_t), inside, state, 8192)
    ccall(:jl_sigatomic_end, Cvoid, ())
    at = findall(inside .- before .== 1)
    length(at) == 1 && before[at[1]] == 0 && (DEFERRED[] = state + 4 * (at[1] - 1))
    nothing
end

# From 1.12 on the compiler defers nothing, and what is left half compiled is waited for for ever; plain Julia hangs then. It counts
# what it is in the middle of in another field. An exception of its own may leave that count too high until the next collection, so
# it is believed for five seconds.
const COMPILING = Ref{Ptr{UInt}}(C_NULL)
is_compiling() = COMPILING[] != C_NULL && PATIENCE[] > -450 && unsafe_load(COMPILING[]) != 0

# The one word that reserving something for compilation increments, and giving it back decrements
# (jl_tls_states_t.engine_nqueued, src/engine.cpp).
function find_compiling()
    VERSION < v"1.12-" && return
    state = Ptr{UInt}(ccall(:jl_get_ptls_states, Ptr{Cvoid}, ()))
    method = Base.method_instance(find_safepoints, ())
    before, inside, after = zeros(UInt, 1024), zeros(UInt, 1024), zeros(UInt, 1024)
    copy_words(before, state)
    reserved = ccall(:jl_engine_reserve, Any, (Any, Any), method, SELF)
    copy_words(inside, state)
    ccall(:jl_engine_fulfill, Cvoid, (Any, Ptr{Cvoid}), reserved, C_NULL)
    copy_words(after, state)
    at = findall((before .== 0) .& (inside .== 1) .& (after .== 0))
    length(at) == 1 && (COMPILING[] = state + 8 * (at[1] - 1))
    nothing
end

copy_words(words::Vector{UInt}, from::Ptr{UInt}) =
    (ccall(:memcpy, Ptr{Cvoid}, (Ptr{UInt}, Ptr{UInt}, Csize_t), words, from, sizeof(words)); nothing)

# Whether the event loop is asleep in the kernel.
function is_waiting(address::UInt)
    ccall(:dladdr, Cint, (UInt, Ptr{Ptr{UInt8}}), address, CODE_INFO) == 0 && return false
    name = @inbounds CODE_INFO[3]
    name != C_NULL && ccall(:strstr, Ptr{UInt8}, (Ptr{UInt8}, Cstring), name, "epoll_") != C_NULL
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

# The same signal once more in ten milliseconds, from a timer (timer_create(2); by number, for the C library has it in librt).
function look_again()
    if TIMER[] < 0
        unsafe_store!(Ptr{Cint}(pointer(TIMER_EVENT)), SIGINT, 3)      # struct sigevent: value, then signal and kind of notice
        ccall(:syscall, Clong, (Clong, Clong, Ptr{UInt}, Ptr{Cint}), Sys.ARCH === :x86_64 ? 222 : 107, 1, TIMER_EVENT, TIMER)
    end
    ccall(:syscall, Clong, (Clong, Clong, Clong, Ptr{Clong}, Ptr{Cvoid}), Sys.ARCH === :x86_64 ? 223 : 110, TIMER[], 0, TIMER_TIMES, C_NULL)
    nothing
end
const TIMER = Ref{Cint}(-1)
const TIMER_EVENT = zeros(UInt, 8)
const TIMER_TIMES = Clong[0, 0, 0, 10_000_000]                          # struct itimerspec: interval, then the first time

# Julia says where it is on SIGUSR1 and goes on. From a timer it is Profile's, for the listener that
# is not there.
function describe(signal::Cint, info::Ptr{Cvoid}, ::Ptr{Cvoid})::Cvoid
    unsafe_load(Ptr{Cint}(info + 8)) == SI_TIMER || announce(signal)
    nothing
end

# From 1.9 on every function of Julia's begins with a safepoint, and so do handlers: before one runs, the pages have to be there.
# So a handler is some machine code that gives them back (mprotect(2)) and goes on to the function, everything else unchanged.
const SIGNALLED = Ref{Ptr{Cvoid}}(C_NULL)       # `arrive`, as a handler
const FAULTED = Ref{Ptr{Cvoid}}(C_NULL)         # `at_safepoint`
const ASKED = Ref{Ptr{Cvoid}}(C_NULL)           # `describe`

function prepare_handlers()
    SIGNALLED[] = behind_safepoints(@cfunction(arrive, Cvoid, (Cint, Ptr{Cvoid}, Ptr{Cvoid})))
    FAULTED[] = behind_safepoints(@cfunction(at_safepoint, Cvoid, (Cint, Ptr{Cvoid}, Ptr{Cvoid})))
    ASKED[] = behind_safepoints(@cfunction(describe, Cvoid, (Cint, Ptr{Cvoid}, Ptr{Cvoid})))
    nothing
end

function behind_safepoints(handler::Ptr{Cvoid})
    (SAFEPOINTS[] == C_NULL || VERSION < v"1.9-") && return handler
    bytes(x) = reinterpret(UInt8, [x])
    code = vcat([0x57, 0x56, 0x52],                                    # push rdi, rsi, rdx: the handler's arguments
                [0xb8], bytes(UInt32(10)),                             # mov eax, SYS_mprotect
                [0x48, 0xbf], bytes(UInt64(SAFEPOINTS[])),             # mov rdi
                [0xbe], bytes(UInt32(SAFEPOINT_BYTES)),                # mov esi
                [0xba], bytes(UInt32(1)),                              # mov edx, PROT_READ
                [0x0f, 0x05, 0x5a, 0x5e, 0x5f],                        # syscall; pop rdx, rsi, rdi
                [0x48, 0xb8], bytes(UInt64(handler)), [0xff, 0xe0])    # mov rax; jmp rax
    page = ccall(:mmap, Ptr{UInt8}, (UInt, UInt, Cint, Cint, Cint, Clong), 0, 4096, 3, 0x22, -1, 0)
    UInt(page) == typemax(UInt) && return handler
    for i in 1:length(code)
        unsafe_store!(page, code[i], i)
    end
    ccall(:mprotect, Cint, (Ptr{UInt8}, Csize_t, Cint), page, 4096, 5)  # PROT_READ | PROT_EXEC
    Ptr{Cvoid}(page)
end

# struct sigaction of the C library on Linux: handler, mask of 16 words, flags, restorer.
function describe_action!(action::Vector{UInt}, handler::Ptr{Cvoid}, flags::Integer)
    fill!(action, 0)
    action[1] = UInt(handler)
    action[18] = flags
    action
end

function set_info_handler(signal::Cint, handler::Ptr{Cvoid})
    action = describe_action!(zeros(UInt, 20), handler, 0x10000004)    # SA_RESTART | SA_SIGINFO
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
    find_safepoints()
    find_deferred()
    optionally(find_compiling)
    prepare_handlers()
    schedule(Task(deliver_interrupts))
    yield()
end

function deliver_interrupts()
    while true
        wait(INTERRUPTS[])
        signal = PENDING[]
        PENDING[] = 0
        signal == 0 && continue
        can_throw(signal) || terminate(signal)
        istaskdone(PROGRAM[]) || schedule(PROGRAM[], InterruptException(), error = true)
    end
end

# What needs no job, in a child that has just been forked.
function prepare_signals()
    for signal in (SIGINT, SIGTERM, SIGQUIT, SIGUSR1)
        ANNOUNCEMENTS[signal] = duplicate(announcement(signal))
    end
    ccall(:sigaction, Cint, (Cint, Ptr{Cvoid}, Ptr{UInt}), SIGSEGV, C_NULL, JULIAS_ACTION)
    describe_action!(SAFEPOINT_ACTION, FAULTED[], 0x08000004)               # SA_ONSTACK | SA_SIGINFO
    nothing
end

function install_signals(job::Job)
    # SIGINT ends what Julia runs as a program file, and is an exception for everything else (exit_on_sigint, base/client.jl).
    has_file = !isempty(job.arguments) && all(command -> startswith(command, "L"), job.commands)
    INTERRUPTIBLE[] = !has_file
    for signal in (SIGINT, SIGTERM, SIGQUIT)
        set_info_handler(signal, SIGNALLED[])
    end
    set_info_handler(SIGUSR1, ASKED[])
    for signal in Cint(1):Cint(64)
        signal in (SIGINT, SIGTERM, SIGQUIT, SIGUSR1) && continue
        job.ignored_signals & bit(signal) == 0 || ignore(signal)
    end
    change_mask(1, bit(SIGINT) | bit(SIGQUIT) | bit(SIGABRT) | bit(SIGUSR1) | bit(SIGTERM))
end
