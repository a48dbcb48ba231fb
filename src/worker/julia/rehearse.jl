# Before a zygote serves: probes, which show whether this Julia can be forked at all, and rehearsals, whose compiled methods
# are compiled here too, so that no launch has to. A successor goes through more of them.
# Both run in forked children, several at once, under a deadline. None runs code of the user's.

const DEADLINE_NS = UInt64(60_000_000_000)
const TOO_SLOW = -2

# Children that run the probes, all at once.
const PROBING = 3

# Exercises, in a child, what a program may need after a fork; an exception means that it cannot be had.
const PROBES = [
    "f(x, n) = (for i in 1:n; x = muladd(x, 0.5, i); end; x); f(1.0, 9) isa Float64 || error(\"compile\")",
    "x = [string(i) for i in 1:2000]; GC.gc(); length(x)",
    "t = Task(() -> (sleep(0.01); 7)); schedule(t); fetch(t) == 7 || error(\"task\")",
    "read(`sh -c 'echo a; exit 0'`, String) == \"a\\n\" || error(\"subprocess\")",
    "try; error(\"x\"); catch e; e isa ErrorException || rethrow(); end; length(catch_backtrace()) >= 0",
    "mktemp() do path, io; write(io, \"x\"); close(io); read(path, String) == \"x\" || error(\"file\"); end",
    "Sys.isunix() && parse(Int, string(rand(1:9))) > 0 || error(\"random\")",
]

function probe()
    scratch = Module(:Probe)
    for text in PROBES
        Core.eval(scratch, Meta.parse("begin " * text * " end"))
    end
end

# Launches whose compiled methods are worth having: what is common to most programs.
struct Rehearsal
    stdio::Symbol               # :file, :pipe or :terminal
    commands::Vector{String}
    arguments::Vector{String}
    status::Int                 # the exit status that it must have
end

const PROGRAM_TEXT = """
function main(args)
    println("hello ", length(args), ' ', 1.5)
end
main(ARGS)
println("hello")
println(1)
print(stderr, "x")
println("a \$(length(ARGS)) b")
@show 1
"""

function programs(file)
    path = file(PROGRAM_TEXT)
    Rehearsal[
        Rehearsal(:terminal, String[], [path, "a", "b"], 0),
        Rehearsal(:pipe, String[], [path, "a", "b"], 0),
        Rehearsal(:file, ["L" * path, "eprintln(1)", "E1+1"], ["a"], 0),
    ]
end

# Showing an error takes seconds until the debug information has been read once.
failing_programs(file) = Rehearsal[Rehearsal(:terminal, String[], [file("f(x) = error(\"no \$x\")\nf(1)\n")], 1)]

struct Rehearsing
    pid::Cint
    trace::String
    number::Int
    status::Int
end

# Forks a child that runs `work` with its compiling traced to a file.
function fork_rehearsal(work, inherited::Inherited, trace::String, number::Int, status::Int)
    pid = fork_repaired(inherited)
    if pid == 0
        end_with_parent(true)
        collecting(true)
        trace_to(trace)
        try
            work()
        catch error
            ccall(:dprintf, Cint, (Cint, Cstring, Cstring...), 2, "probe %s\n", sprint(showerror, error))
            quit(1)
        end
        quit(0)
    end
    Rehearsing(pid, trace, number, status)
end

function run_rehearsal(rehearsal::Rehearsal)
    fds = Cint[-1, ccall(:open, Cint, (Cstring, Cint, Cint...), "/", 0, 0)]
    append!(fds, rehearsal_stdio(rehearsal.stdio))
    environment = String[name * "=" * value for (name, value) in ENV]
    stack = UInt64(8 << 20)
    job = Job(UInt32[0, 1, 2], 0o22, 0, 0, Limit[], environment, rehearsal.arguments, rehearsal.commands,
              ["startupfile" => Int32(2)], Pair{String,String}[], stack)
    socket, other = socket_pair(1)
    become(job, fds)
    prepare_signals()
    prepare_program(job)
    install_signals(job)
    run_program(job)
end

function rehearsal_stdio(kind::Symbol)
    null() = dup_high(ccall(:open, Cint, (Cstring, Cint, Cint...), "/dev/null", 2, 0))
    kind === :file && return [null(), null(), null()]
    if kind === :pipe
        in, away = socket_pair(1)
        close_fd(away)
        out = Ref{NTuple{2,Cint}}((-1, -1))
        ccall(:pipe2, Cint, (Ptr{Cvoid}, Cint), out, CLOEXEC)
        dup_high(out[][1])                                             # what lies low is closed, and a program needs somebody who reads
        return [dup_high(in), dup_high(out[][2]), dup_high(out[][2])]
    end
    leader, terminal = open_terminal()
    terminal < 0 && return [null(), null(), null()]
    dup_high(leader)
    [dup_high(terminal) for _ in 1:3]
end

# A pseudo-terminal that is nobody's controlling terminal: its two ends, -1 where there is none to be had (pty(7)).
function open_terminal()
    leader = ccall(:posix_openpt, Cint, (Cint,), 2 | 0o400 | CLOEXEC)                       # O_RDWR | O_NOCTTY
    leader < 0 && return (Cint(-1), Cint(-1))
    ccall(:grantpt, Cint, (Cint,), leader); ccall(:unlockpt, Cint, (Cint,), leader)
    name = unsafe_string(ccall(:ptsname, Cstring, (Cint,), leader))
    (leader, ccall(:open, Cint, (Cstring, Cint, Cint...), name, 2 | 0o400 | CLOEXEC, 0))
end

# Waits for a child until the deadline; its wait status, or -1 where it had to be killed.
function await(child::Rehearsing, deadline::UInt64)
    status = Ref{Cint}(0)
    while ccall(:waitpid, Cint, (Cint, Ptr{Cint}, Cint), child.pid, status, 1) != child.pid
        if now_ns() > deadline
            send_signal(-child.pid, 9)
            ccall(:waitpid, Cint, (Cint, Ptr{Cint}, Cint), child.pid, status, 0)
            return Cint(-1)
        end
        poll(PollFd[], 2)
    end
    status[]
end

# Whether this Julia can be forked: 0, the number of the first probe or rehearsal that failed, or TOO_SLOW, which says nothing
# about this Julia.
try_out() = with_files(file -> run_children([probe for _ in 1:PROBING], programs(file), file))

# What launches have to be spared: takes seconds, so a successor does it.
rehearse() = with_files() do file
    try
        prepare_rest()
        scout(file, now_ns() + DEADLINE_NS) && exercise(file)
    catch
        # First calls stay slow; nothing else depends on it.
    end
    stage("exercise")
    # What is only about branches says nothing about this Julia.
    branch = fork_rehearsal(() -> rehearse_branch(file(BRANCH_TEXT)), inherited_descriptors(), file(""), 0, 0)
    failed = run_children([], vcat(programs(file), failing_programs(file)), file)
    await(branch, now_ns() + DEADLINE_NS) == 0 || ccall(:dprintf, Cint, (Cint, Cstring, Cstring...), 2, "%s\n", "no branch could be rehearsed")
    compile_traced([branch.trace])
    stage("branch")
    failed
end

# Calls `work` with a function that makes files: from a text a path that this process and its children can open. The files have
# no name in any folder, so one that is killed meanwhile leaves nothing behind.
function with_files(work)
    files = Cint[]
    try
        work(text -> memory_path(files, text))
    finally
        foreach(close_fd, files)
    end
end

function memory_path(files::Vector{Cint}, text::String)
    low = memory_file("rehearsal.jl")
    low < 0 && error("memfd_create: errno $(Libc.errno())")
    push!(files, dup_high(low))
    close_fd(low)
    path = "/proc/self/fd/$(last(files))"
    write(path, text)
    path
end

function run_children(probes::Vector, list::Vector{Rehearsal}, file)
    deadline = now_ns() + DEADLINE_NS
    inherited = inherited_descriptors()
    children = Rehearsing[fork_rehearsal(probes[i], inherited, file(""), i, 0) for i in 1:length(probes)]
    Core.eval(Module(:Beside), :(sum(x -> x^2 + $(length(children)), 1:10)))       # the parent compiles at the same time
    for (i, rehearsal) in enumerate(list)
        work() = run_rehearsal(rehearsal)
        push!(children, fork_rehearsal(work, inherited, file(""), length(probes) + i, rehearsal.status))
    end
    failed = 0
    for child in children
        status = await(child, deadline)
        failed != 0 || status == child.status << 8 || (failed = status == -1 ? TOO_SLOW : child.number)
    end
    stage("children")
    failed == 0 && compile_traced([child.trace for child in children[length(probes)+1:end]])
    stage("methods")
    failed
end

# What most programs do first, done here with the very functions that run programs: compiling a method ahead leaves its first
# call slow, since nothing has been looked up yet. Nothing in it defines or assigns anything in Main.
const EXERCISE = """
println("a")
println(1)
println("a", 1)
println("a \$(1 + 1) b")
print("a"); print(1)
print("a", 1.5, ' ', :b, '\\n')
print(stderr, "x", 1)
println(stderr, "x")
show(stdout, [1, 2])
for i in 1:2; println(i); end
join(["a", "b"], ","); split("a b"); string(1, "x"); parse(Int, "1"); length(ARGS); isempty(ARGS)
"""

# A failing program ends Julia, so on versions where this one has not been seen to run a child goes first.
function scout(file, deadline::UInt64)
    VERSION < v"1.6-" && return true
    rehearsal = Rehearsal(:file, String[], [file(EXERCISE), "a"], 0)
    await(fork_rehearsal(() -> run_rehearsal(rehearsal), inherited_descriptors(), file(""), 0, 0), deadline) == 0
end

function exercise(file)
    output = take_output()
    as_program(String[], [file(EXERCISE), "a"])
    as_program(["enothing"], ["a"])
    as_program(["eprintln(1)"], String[])
    foreach(flush, (stdout, stderr))
    give_output_back(output)
    close_fd(output[1])
    exercise_streams(file("error(1)"))
end

# From now on output goes to a file without a name: that file, and where the output went before.
function take_output()
    low = memory_file("output")
    file = dup_high(low)
    close_fd(low)
    outputs = Cint[1, 2, STDIO_DUPLICATES[2], STDIO_DUPLICATES[3]]
    kept = [dup_high(fd) for fd in outputs]
    dup2(file, 1); dup2(file, 2)
    for n in 2:3; dup_own(file, STDIO_DUPLICATES[n]); end
    (file, outputs, kept)
end

function give_output_back((file, outputs, kept))
    foreach(flush, (stdout, stderr))
    ccall(:fflush, Cint, (Ptr{Cvoid},), C_NULL)
    for (fd, old) in zip(outputs, kept)
        fd <= 2 ? dup2(old, fd) : dup_own(old, fd)
        close_fd(old)
    end
end

# In a spare: does what a launch does, so that the pages that every program writes to are this process's own before one comes,
# and not while it waits. Skipped where one waits already.
function touch_memory(socket::Cint)
    poll(PollFd[PollFd(socket, POLLIN, 0)], 0) > 0 && return
    null = ccall(:open, Cint, (Cstring, Cint, Cint...), "/dev/null", 1 | CLOEXEC, 0)
    for n in 2:3; dup_own(null, STDIO_DUPLICATES[n]); end               # a program that has none prints to nobody, as in Julia
    close_fd(null)
    collecting(true)
    redo_startup()
    as_program(["enothing"], String[])
    WARM_UP_FILE[] < 0 || as_program(String[], ["/proc/self/fd/$(WARM_UP_FILE[])"])
    pass_over_app()
    foreach(flush, (stdout, stderr))
    nothing
end

# What spares run, in a file without a name. Nothing in it needs compiling.
const WARM_UP = "println(\"a\")\nprintln(stderr, \"x\")\n"
const WARM_UP_FILE = Ref{Cint}(-1)

function keep_warm_up()
    WARM_UP_FILE[] < 0 || return
    fd = memory_file("warm_up.jl")
    fd < 0 && return
    WARM_UP_FILE[] = dup_high(fd)
    close_fd(fd)
    ccall(:write, Cssize_t, (Cint, Cstring, Csize_t), WARM_UP_FILE[], WARM_UP, sizeof(WARM_UP))
    nothing
end

# Julia's own start for a program, in this process.
function as_program(commands::Vector{String}, arguments::Vector{String})
    set_commands(commands)
    set_arguments(arguments)
    task = Base.invokelatest(Task, Base._start, 8 << 20)
    schedule(task)
    wait(task)
end

# The same on a file, a pipe and a terminal of our own. Showing an error reads the debug information of Julia itself, which
# takes seconds the first time in a process.
function exercise_streams(path::String)
    exercise_stream(ccall(:open, Cint, (Cstring, Cint, Cint...), "/dev/null", 1 | CLOEXEC, 0), path)
    both = Ref{NTuple{2,Cint}}((-1, -1))
    ccall(:pipe2, Cint, (Ptr{Cvoid}, Cint), both, CLOEXEC)
    exercise_stream(both[][2], path)
    close_fd(both[][1])
    # From 1.11 on a terminal's properties are looked up once per process, and most of this is in the system image.
    VERSION < v"1.11-" || return
    leader, terminal = open_terminal()
    exercise_stream(terminal, path)
    close_fd(leader)
end

function exercise_stream(fd::Cint, failing::String)
    fd < 0 && return
    stream = open_stream(fd)
    stream === nothing && return
    for text in EXERCISES_ON_STREAMS
        Core.eval(SELF, :(let io = $stream; $text; end))
    end
    try
        Base.include(Module(:Exercise), failing)
    catch
        show_error(stream)
    end
    close(stream)
    yield()
end
const EXERCISES_ON_STREAMS = [:(println(io, "a")), :(println(io, 1)), :(print(io, "a", 1.5, ' ', :b)), :(println(io, "a", 1)), :(flush(io))]
