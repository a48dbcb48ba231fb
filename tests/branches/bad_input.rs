//! Programs that cannot be warmed, or not in the way that they first seem to: they run, what is tried for them is given up and
//! not tried again and again, and the report says why.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::Desk;
use super::daemon_support::{Place, Steps, julia, skip, stays, wait_until};

/// Loaded twice by launches, then by the branch.
const THIRD: &str = "third(file) = (open(io -> write(io, 'x'), file, \"a\"); filesize(file) == 3)";

struct Bad {
    package: &'static str,
    /// Of `__init__`.
    body: &'static str,
    why: &'static str,
}

/// In front of the others: it takes two minutes until it is given up, and the rest goes on meanwhile.
const HANGS: Bad = Bad { package: "Hangs", body: "third(file) && while true; sleep(1); end", why: "timed out" };

const BAD: &[Bad] = &[
    Bad { package: "Crashes", body: "third(file) && ccall(:abort, Cvoid, ())", why: "it ended before it was ready" },
    // What the kernel does where memory has run out.
    Bad {
        package: "Grows",
        body: "third(file) && ccall(:kill, Cint, (Cint, Cint), getpid(), 9)",
        why: "it ended before it was ready",
    },
    Bad {
        package: "Threads",
        body: "thread() = (t = Ref{UInt}(0); ccall(:pthread_create, Cint, (Ptr{UInt}, Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}), t, C_NULL, cglobal(:pause), C_NULL)); thread()",
        why: "loading it starts threads",
    },
    Bad {
        package: "Listens",
        body: "ccall(:socket, Cint, (Cint, Cint, Cint), 1, 1, 0)",
        why: "loading it opens descriptors: socket:",
    },
    Bad {
        package: "Shares",
        body: "ccall(:mmap, Ptr{UInt8}, (UInt, UInt, Cint, Cint, Cint, Clong), 0, 4096, 3, 0x21, -1, 0)",
        why: "loading it shares memory",
    },
    Bad { package: "Spawns", body: "run(`sleep 2`, wait = false)", why: "loading it " },
];

impl Bad {
    fn lay_out(&self, desk: &Desk) {
        let loads = desk.place.path(format!("{}-loads", self.package));
        let init = format!("{THIRD}\n__init__() = (file = {loads:?}; {}; nothing)", self.body);
        desk.package(self.package, &init);
        desk.write(&self.file(), &format!("using {}\nprintln(\"{0} is loaded\")\n", self.package));
    }

    fn file(&self) -> String {
        format!("{}.jl", self.package.to_lowercase())
    }

    fn program(&self, desk: &Desk) -> String {
        desk.place.path(self.file()).display().to_string()
    }

    fn runs(&self, desk: &Desk) {
        desk.run(&[&self.file()]).assert_served(&format!("{} is loaded\n", self.package), 0);
    }
}

fn loads(desk: &Desk, bad: &Bad) -> u64 {
    fs::metadata(desk.place.path(format!("{}-loads", bad.package))).map_or(0, |found| found.len())
}

#[test]
fn what_cannot_be_warmed() {
    let (desk, mut steps) = (Desk::new("bad"), Steps::default());
    steps.step("a package begins to hang", || begin_to_hang(&desk));
    others(&desk, &mut steps);
    steps.step("a package that hangs", || hangs(&desk));
    steps.step("notes that crash the compiler", || notes_that_crash(&desk));
    steps.finish();
}

fn begin_to_hang(desk: &Desk) {
    HANGS.lay_out(desk);
    HANGS.runs(desk);
    HANGS.runs(desk);
    wait_until("the branch begins to load it", super::GROWN, || loads(desk, &HANGS) == 3);
    HANGS.runs(desk);
}

fn others(desk: &Desk, steps: &mut Steps) {
    for bad in BAD {
        bad.lay_out(desk);
        bad.runs(desk);
        bad.runs(desk);
    }
    for bad in BAD {
        steps.step(&format!("a package that {}", bad.package.to_lowercase()), || {
            desk.wait_for(&bad.program(desk), bad.why);
            bad.runs(desk);
        });
    }
    steps.step("a script that edits itself", || edits_itself(desk));
}

fn hangs(desk: &Desk) {
    let before = loads(desk, &HANGS);
    desk.wait_for(&HANGS.program(desk), HANGS.why);
    HANGS.runs(desk);
    assert!(stays(3000, || loads(desk, &HANGS) == before + 1), "it is tried again at once");
}

fn edits_itself(desk: &Desk) {
    let text = "f() = 1\nprintln(f())\nlet text = read(@__FILE__, String)\n    write(@__FILE__, replace(text, \"f() = $(f())\" => \"f() = $(f() + 1)\"))\nend\n";
    desk.write("edits.jl", text);
    for round in 1..5 {
        desk.run(&["edits.jl"]).assert_served(&format!("{round}\n"), 0);
        // A branch that is made between two of them is one of the old text.
        std::thread::sleep(std::time::Duration::from_millis(400));
    }
}

/// As a compiler that crashes: what the note names cannot be looked at without the end of the process.
fn notes_that_crash(desk: &Desk) {
    const NOTE: &str = "precompile(Tuple{typeof(ccall(:abort, Cvoid, ()))})";
    let script = desk.write("noted.jl", "f(x) = sort(x, by = y -> -y)\nprintln(f([1, 3, 2]))\n").display().to_string();
    let run = || desk.run(&["noted.jl"]).assert_served("[3, 2, 1]\n", 0);
    run();
    run();
    desk.wait_for(&script, "evaluated 1 statements");
    let mut profile = None;
    wait_until("its notes are kept", 30, || {
        profile =
            profiles(desk).into_iter().find(|(_, text)| text.contains(&script) && text.contains("typeof(Main.f)"));
        profile.is_some()
    });
    desk.stop();
    let (path, text) = profile.unwrap();
    fs::write(&path, text.replace("\"notes\":[", &format!("\"notes\":[\"{NOTE}\","))).unwrap();
    run();
    desk.wait_for(&script, "it ended before it was ready");
    run();
    wait_until("its notes are forgotten", 30, || {
        !profiles(desk).iter().any(|(_, text)| text.contains(&script) && text.contains("abort"))
    });
}

pub fn profiles(desk: &Desk) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(desk.place.path("home/.local/state/jlapp/profiles")).into_iter().flatten().flatten();
    files.filter_map(|entry| Some((entry.path(), fs::read_to_string(entry.path()).ok()?))).collect()
}

/// Julia's caches, our log and profiles lie on file systems without room.
#[test]
fn full_disks() {
    let place = Place::new("full");
    for folder in ["packages/Full/src", "depot", "home/.local/state"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    fs::write(place.path("packages/Full/src/Full.jl"), "module Full\nf(x) = x + 1\nend\n").unwrap();
    fs::write(place.path("full.jl"), "using Full\nprintln(Full.f(1))\n").unwrap();
    let begin = |script: &str| {
        let mount = "set -e; for d in depot home/.local/state; do mount -t tmpfs -o size=64k none $d; done; set +e\n";
        let mut command = place.command("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &format!("{mount}{script}"), "sh"]);
        command.args([env!("CARGO_BIN_EXE_juliaclient").as_ref(), env!("CARGO_BIN_EXE_jlapp").as_ref(), julia()]);
        command.current_dir(place.path("")).env("JULIA_DEPOT_PATH", place.path("depot"));
        command.env("JULIA_LOAD_PATH", format!("{}:@stdlib", place.path("packages").display()));
        command
    };
    if !begin("").status().unwrap().success() {
        return skip("a full disk", "no file system can be mounted here");
    }
    let script = "for d in depot home/.local/state; do head -c 100000 /dev/zero >$d/big 2>/dev/null; done
        \"$3\" --startup-file=no full.jl >plain.out 2>plain.err; echo $? >plain.status
        export JULIA_DAEMON=require
        for n in 1 2 3; do \"$1\" full.jl >$n.out 2>$n.err; echo $? >$n.status; sleep 1; done
        \"$2\" daemon stop >/dev/null";
    let output = run_to_its_end(begin(script));
    let read = |name: String| fs::read_to_string(place.path(name)).unwrap();
    for part in ["out", "err", "status"] {
        for n in 1..4 {
            let (plain, own) = (read(format!("plain.{part}")), read(format!("{n}.{part}")));
            assert_eq!(without_names(&own), without_names(&plain), "launch {n}, {part}; {output}");
        }
    }
}

/// Without names that Julia draws for temporary files, and without what tasks of 1.12's precompilation say at their end, where they
/// come to it.
fn without_names(text: &str) -> String {
    let text = text.split("UNHANDLED TASK ERROR").next().unwrap_or_default().trim_end();
    let words = text.split(|c: char| c.is_whitespace() || "\"'`".contains(c));
    words.filter(|word| !word.contains("jl_")).collect::<Vec<_>>().join(" ")
}

fn run_to_its_end(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
