# How a worker starts: the conductor has put its control socket at 3 and occupied all other low numbers, so that Julia's own
# descriptors lie high and never collide with a client's. What is opened later lies low, as in any process.

const SELF = @__MODULE__

function boot(kind::String)
    control = dup_high(Cint(3))
    dup2(0, 3)
    dup2(0, 4)                                                         # this source, read by now
    register_leaving()
    forget_color()
    append!(OWN_VARIABLES, own_variables())
    for fd in 0:2
        STDIO_DUPLICATES[fd+1] = stdio_duplicate(fd)
    end
    kind == "zygote" ? boot_zygote(control) : kind == "repl" ? boot_repl(control) :
    kind == "session" ? boot_session(control) : boot_fresh(control)
end

version_number() = Int32(VERSION.major << 16 | VERSION.minor << 8 | VERSION.patch)

const STAGES = Pair{String,UInt64}[]
stage(name::String) = (push!(STAGES, name => now_ns()); nothing)

# One line in the log: how long each part of booting took.
function log_stages()
    text = "boot:"
    for i in 2:length(STAGES)
        text *= string(" ", STAGES[i].first, " ", div(STAGES[i].second - STAGES[i-1].second, 1_000_000), " ms")
    end
    ccall(:dprintf, Cint, (Cint, Cstring, Cstring), 2, "%s\n", text)
    nothing
end

# Serves as soon as it is known that this Julia can be forked. What makes launches fast but takes long is left to a successor.
function boot_zygote(control::Cint)
    stage("start")
    prepare_interrupts()
    zygote = new_zygote(control)
    compile_own()
    optionally(prepare_huge_pages)
    optionally(use_huge_pages)
    stage("own")
    failed = is_forkable(inherited_descriptors()) ? try_out() : -1
    settle_down(zygote, failed)
end

# A successor, in a child of the zygote whose place it is to take. A branch has one where it is launched in a loop.
function grow_up(control::Cint)
    occupy_low_numbers()
    zygote = new_zygote(dup_high(control))
    end_with_parent(true)
    tell(zygote, READY, getpid(), 0)
    empty!(STAGES)
    stage("start")
    if IS_BRANCH[]
        optionally(collapse_scattered)
        announce(zygote)
    else
        collecting(true)
        settle_down(zygote, rehearse())
    end
end

new_zygote(control::Cint) =
    Zygote(control, inherited_descriptors(), Child[], MessageBuffers(), zeros(UInt8, PACKET_BYTES), shared_bytes(), Cint[], Pair{Cint,Cint}[])

# Announces a zygote and serves; or says what failed and ends.
function settle_down(zygote::Zygote, failed::Int)
    is_branch = IS_BRANCH[]
    if failed != 0
        tell(zygote, CANNOT_FORK, 0, failed)
        quit(1)
    end
    forget_own_traces()
    keep_warm_up()
    prepare_tracing()
    GC.gc(!is_branch)                                                  # a full one writes to all that a branch shares with its zygote
    ccall(:malloc_trim, Cint, (Csize_t,), 0)
    is_branch || optionally(use_up_free_memory)
    age_objects(is_branch)
    collecting(false)                                                  # a zygote never collects; its children do
    optionally(is_branch ? use_own_huge_pages : use_huge_pages)
    announce(zygote)
end

function announce(zygote::Zygote)
    stage("memory")
    log_stages()
    occupy_low_numbers()
    zygote.inherited = inherited_descriptors()                         # after everything that may open or close some
    end_with_parent(false)
    tell(zygote, BOOTED, getpid(), version_number())
    serve(zygote)
end

# Makes all that lives old and marked, so that quick collections in children leave it alone (`gc_sweep_page`, src/gc.c), and
# nothing counted as promoted, so that their first one is a quick one.
function age_objects(is_branch::Bool)
    is_branch || GC.gc(true)
    GC.gc(false)
    GC.gc(false)
end

# What only makes launches faster: where it cannot be had they are slower.
function optionally(work)
    try
        work()
    catch error
        ccall(:dprintf, Cint, (Cint, Cstring, Cstring...), 2, "left out: %s\n", sprint(showerror, error))
    end
    nothing
end

# Ending a process costs by the descriptor, too.
free_low_numbers() = close_range(3, FIRST_OWN - 1)

# What Julia opens for itself while a zygote works must lie high, as at its boot.
function occupy_low_numbers()
    for number in Cint(3):FIRST_OWN-Cint(1)
        is_open(number) || dup2(0, number)
    end
end

# Code that is not shared with children, and nobody else running.
is_forkable(inherited::Inherited) = inherited.memory >= 0 && has_one_thread()

# A worker that is used once and never forked.
function boot_fresh(control::Cint)
    precompile(wait_for_job, (Cint, MessageBuffers, Nothing))
    precompile(use_terminal, (Job,))
    forget_own_traces()
    free_low_numbers()
    buffers = MessageBuffers()
    send(control, encode_packet(BOOTED, 0, version_number()), Cint(-1), buffers)
    wait_for_job(control, buffers, nothing)
end

# What a fork or a launch runs must not need compiling then.
function compile_own()
    precompile(serve, (Zygote,))
    precompile(fork_spare, (Zygote, Bool))
    precompile(fork_branch, (Zygote,))
    precompile(optionally, (typeof(collapse_scattered),))
    precompile(collapse_scattered, ())
    precompile(collapse, (Mapping,))
    precompile(trace_file, ())
    precompile(start_tracing, (Cint,))
    precompile(is_written, (Cint,))
    precompile(is_as_begun, (Job,))
    precompile(commands_of, (Job,))
    precompile(pass_over_app, ())
    precompile(fork_repaired, (Inherited,))
    precompile(repair_child, (Inherited,))
    precompile(free_low_numbers, ())
    precompile(close_range, (Int, Cint))
    precompile(replace_pipe, (Cint, Cint, Cint))
    precompile(replace_epoll, (Inherited,))
    precompile(wait_for_job, (Cint, MessageBuffers, Cint))
    precompile(wait_for_job, (Cint, MessageBuffers, Nothing))
    precompile(note_methods, (Job, Cint))
    precompile(touch_memory, (Cint,))
    for f in (terminate, die_by, announce, act, can_throw, unblock)
        precompile(f, (Cint,))
    end
    precompile(arrive, (Cint, Ptr{Cvoid}, Ptr{Cvoid}))
    precompile(at_safepoint, (Cint, Ptr{Cvoid}, Ptr{Cvoid}))
    for f in (act_or_wait, in_julia_code, is_waiting)
        precompile(f, (UInt,))
    end
    for f in (take_safepoints_away, give_safepoints_back, look_again, is_deferred, is_compiling)
        precompile(f, ())
    end
    precompile(describe, (Cint, Ptr{Cvoid}, Ptr{Cvoid}))
    precompile(deliver_interrupts, ())
    nothing
end
