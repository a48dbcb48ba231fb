//! What has been run twice runs from a branch: a zygote that has loaded and compiled it. Nothing of that can be told from what
//! the program does, and nothing that changed is run as it was.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod beginning;
#[path = "../daemon_support/mod.rs"]
mod daemon_support;
mod expressions;
mod generated;
mod scripts;
#[path = "../support/julia.rs"]
mod tested;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use daemon_support::{Client, Outcome, Place, Steps, Way, is_alive, julia, wait_until};
use scripts::{SCRIPTS, Script};

/// Seconds that the branches of one test may take on a loaded machine.
const GROWN: u64 = 900;

struct Desk {
    place: Place,
}

impl Desk {
    fn new(name: &str) -> Self {
        let place = Place::new(name);
        fs::create_dir(place.path("packages")).unwrap();
        fs::create_dir(place.path("depot")).unwrap();
        Self { place }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A package that can be loaded by its name.
    fn package(&self, name: &str, body: &str) {
        self.write(&format!("packages/{name}/src/{name}.jl"), &format!("module {name}\n{body}\nend\n"));
    }

    fn variables(&self) -> [(&'static str, String); 2] {
        let of = |name: &str| self.place.path(name).display().to_string();
        [("JULIA_LOAD_PATH", format!("{}:@stdlib", of("packages"))), ("JULIA_DEPOT_PATH", format!("{}:", of("depot")))]
    }

    fn client(&self, words: &[&str]) -> Client {
        let client = self.place.client(words).require();
        self.variables().into_iter().fold(client, |client, (name, value)| client.env(name, value))
    }

    fn run(&self, words: &[&str]) -> Outcome {
        self.client(words).run()
    }

    /// Exactly what plain Julia makes of it.
    fn plain(&self, words: &[&str]) -> (String, String, Option<i32>) {
        let mut command = Command::new(julia());
        command.arg("--startup-file=no").args(words).env_clear().env("HOME", self.place.path("home"));
        command.env("PATH", "/usr/bin:/bin").envs(self.variables()).current_dir(self.place.path(""));
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(output.stdout), text(output.stderr), output.status.code())
    }

    /// What was done ahead for a program, or why nothing was; `None` as long as neither is known.
    fn outlook(&self, program: &str) -> Option<String> {
        let report = self.place.report()?;
        let workers = report["workers"].as_array().unwrap().iter();
        let about = workers.filter(|worker| worker["program"] == program).map(|worker| worker["about"].clone());
        let refused = report["not_branched"].as_array().unwrap().iter().filter(|pair| pair[0] == program);
        let text = about.chain(refused.map(|pair| pair[1].clone())).next()?;
        Some(text.as_str().unwrap().to_owned()).filter(|text| !text.contains("a moment ago"))
    }

    fn wait_for(&self, program: &str, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(GROWN);
        let outlook = loop {
            if let Some(outlook) = self.outlook(program) {
                break outlook;
            }
            assert!(
                Instant::now() < deadline,
                "{program}: after {GROWN} s no word of a branch\n{}",
                self.log_about(program)
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(outlook.contains(wanted), "{program}: wanted {wanted:?}, got {outlook:?}");
    }

    /// Why a branch that was expected is not there, is mostly said there.
    fn log_about(&self, program: &str) -> String {
        let log = String::from_utf8_lossy(&self.place.daemon(&["logs"]).stdout).into_owned();
        let lines = || log.lines().enumerate();
        let count = lines().count();
        lines()
            .filter(|(at, line)| line.contains(program) || at + 20 > count)
            .map(|(_, line)| format!("{line}\n"))
            .collect()
    }

    /// Launches that a program's branch has served.
    fn served(&self, program: &str) -> u64 {
        let report = self.place.report().unwrap();
        let workers = report["workers"].as_array().unwrap().iter();
        workers.filter(|worker| worker["program"] == program).map(|worker| worker["served"].as_u64().unwrap()).sum()
    }

    fn stop(&self) {
        assert!(self.place.daemon(&["stop"]).status.success());
        wait_until("its workers have ended", 30, || self.place.processes().is_empty());
    }

    fn is_like_plain(&self, words: &[&str], plain: &(String, String, Option<i32>)) {
        let warm = self.run(words);
        assert!(matches!(warm.way, Way::Served(_)), "{warm:#?}");
        assert_eq!((&warm.stdout, &warm.stderr, warm.code), (&plain.0, &plain.1, plain.2), "{words:?}");
    }
}

fn lay_out(desk: &Desk) {
    desk.write("part.jl", "part(x) = x + 1\n\nwhere_am_i() = basename(@__FILE__)\n");
    desk.write("effect.jl", "println(\"effect\")\ng() = 1\n");
    desk.write("shadow.jl", "step(x::Int8) = 7\nconst STEP = step\nprintln(STEP(Int8(1)))\n");
    desk.package("Clean", "answer() = 42\nconst loaded_at = 1\n");
    desk.package("Prints", "__init__() = println(\"loaded\")\n");
    desk.package("Sets", "__init__() = (ENV[\"SETS\"] = \"1\"; nothing)\n");
    desk.package("Temporary", "const folder = Ref(\"\")\n__init__() = (folder[] = mktempdir(); nothing)\n");
    desk.package("Hooks", "__init__() = atexit(() -> println(\"hook\"))\n");
    desk.package("Draws", "using Random\nconst number = Ref(0)\n__init__() = (number[] = rand(1:9); nothing)\n");
    desk.package("Defines", "define(m) = (Core.eval(m, :(f(x) = 2)); nothing)\n");
    desk.package("Broken", "__init__() = error(\"as asked\")\n");
    lay_out_surroundings(desk);
    for script in SCRIPTS {
        desk.write(&format!("{}.jl", script.name), script.text);
    }
}

/// A project, and a folder of packages, that a script names itself.
fn lay_out_surroundings(desk: &Desk) {
    const UUID: &str = "6b2f0c4e-52a7-4c1f-9d0a-3d1f5a1c7e20";
    // The real one's, which our list of macros names.
    const TIMER_UUID: &str = "a759f4b9-e2f1-59dc-863e-4aeb61b1ea8f";
    let packages = [("TimerOutputs", TIMER_UUID), ("Within", UUID)];
    let deps: String = packages.iter().map(|(name, uuid)| format!("{name} = \"{uuid}\"\n")).collect();
    let about = |uuid: &str| format!("uuid = \"{uuid}\"\nversion = \"0.1.0\"\n");
    let entry = |(name, uuid): &(&str, &str)| format!("[[{name}]]\npath = \"{name}\"\n{}", about(uuid));
    desk.write("env/Project.toml", &format!("[deps]\n{deps}"));
    desk.write("env/Manifest.toml", &packages.iter().map(entry).collect::<Vec<_>>().join("\n"));
    for (name, uuid) in packages {
        desk.write(&format!("env/{name}/Project.toml"), &format!("name = \"{name}\"\n{}", about(uuid)));
    }
    let timer = "export @timeit\nmacro timeit(label, ex)\n    :(print($label, ' '); $(esc(ex)))\nend";
    desk.write("env/TimerOutputs/src/TimerOutputs.jl", &format!("module TimerOutputs\n{timer}\nend\n"));
    let body = "const seen = Ref(\"\")\nvalue() = 1\n__init__() = (seen[] = get(ENV, \"KEPT\", \"no\"); nothing)";
    desk.write("env/Within/src/Within.jl", &format!("module Within\n{body}\nend\n"));
    desk.write("more/Beside.jl", "module Beside\nvalue() = 10\nend\n");
}

/// One conductor for all: a boot takes longer than most of this.
#[test]
fn launches_from_branches() {
    let desk = Desk::new("branches");
    let mut steps = Steps::default();
    steps.step("what its zygote has compiled meanwhile", || needs_none_any_more(&desk));
    cannot_be_told_from_plain_julia(&desk, &mut steps);
    generated_scripts(&desk, &mut steps);
    steps.step("surroundings", || surroundings_are_looked_at(&desk));
    steps.step("nothing is stale", || nothing_is_stale(&desk));
    steps.step("of many files", || nothing_of_many_files_is_stale(&desk));
    steps.step("one that runs a program", || a_branch_ends_with_its_last_program(&desk));
    steps.step("expressions", || expressions_load_their_packages_ahead(&desk));
    expressions::cannot_be_told_from_plain_julia(&desk, &mut steps);
    steps.step("modules", || modules_are_loaded_ahead(&desk));
    steps.step("a launch that has just begun", || beginning::has_no_branch_beside_it(&desk));
    steps.step("profiles", || a_profile_outlives_the_conductor(&desk));
    steps.finish();
}

/// The first zygote has not compiled what this calls, its successor has: nothing is left for a branch.
fn needs_none_any_more(desk: &Desk) {
    let path = desk.write("compiled.jl", "join([\"a\", \"b\"], \",\"); split(\"a b\")\nprintln(parse(Int, \"1\"))\n");
    for _ in 0..3 {
        desk.run(&["compiled.jl"]).assert_served("1\n", 0);
    }
    let path = path.display().to_string();
    desk.wait_for(&path, "");
    let outlook = desk.outlook(&path).unwrap();
    assert!(outlook.starts_with("it begins with something else"), "{outlook}");
}

fn cannot_be_told_from_plain_julia(desk: &Desk, steps: &mut Steps) {
    lay_out(desk);
    // Twice: the first time packages are compiled.
    let plain = |script: &Script| {
        let words = [&*format!("{}.jl", script.name), "a b", ""];
        let again = script.text.contains("using ").then(|| desk.plain(&words));
        again.map_or_else(|| desk.plain(&words), |_| desk.plain(&words))
    };
    // No more at a time than there may be branches at once.
    for scripts in SCRIPTS.chunks(10) {
        let cases: Vec<_> = scripts.iter().map(|script| (script, plain(script))).collect();
        for (script, plain) in cases.iter().chain(&cases) {
            let file = format!("{}.jl", script.name);
            steps.step(&format!("{}, from the common zygote", script.name), || {
                desk.is_like_plain(&[&file, "a b", ""], plain);
            });
        }
        for (script, plain) in &cases {
            steps.step(&format!("{}, from its branch", script.name), || from_its_branch(desk, script, plain));
        }
    }
}

fn from_its_branch(desk: &Desk, script: &Script, plain: &(String, String, Option<i32>)) {
    let file = format!("{}.jl", script.name);
    let path = desk.place.path(&file).display().to_string();
    desk.wait_for(&path, script.outlook());
    let before = desk.served(&path);
    desk.is_like_plain(&[&file, "a b", ""], plain);
    // Where nothing can be evaluated ahead there may be something to compile.
    let is_evaluated = ["evaluated", "to line", "lowered", "loaded"].iter().any(|word| script.outlook().contains(word));
    let is_compiled = desk.outlook(&path).unwrap().starts_with("evaluated nothing, since");
    assert_eq!(desk.served(&path) > before, is_evaluated || is_compiled, "served by its branch");
}

/// Nothing is expected of them but that they do what they do as plain Julia; and that many have something to do ahead.
fn generated_scripts(desk: &Desk, steps: &mut Steps) {
    let seeds = generated::seeds();
    let mut from_branches = 0;
    for seed in &seeds {
        let file = format!("generated{seed}.jl");
        let path = desk.write(&file, &generated::script(*seed)).display().to_string();
        let plain = desk.plain(&[&file, "a"]);
        steps.step(&format!("the script of seed {seed}"), || {
            for _ in 0..2 {
                desk.is_like_plain(&[&file, "a"], &plain);
            }
            desk.wait_for(&path, "");
            let before = desk.served(&path);
            desk.is_like_plain(&[&file, "a"], &plain);
            from_branches += usize::from(desk.served(&path) > before);
        });
    }
    steps.step("most of the generated scripts have a branch", || {
        assert!(2 * from_branches >= seeds.len(), "{from_branches} of {}", seeds.len());
    });
}

/// The folder that a relative path means, and the project that a script activates.
fn surroundings_are_looked_at(desk: &Desk) {
    // Its branch may have made room for others.
    for _ in 0..2 {
        desk.run(&["here.jl"]);
    }
    desk.wait_for(&desk.place.path("here.jl").display().to_string(), "evaluated 3 statements");
    // Elsewhere that is another project. The branch finds that out itself, and the launch is none of its own then.
    fs::create_dir_all(desk.place.path("elsewhere/env")).unwrap();
    let words = ["-c", "cd elsewhere && exec \"$0\" ../here.jl", env!("CARGO_BIN_EXE_juliaclient")];
    let mut command = desk.place.command("/bin/sh");
    let trace = desk.place.path("trace-elsewhere");
    command.args(words).envs(desk.variables()).env("JULIA_DAEMON_TRACE", &trace).current_dir(desk.place.path(""));
    let output = command.output().unwrap();
    let project = desk.place.path("elsewhere/env/Project.toml");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("1{}\n", project.display()), "{output:?}");
    assert!(fs::read_to_string(&trace).unwrap().contains("direct reason=lost"));
    let within = "module Within\nconst seen = Ref(\"new\")\nvalue() = 2\nend\n";
    desk.write("env/Within/src/Within.jl", within);
    let outcome = desk.run(&["surroundings.jl"]);
    assert!(outcome.stdout.contains("\n13 ") && outcome.stdout.contains("new 2 14"), "{outcome:#?}");
}

const PROGRAM: &str = "using Changing\nf() = Changing.value()\nprintln(f(), \" \", own())\n";

fn nothing_is_stale(desk: &Desk) {
    desk.package("Changing", "value() = 1");
    desk.write("own.jl", "own() = 1\n");
    let main = desk.write("main.jl", &format!("include(\"own.jl\")\n{PROGRAM}"));
    let main = main.display().to_string();
    let both = |expected: &str| {
        for _ in 0..2 {
            desk.run(&["main.jl"]).assert_served(expected, 0);
        }
        desk.wait_for(&main, "evaluated 3 statements");
        desk.run(&["main.jl"]).assert_served(expected, 0);
    };
    both("1 1\n");
    let served = desk.served(&main);
    assert!(served > 0);
    // Same size, and the launch at once.
    desk.package("Changing", "value() = 2");
    desk.run(&["main.jl"]).assert_served("2 1\n", 0);
    both("2 1\n");
    desk.write("own.jl", "own() = 2\n");
    desk.run(&["main.jl"]).assert_served("2 2\n", 0);
    desk.write("own.jl", "own() = 3\n");
    desk.run(&["main.jl"]).assert_served("2 3\n", 0);
    both("2 3\n");
    desk.write("main.jl", &format!("include(\"own.jl\")\n{PROGRAM}").replace("f(), \" \"", "f(), \"+\""));
    desk.run(&["main.jl"]).assert_served("2+3\n", 0);
    // A package of this name that comes first.
    both("2+3\n");
    desk.write("packages/Changing.jl", "module Changing\nvalue() = 5\nend\n");
    let plain = desk.plain(&["main.jl"]).0;
    desk.run(&["main.jl"]).assert_served(&plain, 0);
}

/// Many files are held open while launches come one after the other.
fn nothing_of_many_files_is_stale(desk: &Desk) {
    const COUNT: usize = 110;
    let part = |number: usize, value: usize| {
        desk.write(&format!("many/part{number}.jl"), &format!("part{number}() = {value}\n"));
    };
    (0..COUNT).for_each(|number| part(number, 1));
    let includes: String = (0..COUNT).map(|number| format!("include(\"many/part{number}.jl\")\n")).collect();
    let calls: Vec<String> = (0..COUNT).map(|number| format!("part{number}()")).collect();
    let script = desk.write("many.jl", &format!("{includes}println({})\n", calls.join(" + "))).display().to_string();
    let prints = |sum: usize| desk.run(&["many.jl"]).assert_served(&format!("{sum}\n"), 0);
    let folder = desk.place.path("many");
    let held = || {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", desk.place.conductor_pid())).unwrap().flatten();
        descriptors
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .filter(|path| path.starts_with(&folder))
            .count()
    };
    let is_held = || {
        prints(COUNT);
        held() == COUNT
    };
    prints(COUNT);
    prints(COUNT);
    desk.wait_for(&script, "evaluated 110 statements");
    assert_eq!(held(), 0);
    wait_until("its files are held", 60, is_held);
    // In place, of the same size, and the launch at once.
    part(77, 2);
    prints(COUNT + 1);
    part(77, 1);
    prints(COUNT);
    desk.wait_for(&script, "evaluated 110 statements");
    wait_until("its files are held anew", 60, is_held);
    // As editors do it.
    fs::rename(desk.write("many/new", "part3() = 5\n"), folder.join("part3.jl")).unwrap();
    prints(COUNT + 4);
    wait_until("nothing is held of what has gone", 30, || held() == 0);
}

/// What was made from files that have changed is of no use to anybody but the programs that it runs.
fn a_branch_ends_with_its_last_program(desk: &Desk) {
    let write = |value| desk.write("runs.jl", &format!("f() = {value}\nprintln(f())\nflush(stdout)\nread(stdin)\n"));
    let script = write(1).display().to_string();
    let prints = |value| desk.run(&["runs.jl"]).assert_served(&format!("{value}\n"), 0);
    prints(1);
    prints(1);
    desk.wait_for(&script, "evaluated 1 statements");
    let mut running = desk.client(&["runs.jl"]).spawn();
    let zygote = parent_of(running.served_pid());
    write(2);
    prints(2);
    assert!(is_alive(zygote), "who else would know how its program ends");
    running.finish().assert_served("1\n", 0);
    wait_until("it has ended", 30, || !is_alive(zygote));
}

/// The fourth word of the file, of which the second may hold blanks (proc_pid_stat(5)).
fn parent_of(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn expressions_load_their_packages_ahead(desk: &Desk) {
    desk.package("Slow", "f(x) = sum(sort([x * i for i in 1:10]))\nconst RANDOM = Ref(0)\n");
    let words = ["-e", "using Slow: f; import Dates; println(f(2), isdefined(Main, :Slow), rand(UInt128))", "--", "x"];
    let program = format!("-e {}", &words[1]);
    let program = program.chars().take(80).collect::<String>();
    let first = desk.run(&words);
    let second = desk.run(&words);
    desk.wait_for(&program, "loaded Slow, Dates");
    let outputs = [first, second, desk.run(&words), desk.run(&words)];
    assert_eq!(desk.served(&program), 2);
    for (at, output) in outputs.iter().enumerate() {
        assert!(output.stdout.starts_with("110false") && output.code == Some(0), "{output:#?}");
        assert!(
            outputs[..at].iter().all(|other| other.stdout != output.stdout),
            "random numbers are each launch's own"
        );
    }
    // Texts may hold secrets, as letters or as numbers.
    wait_until("its profile is kept", 30, || !bad_input::profiles(desk).is_empty());
    let is_told =
        |(_, text): &(PathBuf, String)| text.contains("isdefined(Main") || text.contains("105, 115, 100, 101, 102");
    assert!(!bad_input::profiles(desk).iter().any(is_told), "the text of an expression is in a file");
    // Another environment may mean another package.
    desk.client(&words).env("OTHER", "1").run();
    assert_eq!(desk.served(&program), 2);
}

/// The words behind a module's are its arguments, as those behind a program file are.
fn modules_are_loaded_ahead(desk: &Desk) {
    if tested::version() < (1, 12) {
        println!("no -m: this Julia is older than 1.12");
        return;
    }
    let main = "(@main)(args) = (println(ARGS == args, args, PROGRAM_FILE); 3)";
    desk.package("Tool", &format!("{main}\nmodule Deep\n(@main)(args) = println(args)\nend"));
    for (words, program) in [(&["-m", "Tool", "a", "-b"][..], "-m Tool"), (&["-m", "Tool.Deep", "a"], "-m Tool.Deep")] {
        let plain = [desk.plain(words), desk.plain(words)][1].clone();
        for _ in 0..2 {
            desk.is_like_plain(words, &plain);
        }
        desk.wait_for(program, "loaded Tool");
        let before = desk.served(program);
        desk.is_like_plain(words, &plain);
        assert!(desk.served(program) > before, "{program} is served by its branch");
    }
}

fn a_profile_outlives_the_conductor(desk: &Desk) {
    let script = desk.write("s.jl", "f(x) = sort(x, by = y -> -y)\nprintln(f([1, 3, 2]))\n").display().to_string();
    for _ in 0..2 {
        desk.run(&["s.jl"]).assert_served("[3, 2, 1]\n", 0);
    }
    desk.wait_for(&script, "evaluated 1 statements");
    let folder = desk.place.path("home/.local/state/jlapp/profiles");
    let is_it = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains(&script));
    let profile = || {
        let files = fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).find(is_it)
    };
    let text = || profile().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    wait_until("what was compiled is noted", 30, || text().contains("typeof(Main.f)"));
    desk.stop();
    // Once is enough now.
    desk.run(&["s.jl"]).assert_served("[3, 2, 1]\n", 0);
    desk.wait_for(&script, "evaluated 1 statements");
    assert!(!desk.outlook(&script).unwrap().ends_with("; 0 methods compiled"), "{:?}", desk.outlook(&script));
    // One that makes no sense is nothing.
    desk.stop();
    fs::write(profile().unwrap(), "{\"key\": 1, nonsense").unwrap();
    for _ in 0..2 {
        desk.run(&["s.jl"]).assert_served("[3, 2, 1]\n", 0);
    }
    desk.wait_for(&script, "evaluated 1 statements");
}
