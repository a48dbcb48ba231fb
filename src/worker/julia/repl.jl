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

function boot_repl(control::Cint)
    take_terminal()
    load_repl()
    boot_fresh(control)
end
