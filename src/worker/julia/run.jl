# Turning a worker into the launched program: everything that a new process would have from its client.

const PROGRAM = Ref{Task}()
const OWN_VARIABLES = Pair{String,String}[]
const LIMIT_FILE_SIZE = 1                                              # RLIMIT_FSIZE, getrlimit(2)
const STDIO_DUPLICATES = Cint[-1, -1, -1]

# Not a field of JLOptions: the methods that this job has to compile are to be noted.
const NOTES = "notes"

# Receives a job on `socket`, announces it on the job's channel, waits for "go" and runs it. Never returns. A forked child has a
# file to note methods in, or -1; a fresh worker `nothing`.
function wait_for_job(socket::Cint, buffers::MessageBuffers, trace::Union{Cint,Nothing})
    fds = Cint[]
    bytes = receive_frame(socket, fds, buffers)
    bytes === nothing && quit(0)
    close_fd(socket)
    job = decode_job(bytes::Vector{UInt8}, HEADER_BYTES + 1)
    # Another program than the one that was begun ahead: whoever has announced itself is taken for the program.
    ccall(:fchdir, Cint, (Cint,), fds[2])
    is_as_begun(job) || quit(0)
    channel = dup_high(fds[1])
    close_fd(fds[1])
    announce_job(channel, buffers)
    become(job, fds)
    prepare_program(job)
    trace === nothing || note_methods(job, trace)
    wait_for_go(channel, buffers) || quit(0)
    remember_channel(channel)
    trace === nothing || install_signals(job)
    run_program(job)
end

# Not under a limit of its own on the size of files: notes are one, too.
function note_methods(job::Job, trace::Cint)
    wanted = any(option -> option.first == NOTES, job.numbers) && !any(limit -> limit.resource == LIMIT_FILE_SIZE, job.limits)
    wanted && start_tracing(trace)
    close_fd(trace)
    nothing
end

function receive_frame(socket::Cint, fds::Vector{Cint}, buffers::MessageBuffers)
    bytes = zeros(UInt8, HEADER_BYTES)
    fill_from(socket, bytes, 0, fds, buffers) || return nothing
    body = Int(GC.@preserve bytes ltoh(unsafe_load(Ptr{UInt32}(pointer(bytes, 9)))))
    resize!(bytes, HEADER_BYTES + body)
    fill_from(socket, bytes, HEADER_BYTES, fds, buffers) ? bytes : nothing
end

function fill_from(socket::Cint, bytes::Vector{UInt8}, have::Int, fds::Vector{Cint}, buffers::MessageBuffers)
    while have < length(bytes)
        n = GC.@preserve bytes receive(socket, pointer(bytes, have + 1), length(bytes) - have, fds, buffers)
        n == -EINTR && continue
        n <= 0 && return false
        have += n
    end
    true
end

function wait_for_go(channel::Cint, buffers::MessageBuffers)
    bytes = zeros(UInt8, PACKET_BYTES)
    none = Cint[]
    while true
        n = GC.@preserve bytes receive(channel, pointer(bytes), PACKET_BYTES, none, buffers)
        n == -EINTR && continue
        return n == PACKET_BYTES && decode_packet(bytes)[1] == GO
    end
end

# Everything of the kernel's that the program inherits.
function become(job::Job, fds::Vector{Cint})
    ccall(:fchdir, Cint, (Cint,), fds[2])
    close_fd(fds[2])
    place_descriptors(job.descriptors, fds)
    use_terminal(job)
    ccall(:umask, Cint, (Cint,), job.umask)
    job.niceness == 0 || ccall(:setpriority, Cint, (Cint, Cint, Cint), 0, 0, job.niceness)
    replace_environment(job.environment)
    nothing
end

# Last of all: a limit on open files may be lower than the numbers of Julia's own descriptors, which still have to move.
function set_limits(limits::Vector{Limit})
    for limit in limits
        pair = Ref{NTuple{2,UInt64}}((soft_limit(limit), limit.hard))
        ccall(:setrlimit, Cint, (Cint, Ptr{Cvoid}), limit.resource, pair)
    end
    nothing
end

# Received descriptors have the numbers that were free: all go up first, so that none takes another's place, then each to its
# own, and the rest is closed. The numbers come in ascending order.
function place_descriptors(numbers::Vector{UInt32}, fds::Vector{Cint})
    for i in 3:length(fds)
        received = fds[i]
        fds[i] = dup_high(received)
        close_fd(received)
    end
    next = 0
    for (i, number) in enumerate(numbers)
        move_fd(fds[i+2], number % Cint)
        close_range(next, Int(number) - 1)
        next = Int(number) + 1
    end
    close_range(next, FIRST_OWN - 1)
end

# Entries and the array that the C library knows them by, kept for ever. One allocation instead of one for each entry, which
# would each write to another page of the heap; and an entry without `=` stays, as in a new process.
const ENVIRONMENT = String[]
const ENVIRON = Ptr{UInt8}[]

function replace_environment(entries::Vector{String})
    start = length(ENVIRONMENT) + 1                                    # pointers to older entries may have been kept
    empty!(ENVIRON)
    append!(ENVIRONMENT, entries)
    for (name, value) in OWN_VARIABLES
        prefix = name * "="
        any(entry -> startswith(entry, prefix), entries) || push!(ENVIRONMENT, prefix * value)
    end
    for i in start:length(ENVIRONMENT)
        push!(ENVIRON, pointer(ENVIRONMENT[i]))
    end
    push!(ENVIRON, C_NULL)
    unsafe_store!(cglobal(:environ, Ptr{Ptr{UInt8}}), pointer(ENVIRON))
    nothing
end

# Everything of Julia's own that the program finds. Nobody can see that it was done, so it is done while the client is asked.
function prepare_program(job::Job)
    for (name, value) in job.numbers; set_option(name, value); end
    for (name, value) in job.texts; set_option(name, value); end
    set_commands(commands_of(job))
    set_arguments(job.arguments)
    for fd in Cint(0):Cint(2)
        replace_stream(fd, STDIO_DUPLICATES[fd+1])
    end
    redo_startup()
    nothing
end

function run_program(job::Job)
    set_limits(job.limits)
    collecting(true)
    run_start(job.stack_bytes)
end
