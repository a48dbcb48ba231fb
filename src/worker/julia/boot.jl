# How a worker starts: the conductor has put its control socket at 3 and occupied all other low numbers, so that Julia's own
# descriptors lie high and never collide with a client's.

const SELF = @__MODULE__

function boot(kind::String)
    control = dup_high(Cint(3))
    dup2(0, 3)
    dup2(0, 4)                                                         # this source, read by now
    append!(OWN_VARIABLES, own_variables())
    for fd in 0:2
        STDIO_DUPLICATES[fd+1] = stdio_duplicate(fd)
    end
    kind == "zygote" ? boot_zygote(control) : boot_fresh(control)
end

version_number() = Int32(VERSION.major << 16 | VERSION.minor << 8 | VERSION.patch)

function boot_zygote(control::Cint)
    prepare_interrupts()
    inherited = inherited_descriptors()
    zygote = Zygote(control, inherited, Child[], MessageBuffers(), zeros(UInt8, PACKET_BYTES), Cint[])
    compile_own()
    failed = is_forkable(inherited) ? rehearse(inherited) : -1
    if failed != 0
        tell(zygote, CANNOT_FORK, 0, failed)
        quit(1)
    end
    forget_own_traces()
    GC.gc()
    collecting(false)                                                  # a zygote never collects; its children do
    tell(zygote, BOOTED, 0, version_number())
    serve(zygote)
end

# Code that is not shared with children, and nobody else running.
is_forkable(inherited::Inherited) = inherited.memory >= 0 && has_one_thread()

# A worker that is used once and never forked.
function boot_fresh(control::Cint)
    compile_own()
    forget_own_traces()
    buffers = MessageBuffers()
    send(control, encode_packet(BOOTED, 0, version_number()), Cint(-1), buffers)
    wait_for_job(control, buffers, false)
end

# What a fork or a launch runs must not need compiling then.
function compile_own()
    precompile(serve, (Zygote,))
    precompile(fork_spare, (Zygote,))
    precompile(fork_repaired, (Inherited,))
    precompile(repair_child, (Inherited,))
    precompile(replace_pipe, (Cint, Cint, Cint))
    precompile(replace_epoll, (Inherited,))
    precompile(wait_for_job, (Cint, MessageBuffers, Bool))
    precompile(terminate, (Cint,))
    precompile(interrupt, (Cint,))
    precompile(describe, (Cint,))
    precompile(deliver_interrupts, ())
    nothing
end
