//! Standard input and output of every kind, other descriptors, subprocesses.

use crate::support::normal;
use crate::support::{Case, End, Launch, Running, Stream, Way, World, direct, fork};

const KINDS: &str = "for s in (stdin, stdout, stderr); Core.println(typeof(s)); end; println((isopen(stdin), isopen(stdout), isreadable(stdin), iswritable(stdout), get(stdout, :color, nothing), displaysize(stdout)))";

pub fn standard() -> Vec<Case> {
    let all_bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let large = vec![b'q'; 5 << 20];
    vec![
        fork("kinds of pipes").args(["-e", KINDS]).fed(""),
        fork("kinds of files").args(["-e", KINDS]).with(0, Stream::FileWith(vec![])).with(1, Stream::CaptureFile).with(2, Stream::CaptureFile),
        fork("kinds of /dev/null").args(["-e", &format!("{KINDS}; write(\"out\", string(typeof.((stdin, stdout, stderr))))")]).with(1, Stream::Null).with(2, Stream::Null),
        fork("kinds of sockets").args(["-e", KINDS]).with(1, Stream::CaptureSocket).with(2, Stream::CaptureSocket),
        fork("binary input to output").args(["-e", "write(stdout, read(stdin))"]).fed(&all_bytes),
        fork("binary file to file").args(["-e", "write(stdout, read(stdin))"]).with(0, Stream::FileWith(all_bytes)).with(1, Stream::CaptureFile),
        fork("5 MB of input").args(["-e", "println(length(read(stdin)))"]).fed(&large).prints("5242880"),
        fork("5 MB through").args(["-e", "while !eof(stdin); write(stdout, readavailable(stdin)); end"]).fed(&large),
        fork("5 MB of output to a slow reader").args(["-e", "write(stdout, zeros(UInt8, 5 << 20)); println(\"end\")"]),
        fork("lines of input").args(["-e", "for (i, l) in enumerate(eachline()); println(i, \" \", repr(l)); end"]).fed("a\n\nb\r\nc"),
        fork("one line and the rest").args(["-e", "println(readline(), \"|\", read(stdin, Char), \"|\", read(stdin, String))"]).fed("first\nxrest\nend"),
        fork("words of input").args(["-e", "n, m = parse.(Int, split(readline())); println(n * m)"]).fed("6 7\n").prints("42"),
        fork("the end of input").args(["-e", "println(eof(stdin)); println(repr(readline())); println(read(stdin))"]).fed(""),
        fork("reading past the end").args(["-e", "read(stdin, UInt8)"]).fed("").exits(1).prints("EOFError"),
        fork("input that comes bit by bit").args(["-e", "for l in eachline(); println(\"got \", l); flush(stdout); end"]).with(0, Stream::Held).act(
            |program| {
                for word in ["one", "two"] {
                    program.write(format!("{word}\n"));
                    program.stdout().await_text(&format!("got {word}\n"));
                }
                program.end_input();
            },
        ),
        fork("input that nobody reads").args(["-e", "println(1)"]).fed(&large),
        fork("input left open").args(["-e", "println(1)"]).with(0, Stream::Held).act(|program| program.stdout().await_text("1\n")),
        fork("the position in a file").with(0, Stream::FileWith(b"abcdef".to_vec())).args(["-e", "read(stdin, 3); run(`cat`)"]),
        fork("stderr into stdout").with(2, Stream::Same(1)).args(["-e", "for i in 1:50; println(stdout, i); println(stderr, -i); end; error(\"x\")"]).exits(1),
        fork("stdout into stderr").with(1, Stream::Same(2)).args(["-e", "println(1); println(stderr, 2); error(\"x\")"]).exits(1),
        fork("both into one file").with(1, Stream::CaptureFile).with(2, Stream::Same(1)).args(["-e", "println(1); println(stderr, 2); run(`echo 3`); println(4)"]),
        fork("C's printf").args(["-e", "ccall(:printf, Cint, (Cstring,), \"c\\n\"); println(\"julia\"); ccall(:puts, Cint, (Cstring,), \"c2\")"]).prints("c2"),
        fork("C's printf into a file").with(1, Stream::CaptureFile).args(["-e", "ccall(:printf, Cint, (Cstring,), \"c\\n\"); println(\"julia\")"]),
        fork("C's printf, flushed").args(["-e", "ccall(:puts, Cint, (Cstring,), \"c\"); Libc.flush_cstdio(); println(\"julia\")"]),
        fork("C's getchar").args(["-e", "println(Char(ccall(:getchar, Cint, ())), read(stdin, String))"]).fed("xyz"),
        fork("C's write").args(["-e", "ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), 2, \"err\\n\", 4)"]).prints("err"),
        fork("output redirected by the program")
            .script("open(\"out\", \"w\") do io\n redirect_stdout(io) do\n println(\"file\"); run(`echo sub`)\n end\nend\nprintln(\"back\")\nrd, wr = redirect_stderr()\nprintln(stderr, \"in a pipe\")\nprintln(readline(rd))"),
        fork("Core.println and raw streams").args(["-e", "Core.println(1); println(Core.stdout, 2); print(Core.stderr, 3)"]),
        fork("output without a newline, then an error").args(["-e", "print(\"abc\"); error(\"x\")"]).exits(1),
    ]
}

pub fn broken() -> Vec<Case> {
    let quiet = "x = read(stdin, String); write(\"out\", repr(x))";
    let report = "println(\"out\"); println(stderr, \"err\"); write(\"done\", \"1\")";
    let first_line = |program: &mut Running| {
        program.stdout().await_text("1\n");
        program.stdout().close();
    };
    vec![
        closed("closed stdin").with(0, Stream::Closed).args(["-e", report]),
        closed("closed stdin that is read").with(0, Stream::Closed).args(["-e", quiet]),
        closed("closed stdin and a program on it").with(0, Stream::Closed),
        closed("closed stdout").with(1, Stream::Closed).args(["-e", report]),
        closed("closed stderr").with(2, Stream::Closed).args(["-e", report]),
        closed("closed stdout, and an error").with(1, Stream::Closed).args(["-e", "error(\"x\")"]).exits(1),
        closed("closed stdin, and a subprocess").with(0, Stream::Closed).args(["-e", "run(`echo x`)"]),
        fork("a full disk")
            .with(1, Stream::Full)
            .args(["-e", "println(\"x\"); flush(stdout); println(stderr, \"after\")"])
            .exits(1),
        fork("a full disk and much output")
            .with(1, Stream::Full)
            .args(["-e", "print(\"x\"^100_000); println(stderr, \"after\")"]),
        fork("a full disk for C").with(1, Stream::Full).args(["-e", "ccall(:puts, Cint, (Cstring,), \"c\")"]),
        fork("a pipe that nobody reads")
            .with(1, Stream::Broken)
            .args(["-e", "println(\"x\"); println(stderr, \"after\")"])
            .exits(1)
            .prints("EPIPE"),
        fork("a pipe that nobody reads, for errors")
            .with(2, Stream::Broken)
            .args(["-e", "println(stderr, \"x\"); println(\"after\")"])
            .exits(1),
        fork("a pipe whose reader leaves, as head does")
            .args(["-e", "println(1); for i in 2:10^7; println(i); end"])
            .act(first_line)
            .normal(normal::stacktrace)
            .normal(after_the_first_line)
            .exits(1)
            .prints("EPIPE"),
        fork("a pipe whose reader leaves, for a subprocess")
            .args(["-e", "run(`sh -c 'while echo 1; do :; done 2>/dev/null'`)"])
            .act(first_line)
            .normal(after_the_first_line)
            // A subprocess that SIGPIPE has ended has succeeded for 1.5 (`test_success`, base/process.jl), and has failed later.
            .since((1, 10), |case| case.exits(1)),
    ]
}

/// From 1.10 on plain Julia's own pipes take the numbers that are closed, and it writes to them, or waits for them.
fn closed(name: &str) -> Case {
    fork(name).since((1, 10), |case| case.alone("its own pipes have the numbers of closed streams"))
}

/// Plain Julia 1.5 aborts here (SIGABRT), so there is nothing to compare with.
pub fn all_closed(world: &World) {
    let folder = world.case_folder("all closed");
    let program = "println(1); println(stderr, 2); open(io -> print(io, \"kept\"), \"out\", \"w\")";
    let launch =
        [0, 1, 2].into_iter().fold(Launch::new(["-e", program]), |launch, number| launch.with(number, Stream::Closed));
    let outcome = world.start(Way::Client, &launch.env("JULIA_DAEMON", "require"), &folder).finish();
    assert_eq!(outcome.end, End::Exited(0));
    assert_eq!(std::fs::read(folder.join("out")).unwrap(), b"kept");
}

/// How much of the output is read before the reader leaves is chance.
fn after_the_first_line(text: &[u8]) -> Vec<u8> {
    match text.first() {
        Some(b'1') => b"1\n".to_vec(),
        _ => text.to_vec(),
    }
}

pub fn others() -> Vec<Case> {
    let read = |number: i32| format!("print(read(Base.fdio({number}, false), String))");
    vec![
        fork("descriptor 3 is read")
            .with(3, Stream::Feed(b"three".to_vec()))
            .args(["-e", "print(read(Base.fdio(3, false), String))"])
            .prints("three"),
        fork("descriptor 3 by its path")
            .with(3, Stream::Feed(b"three".to_vec()))
            .args(["-e", "print(read(\"/dev/fd/3\", String))"])
            .prints("three"),
        fork("a program on descriptor 63, as <(…) has it")
            .with(63, Stream::Feed(b"println(@__FILE__)".to_vec()))
            .args(["/dev/fd/63"])
            .exits(1)
            .since((1, 6), |case| case.exits(0))
            .since((1, 12), |case| case.exits(1)),
        fork("an argument on descriptor 63")
            .with(63, Stream::Feed(b"sixty-three".to_vec()))
            .args(["-e", "print(read(ARGS[1], String))", "/proc/self/fd/63"])
            .prints("sixty"),
        fork("descriptor 5 is written")
            .with(5, Stream::Capture)
            .args(["-e", "io = Base.fdio(5, true); print(io, \"five\"); close(io)"]),
        fork("a subprocess inherits descriptor 3")
            .with(3, Stream::Capture)
            .args(["-e", "run(`sh -c 'echo three >&3'`)"]),
        fork("a subprocess inherits a file")
            .with(9, Stream::FileWith(b"nine".to_vec()))
            .args(["-e", "run(`sh -c 'cat <&9'`)"])
            .prints("nine"),
        fork("a jobserver")
            .with(3, Stream::Held)
            .with(4, Stream::Capture)
            .args(["-e", "run(`sh -c 'head -c 1 <&3; printf + >&4'`)"])
            .act(|program| program.write("+")),
        fork("descriptors with gaps")
            .with(7, Stream::Feed(b"7".to_vec()))
            .with(100, Stream::Feed(b"100".to_vec()))
            .with(255, Stream::Feed(b"255".to_vec()))
            .args(["-e", &read(7), "-e", &read(100), "-e", &read(255)])
            .prints("7100255"),
        fork("a socket as descriptor 3").with(3, Stream::CaptureSocket).args(["-e", "run(`sh -c 'echo socket >&3'`)"]),
        fork("closed stdin and descriptor 3")
            .with(0, Stream::Closed)
            .with(3, Stream::Feed(b"three".to_vec()))
            .args(["-e", &read(3)]),
        direct("a descriptor that Julia's own may have", "descriptors")
            .with(270, Stream::Feed(b"x".to_vec()))
            .args(["-e", &read(270)]),
        fork("what a subprocess inherits").args(["-e", "run(`ls /proc/self/fd`)"]),
        fork("what a subprocess inherits of more")
            .with(3, Stream::Null)
            .with(40, Stream::Null)
            .args(["-e", "run(`ls /proc/self/fd`)"]),
        fork("what is open below")
            .with(3, Stream::Null)
            .args(["-e", "println([fd for fd in 0:3 if ispath(\"/proc/self/fd/$fd\")])"]),
    ]
}

pub fn subprocesses() -> Vec<Case> {
    vec![
        fork("a subprocess writes").args(["-e", "println(1); run(`echo 2`); println(3)"]).prints("1\n2\n3\n"),
        fork("a subprocess reads").args(["-e", "println(readline()); run(`cat`)"]).with(0, Stream::FileWith(b"a\n".to_vec())),
        fork("a subprocess reads the pipe").args(["-e", "run(`cat`)"]).fed("piped"),
        fork("a subprocess is read").args(["-e", "println(read(`echo x`, String), readlines(`printf 'a\\nb'`), success(`false`))"]),
        fork("a subprocess is written to").args(["-e", "open(`cat`, \"w\", stdout) do io; print(io, \"to cat\"); end"]).prints("to cat"),
        fork("a pipeline").args(["-e", "run(pipeline(`printf 'b\\na\\n'`, `sort`)); run(pipeline(`echo f`, stdout=\"out\")); print(read(\"out\", String))"]),
        fork("a subprocess fails").args(["-e", "run(`sh -c 'exit 3'`)"]).exits(1).prints("ProcessExited(3)"),
        fork("a subprocess is killed").args(["-e", "run(`sh -c 'kill -9 $$'`)"]).exits(1).prints("ProcessSignaled(9)"),
        fork("a subprocess that is not there").args(["-e", "run(`no-such-program`)"]).exits(1).prints("no-such-program"),
        fork("a subprocess has the environment").env("FROM_CLIENT", "1").args(["-e", "ENV[\"FROM_JULIA\"] = 2; delete!(ENV, \"LANG\"); run(pipeline(`env`, `sort`))"]),
        fork("a subprocess with an environment of its own").args(["-e", "run(setenv(`env`, \"A\" => 1)); withenv(\"B\" => 2) do; run(`sh -c 'echo $B'`); end"]),
        fork("a subprocess in another folder").args(["-e", "run(Cmd(`pwd`, dir=\"/\")); cd(\"/tmp\"); run(`pwd`)"]).prints("/tmp"),
        fork("many subprocesses at once").args(["-e", "@sync for i in 1:20; @async run(`sh -c \"echo $i\"`); end"]).normal(normal::any_order),
        fork("a subprocess is killed by the program").args(["-e", "p = run(`sleep 60`, wait=false); kill(p); wait(p); println(p.termsignal)"]).prints("15"),
        fork("Julia in Julia").args(["-e", "run(`$(Base.julia_cmd()) -e 'println(ARGS)' x`)"]).prints("[\"x\"]"),
        fork("C's system").args(["-e", "ccall(:system, Cint, (Cstring,), \"echo system; exit 3\")"]).prints("system"),
        fork("a subprocess outlives the program")
            .args(["-e", "run(pipeline(`sh -c 'sleep 0.5; echo late'`, stdout=stdout), wait=false); println(1)"])
            .prints("late"),
        fork("a subprocess outlives an exit")
            .args(["-e", "run(pipeline(`sh -c 'sleep 0.5; echo late'`, stdout=stdout), wait=false); exit(3)"])
            .exits(3)
            .prints("late"),
        fork("detached subprocess").args(["-e", "run(detach(`true`)); println(1)"]),
    ]
}
