# A worker for REPLs: its process leads nothing, but has a controlling terminal from its start, which its keeper has opened. The
# side that is typed at goes to the client with the job.

const LEADER = Ref{Cint}(-1)                # where it is typed; -1: no terminal of its own, or its client has it
const TERMINAL = Ref{Cint}(-1)

# Not a field of JLOptions: which of 0-2 are to be that terminal, bit n for number n.
const ON_TERMINAL = "terminal"

function take_terminal()
    LEADER[], TERMINAL[] = dup_high(Cint(5)), dup_high(Cint(6))
    dup2(0, 5); dup2(0, 6)
    nothing
end

# To the client that a job comes from.
function announce_job(channel::Cint, buffers::MessageBuffers)
    send(channel, encode_packet(READY, getpid(), 0), LEADER[], buffers)
    LEADER[] < 0 || close_fd(LEADER[])
    LEADER[] = Cint(-1)
    nothing
end

function use_terminal(job::Job)
    TERMINAL[] < 0 && return
    for (name, value) in job.numbers, fd in Cint(0):Cint(2)
        name == ON_TERMINAL && value & (1 << fd) != 0 && dup2(TERMINAL[], fd)
    end
    close_fd(TERMINAL[])
    TERMINAL[] = Cint(-1)
    nothing
end

# What a first prompt compiles: a REPL, on a terminal of its own, to which these lines are typed. They are not evaluated, so
# Main stays as it is, and their history is a file that goes with them. The last key ends it.
const REHEARSED = ["1 + 1\n", "displaysi\t;\n", "\"a\"\n", "[1, 2];\n", "?sin\n", ";echo\n", "f(x) = \"x\"\n", "\e[A\e[A\e[B\x12sin\a\n", "error()\n", "\x04"]
const REHEARSED_ANSWERS = Any[2, (24, 80), "a", [1, 2], nothing, nothing, sin, :(a + 1)]
const REHEARSAL_SECONDS = 60

function rehearse_repl(REPL::Module)
    get(ENV, "TERM", "dumb") == "dumb" && return
    leader, terminal = open_terminal()
    terminal < 0 && return
    stream = open_stream(dup_high(terminal))
    try
        with_files() do file
            ENV["JULIA_HISTORY"] = file("")
            type_to_repl(REPL, stream, leader)
        end
    finally
        delete!(ENV, "JULIA_HISTORY")
        close(stream)
        foreach(close_fd, (leader, terminal))
    end
    GC.gc()                                                            # it closes its history
    nothing
end

function type_to_repl(REPL::Module, stream, leader::Cint)
    questions, answers = Channel(1), Channel(1)
    frontend = Task(() -> run_rehearsed(REPL, stream, questions, answers))
    backend = Task(() -> answer_rehearsed(questions, answers))
    foreach(schedule, (frontend, backend))
    screen, typed, deadline = UInt8[], 0, now_ns() + REHEARSAL_SECONDS * UInt64(1_000_000_000)
    while !istaskdone(frontend)
        now_ns() > deadline && quit(1)                                 # it would go on in the program's process
        append!(screen, read_now(leader))
        if typed < length(REHEARSED) && count_prompts(screen) > typed
            typed += 1
            ccall(:write, Cssize_t, (Cint, Cstring, Csize_t), leader, REHEARSED[typed], sizeof(REHEARSED[typed]))
        end
        sleep(0.001)
    end
    wait(frontend)
end

const REPL_READY = codeunits("\e[?2004h")                              # bracketed paste is on
count_prompts(screen::Vector{UInt8}) = count(i -> view(screen, i:i+7) == REPL_READY, 1:length(screen)-7)

function read_now(fd::Cint)
    poll(PollFd[PollFd(fd, POLLIN, 0)], 0) > 0 || return UInt8[]
    bytes = zeros(UInt8, 4096)
    n = ccall(:read, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), fd, bytes, length(bytes))
    resize!(bytes, max(n, 0))
end

# In place of the task that evaluates.
function answer_rehearsed(questions::Channel, answers::Channel)
    asked = 0
    while true
        question, kind = take!(questions)
        kind == -1 && return
        kind == 2 || (asked += 1)
        put!(answers, kind == 2 ? Pair{Any,Bool}(question(), false) :  # a function, from 1.12 on
                      asked > length(REHEARSED_ANSWERS) ? Pair{Any,Bool}(an_error(), true) :
                      Pair{Any,Bool}(REHEARSED_ANSWERS[asked], false))
    end
end
an_error() = try error("no") catch; exception_stack() end

function boot_repl(control::Cint)
    take_terminal()
    REPL = load_repl()
    REPL === nothing || optionally(() -> Base.invokelatest(rehearse_repl, REPL))
    boot_fresh(control)
end
