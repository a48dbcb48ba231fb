//! Programs that are not there or not Julia, errors as Julia shows them, and words of any bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::support::{Case, fork};

pub fn programs() -> Vec<Case> {
    vec![
        fork("a missing program").args(["none.jl", "x"]).exits(1).prints("none.jl"),
        read_as_file(fork("a folder as program").file("folder/x", "").args(["folder"])),
        fork("a program below a file").file("x", "").args(["x/a.jl"]).exits(1),
        read_as_file(fork("an empty name").args([""])),
        fork("a missing -L").args(["-L", "none.jl", "-e", "println(1)"]).exits(1),
        fork("a missing include").script("include(\"none.jl\")").exits(1).prints("none.jl"),
        fork("a dangling link").link("a.jl", "nowhere").args(["a.jl"]).exits(1),
        fork("a link to itself").link("a.jl", "a.jl").args(["a.jl"]).exits(1),
        fork("a syntax error").script("println(1)\nx = (1,\n\ny = 2 2\n").exits(1).prints_since(
            (1, 10),
            "syntax",
            "ParseError",
        ),
        fork("a syntax error at the end").script("println(1)\nfunction f()\n").exits(1).prints_since(
            (1, 10),
            "incomplete",
            "premature end",
        ),
        fork("a syntax error in -e").args(["-e", "x = "]).exits(1).prints_since((1, 10), "syntax", "ParseError"),
        fork("an incomplete -e").args(["-e", "println(\"a"]).exits(1),
        fork("an unbalanced -e").args(["-e", ")"]).exits(1),
        fork("a program with a NUL").script("println(1)\0\nprintln(2)").exits(1),
        fork("a program of any bytes").file("a.jl", [0xff, 0xfe, 0x00, 0x80]).args(["a.jl"]).exits(1),
        fork("a string of any bytes")
            .file("a.jl", b"x = \"\xff\xfe\"\nprintln(repr(x), isvalid(x)); write(stdout, x)")
            .args(["a.jl"])
            .exits(1),
    ]
}

/// A folder can be opened, and from 1.6 to 1.11 that it cannot be read is not noticed: an empty program.
fn read_as_file(case: Case) -> Case {
    case.exits(1).since((1, 6), |case| case.exits(0)).since((1, 12), |case| case.exits(1))
}

pub fn errors() -> Vec<Case> {
    let nested = "function f(x)\n  g(x)\nend\ng(x) = x > 0 ? throw(ArgumentError(\"bad x\")) : x\nf(1)";
    vec![
        fork("an error in nested calls").script(nested).exits(1).prints("bad x"),
        fork("an error in nested includes")
            .file("b.jl", "println(\"b\")\ninclude(\"c.jl\")")
            .file("c.jl", "\n\nf() = error(\"deep\")\nf()")
            .script("include(\"b.jl\")")
            .exits(1)
            .prints("in expression starting at"),
        fork("a name that is not there").script("println(undefined_name)").exits(1).prints("UndefVarError"),
        fork("no method").args(["-e", "sin(\"x\")"]).exits(1).prints("MethodError"),
        fork("bounds").args(["-e", "[1, 2][3]"]).exits(1).prints("BoundsError"),
        fork("a key").args(["-e", "Dict(1 => 2)[3]"]).exits(1).prints("KeyError"),
        fork("an assertion").args(["-e", "@assert 1 == 2 \"not so\""]).exits(1).prints("not so"),
        fork("an error of its own")
            .script("struct E <: Exception; n; end\nBase.showerror(io::IO, e::E) = print(io, \"E number \", e.n)\nthrow(E(4))")
            .exits(1)
            .prints("E number 4"),
        fork("something thrown that is no exception").args(["-e", "throw(42)"]).exits(1),
        fork("an error that cannot be shown")
            .normal(before_c_frames)
            .script("struct E <: Exception; end\nBase.showerror(io::IO, e::E) = error(\"in showerror\")\nthrow(E())")
            .exits(1),
        fork("an error caused by another").script("try\n error(\"first\")\ncatch\n error(\"second\")\nend").exits(1).prints("caused by"),
        fork("an error in a task").args(["-e", "wait(@async error(\"in the task\"))"]).exits(1).prints("in the task"),
        fork("an error in a task that nobody waits for").args(["-e", "t = @async error(\"x\"); sleep(0.1); println(istaskfailed(t))"]),
        fork("an error in a macro").script("macro m() error(\"in a macro\") end\n@m").exits(1),
        fork("an error in a module").script("module M\nf() = error(\"boom\")\nf()\nend").exits(1).prints("boom"),
        fork("an interrupt thrown by the program").args(["-e", "throw(InterruptException())"]).exits(1),
        fork("an error in unicode").args(["-e", "error(\"größer → ∞\")"]).exits(1).prints("größer"),
        fork("warnings and log records").script("@info \"i\" x=1\n@warn \"w\"\n@error \"e\" exception=ErrorException(\"x\")\n@debug \"d\""),
        fork("debug records").env("JULIA_DEBUG", "Main").script("@debug \"d\" a=[1, 2]").prints("Debug"),
        fork("a deprecation").args(["-e", "f() = Base.depwarn(\"old\", :f); f()"]),
    ]
}

/// What Julia's last handler prints of an error ends in C frames with addresses.
fn before_c_frames(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let seen = lines.take_while(|line| !line.starts_with(b"error at ./error.jl"));
    seen.flatten().copied().collect()
}

fn word(bytes: &[u8]) -> OsString {
    OsStr::from_bytes(bytes).to_owned()
}

pub fn odd_words() -> Vec<Case> {
    let show = "for a in ARGS; println(sizeof(a), \" \", repr(a)[1:min(end, 50)]); end; println(sum(hash, ARGS, init=UInt(0)))";
    let show = show.replace("sum(hash, ARGS, init=UInt(0))", "foldl((h, a) -> hash(a, h), ARGS, init=UInt(0))");
    let show = show.replace("repr(a)[1:min(end, 50)]", "repr(first(a, 30))");
    let long = vec!["y".repeat(100_000); 12];
    vec![
        fork("empty arguments").args(["-e", &show, "", "a", ""]),
        fork("arguments with newlines").args(["-e", &show, "a\nb", "\n", "\t", "\u{1b}[31m"]),
        fork("arguments that are no text").args([
            word(b"-e"),
            word(show.as_bytes()),
            word(b"\xff\xfe"),
            word(b"a\x80b"),
        ]),
        fork("an argument of 120 kB").args(["-e", &show, &"x".repeat(120_000)]),
        fork("a megabyte of arguments").args(["-e", &show]).args(&long),
        fork("ten thousand arguments")
            .args(["-e", "println(length(ARGS), ARGS[end])"])
            .args((0..10_000).map(|n| n.to_string())),
        fork("a program of 120 kB in -e").args(["-e", &format!("x = \"{}\"; println(length(x))", "x".repeat(120_000))]),
        fork("a program whose name is no text")
            .file(word(b"\xff.jl"), "println(ARGS)")
            .args([word(b"\xff.jl"), word(b"\xfe")]),
        fork("a folder whose name is no text")
            .file("a.jl", "println(repr(pwd())); println(repr(abspath(\"x\"))); write(\"out\", \"1\")")
            .launched(|launch| launch.directory(word(b"\xff\n")).args(["../a.jl"])),
        fork("-e that is no text").args([word(b"-e"), word(b"println(repr(\"\xff\"))")]).exits(1),
        fork("a variable that is no text")
            .env("ODD", word(b"\xff\xfe"))
            .args(["-e", "println(repr(ENV[\"ODD\"])); run(`sh -c 'printf %s \"$ODD\" | od -An -tx1'`)"]),
        fork("a variable whose name is no text")
            .env(word(b"N\xff"), "x")
            .args(["-e", "run(pipeline(`env`, `sort`)); println(length(ENV))"])
            .exits(1)
            .since((1, 10), |case| case.exits(0)),
        fork("a variable of 120 kB").env("LONG", "z".repeat(120_000)).args(["-e", "println(length(ENV[\"LONG\"]))"]),
        fork("variables that are odd")
            .env("EMPTY", "")
            .env("LINES_", "a\nb\n")
            .env("with space", "1")
            .env("EQ", "=a=b=")
            .args(["-e", "for k in (\"EMPTY\", \"LINES_\", \"with space\", \"EQ\"); println(repr(ENV[k])); end"]),
    ]
}
