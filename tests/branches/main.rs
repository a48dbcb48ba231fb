//! What has been run twice runs from a branch: a zygote that has loaded and compiled it. Nothing of that can be told from what
//! the program does, and nothing that changed is run as it was.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod beginning;
#[path = "../daemon_support/mod.rs"]
mod daemon_support;
mod generated;
#[path = "../support/julia.rs"]
mod tested;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use daemon_support::{Client, Outcome, Place, Steps, Way, julia, wait_until};

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
        let mut outlook = None;
        wait_until(&format!("{program}: {wanted}"), GROWN, || {
            outlook = self.outlook(program);
            outlook.is_some()
        });
        let outlook = outlook.unwrap();
        assert!(outlook.contains(wanted), "{program}: wanted {wanted:?}, got {outlook:?}");
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

/// A script, and what is to be done ahead of it.
struct Script {
    name: &'static str,
    text: &'static str,
    outlook: &'static str,
}

impl Script {
    /// The parser of 1.10 and 1.11 gives a line with several statements the number of the line before it, so no rest of a file
    /// begins there.
    fn outlook(&self) -> &'static str {
        let misnumbered = self.name == "several-on-a-line" && ((1, 10)..(1, 12)).contains(&tested::version());
        if misnumbered { "begins with something else" } else { self.outlook }
    }
}

const fn script(name: &'static str, text: &'static str, outlook: &'static str) -> Script {
    Script { name, text, outlook }
}

const SCRIPTS: &[Script] = &[
    script(
        "definitions",
        r#"# a comment
using Printf, Dates
import LinearAlgebra: norm

"A point."
struct Point{T<:Real}
    x::T
    y::T
    Point(x::T, y::T) where {T<:Real} = new{T}(x, y)
end
abstract type Shape end
mutable struct Circle <: Shape; r::Float64; end
Base.@kwdef struct Options
    depth::Int = 3
    name::String = "none"
end
@enum Colour red=1 green
const N = 100
const NAMES = ["a", "b"]
const Points{T} = Vector{Point{T}}
Base.:+(a::Point, b::Point) = Point(a.x + b.x, a.y + b.y)
Base.show(io::IO, c::Circle) = print(io, "circle ", c.r)
function total(points::Points{T}; scale::T = one(T)) where T
    s = Point(zero(T), zero(T))
    for p in points
        s += p
    end
    @assert s.x >= 0
    @inbounds Point(s.x * scale, s.y * scale)
end
macro twice(x)
    :(($(esc(x)); $(esc(x))))
end
@inline area(c::Circle) = pi * c.r^2
(c::Circle)(x) = x + c.r
function main(args)
    @printf("%.2f\n", total([Point(Float64(i), 1.0) for i in 1:N]).x)
    println(Circle(2.0), " ", area(Circle(1.0)), " ", Circle(1.0)(2), " ", Options(), " ", Int(green))
    println(Date(2020, 1, 2) + Day(3), " ", args, " ", norm([3.0, 4.0]), NAMES)
    println(@__FILE__, " ", @__DIR__, " ", @__LINE__, " ", @__MODULE__, " ", PROGRAM_FILE)
    println(map(x -> x + 1, 1:3), " ", typeof(x -> x))
    println(abspath(PROGRAM_FILE) == @__FILE__, " ", r"a+".pattern)
    return nothing
end
@twice print("t ")
main(ARGS)
println(methods(area))
"#,
        "evaluated 17 statements, to line 44",
    ),
    script("only-definitions", "f(x) = x\nconst A = 1\n", "evaluated all 2 statements"),
    script(
        "error-inside",
        "f(x) = g(x)\n\n\ng(x) = error(\"no $x\")\n\nf(1)\nprintln(\"not reached\")\n",
        "evaluated 2 statements, to line 5",
    ),
    script("error-below", "f(x) = x\nprintln(f(1))\nerror(\"top\")\n", "evaluated 1 statements, to line 1"),
    script("syntax-error", "f(x) = x\nprintln(f(1))\nfunction g(\n", "it cannot be parsed"),
    script("undefined-type", "f(x) = x\ng(x::Nowhere) = x\n", "evaluated 1 statements, to line 1"),
    script(
        "modules",
        "module A\nexport a\nmodule B\nstruct T; x::Int; end\nend\na(x) = B.T(x)\nend\nusing .A\nprintln(a(1))\n",
        "evaluated 2 statements, to line 8",
    ),
    script("init", "module A\n__init__() = println(\"init\")\nend\nprintln(1)\n", "begins with something else"),
    script("effects-first", "println(1)\nf() = 2\nprintln(f())\n", "begins with something else"),
    script(
        "own-macro",
        "macro m(x)\n    println(\"expanded\")\n    x\nend\nf() = @m 1\nprintln(f())\n",
        "1 statements, to line 4",
    ),
    script(
        "redefined",
        "f() = 1\nprintln(f())\nf() = 2\nprintln(f())\ng() = f()\nprintln(g())\n",
        "1 statements, to line 1",
    ),
    script("status", "finish(n) = exit(n)\natexit(() -> println(\"bye\"))\nfinish(7)\n", "1 statements, to line 1"),
    script("several-on-a-line", "f() = 1; g() = 2\nprintln(f() + g()); h() = 3\n", "1 statements, to line 1"),
    script("several-after-one", "f() = 1\ng() = 2\nx = f(); y = g()\nprintln(x + y)\n", "evaluated"),
    script("included", "include(\"part.jl\")\nprintln(part(2), \" \", where_am_i())\n", "1 statements, to line 1"),
    script("included-effect", "f() = 1\ninclude(\"effect.jl\")\nprintln(f())\n", "1 statements, to line 1"),
    script(
        "closures",
        "make(n) = x -> x + n\nfs = [make(i) for i in 1:3]\nprintln([f(1) for f in fs], typeof(fs[1]))\n",
        "to line 1",
    ),
    script(
        "quoted",
        "f(x) = x\n\nprintln(:(\n  a + b\n), \" \", f(@__LINE__), \"\"\"\n  text\n  \"\"\")\n",
        "to line 2",
    ),
    script(
        "packages",
        "using Clean\nf() = Clean.answer()\nprintln(f(), \" \", Clean.loaded_at != 0)\n",
        "evaluated 2 statements",
    ),
    script("prints", "using Prints\nprintln(1)\n", "loading it prints something"),
    script("environment", "using Sets\nprintln(ENV[\"SETS\"])\n", "loading it changes the environment: SETS=1"),
    script("temporary", "using Temporary\nprintln(isdir(Temporary.folder[]))\n", "loading it leaves temporary files"),
    script("hooks", "using Hooks\nprintln(1)\n", "loading it registers exit hooks"),
    script("random", "using Draws\nprintln(Draws.number[] > 0)\n", "loading it draws random numbers"),
    script(
        "computed",
        r#"const PLACE = joinpath(@__DIR__, "data", "x.csv")
const LIMITS = Dict("low" => -1, "high" => 2^10)
const RANGE = 1:2:9
const NAMED = (depth = 3, half = 1 / 2, text = "of $(length("four"))")
const TABLE = Dict("sin" => sin, "cos" => cos)
const GRID = Float64[1, 2]
cache = Dict{String,Vector{Int}}()
const LINE = "=" ^ 20
const SQUARE = x -> x^2
const LOCK = ReentrantLock()
f(x) = (push!(get!(cache, "a", Int[]), x); LIMITS["high"] + NAMED.depth + x)
println(PLACE, sort(collect(LIMITS)), RANGE, NAMED, TABLE["sin"](0.0), GRID, f(1), cache, LINE, SQUARE(3))
"#,
        "evaluated 11 statements, to line 11",
    ),
    script("told", "f() = 1\nconst NAME = basename(PROGRAM_FILE)\nprintln(NAME, f())\n", "1 statements, to line 1"),
    script(
        "of-the-process",
        "f() = 1\nconst HERE = joinpath(pwd(), \"a\")\nprintln(HERE, f())\n",
        "1 statements, to line 1",
    ),
    script(
        "library-macros",
        "using Test\ncheck() = @testset \"t\" begin\n    @test 1 + 1 == 2\nend\nprintln(length(check().results))\n",
        "evaluated 2 statements, to line 4",
    ),
    script(
        "surroundings",
        r#"println("begins")
using Pkg; Pkg.activate(joinpath(@__DIR__, "env"))
pushfirst!(LOAD_PATH, "@")
push!(LOAD_PATH, joinpath(@__DIR__, "more"))
ENV["KEPT"] = "yes"
using Within, Beside
using Random; Random.seed!(1)
cd(joinpath(@__DIR__, "more"))
include(joinpath(@__DIR__, "part.jl"))
f(x) = Within.value() + Beside.value() + x

println(f(1), ' ', Base.active_project(), ' ', LOAD_PATH, ' ', pwd(), ' ', ENV["KEPT"])
println(Within.seen[], ' ', part(1), ' ', @__LINE__, ' ', rand(1:9) == (Random.seed!(1); rand(1:9)))
"#,
        "evaluated 10 statements, to line 11, but 7 that every launch evaluates",
    ),
    script(
        "here",
        "import Pkg\nPkg.activate(\"env\")\nf() = 1\nprintln(f(), Base.active_project())\n",
        "evaluated 3 statements, to line 3, but 1 that every launch evaluates",
    ),
    script("only-kept", "println(\"a\")\nENV[\"A\"] = \"b\"\nprintln(1)\n", "begins with something else"),
    // Constants and types may be defined anew from 1.12 on; `@main` there is from 1.11 on.
    script(
        "constants-anew",
        "const A = 1\nstruct S\n    x::Int\nend\nf() = A\nmake() = S(1)\nprintln(f(), make())\nconst A = 2\nprintln(f())\n\
         struct S\n    x::Int\n    y::Int\nend\nprintln(S(1, 2), f())\nmake()\n",
        "evaluated 4 statements, to line 6",
    ),
    script(
        "entry",
        "answer(n) = n + 1\nfunction (@main)(args)\n    println(\"main \", args)\n    answer(length(args))\nend\n",
        "evaluated",
    ),
    script(
        "ages",
        "f() = 1\ng() = h()\nfunction change()\n    @eval f() = 2\n    @eval const C = 3\n    now = try C catch e; typeof(e) end\n    \
         (f(), Base.invokelatest(f), now, isdefined(Main, :C))\nend\ntask = @task g()\n\
         println(change(), f(), C)\nh() = 7\nschedule(task)\nprintln(try fetch(task) catch e; typeof(e) end)\n",
        "evaluated 3 statements, to line 8",
    ),
    script(
        "late-names",
        "f() = inner()\ncount!() = global n += 1\nmodule M\nexport inner\ninner() = 5\nend\n\
         println(try f() catch e; sprint(showerror, e) end)\nusing .M\nn = 0\ncount!()\n\
         println(f(), n, @isdefined(m), isdefined(Main, :n), names(M))\nconst m = 1\ninner() = 6\nprintln(f())\n",
        "evaluated 3 statements, to line 6",
    ),
    script("broken", "f() = 1\nusing Broken\nprintln(f())\n", "as asked"),
];

fn lay_out(desk: &Desk) {
    desk.write("part.jl", "part(x) = x + 1\n\nwhere_am_i() = basename(@__FILE__)\n");
    desk.write("effect.jl", "println(\"effect\")\ng() = 1\n");
    desk.package("Clean", "answer() = 42\nconst loaded_at = 1\n");
    desk.package("Prints", "__init__() = println(\"loaded\")\n");
    desk.package("Sets", "__init__() = (ENV[\"SETS\"] = \"1\"; nothing)\n");
    desk.package("Temporary", "const folder = Ref(\"\")\n__init__() = (folder[] = mktempdir(); nothing)\n");
    desk.package("Hooks", "__init__() = atexit(() -> println(\"hook\"))\n");
    desk.package("Draws", "using Random\nconst number = Ref(0)\n__init__() = (number[] = rand(1:9); nothing)\n");
    desk.package("Broken", "__init__() = error(\"as asked\")\n");
    lay_out_surroundings(desk);
    for script in SCRIPTS {
        desk.write(&format!("{}.jl", script.name), script.text);
    }
}

/// A project, and a folder of packages, that a script names itself.
fn lay_out_surroundings(desk: &Desk) {
    const UUID: &str = "6b2f0c4e-52a7-4c1f-9d0a-3d1f5a1c7e20";
    desk.write("env/Project.toml", &format!("[deps]\nWithin = \"{UUID}\"\n"));
    desk.write(
        "env/Manifest.toml",
        &format!("[[Within]]\npath = \"Within\"\nuuid = \"{UUID}\"\nversion = \"0.1.0\"\n"),
    );
    desk.write("env/Within/Project.toml", &format!("name = \"Within\"\nuuid = \"{UUID}\"\nversion = \"0.1.0\"\n"));
    let body = "const seen = Ref(\"\")\nvalue() = 1\n__init__() = (seen[] = get(ENV, \"KEPT\", \"no\"); nothing)";
    desk.write("env/Within/src/Within.jl", &format!("module Within\n{body}\nend\n"));
    desk.write("more/Beside.jl", "module Beside\nvalue() = 10\nend\n");
}

/// One conductor for all: a boot takes longer than most of this.
#[test]
fn launches_from_branches() {
    let desk = Desk::new("branches");
    let mut steps = Steps::default();
    cannot_be_told_from_plain_julia(&desk, &mut steps);
    generated_scripts(&desk, &mut steps);
    steps.step("surroundings", || surroundings_are_looked_at(&desk));
    steps.step("nothing is stale", || nothing_is_stale(&desk));
    steps.step("expressions", || expressions_load_their_packages_ahead(&desk));
    steps.step("a launch that has just begun", || beginning::has_no_branch_beside_it(&desk));
    steps.step("profiles", || a_profile_outlives_the_conductor(&desk));
    steps.finish();
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
    let has_branch = ["evaluated", "to line"].iter().any(|word| script.outlook().contains(word));
    assert_eq!(desk.served(&path) > before, has_branch, "served by its branch");
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
    assert!(outcome.stdout.contains("\n13 ") && outcome.stdout.contains("new 2 13"), "{outcome:#?}");
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

fn expressions_load_their_packages_ahead(desk: &Desk) {
    desk.package("Slow", "f(x) = sum(sort([x * i for i in 1:10]))\nconst RANDOM = Ref(0)\n");
    let words = ["-e", "using Slow: f; import Dates; println(f(2), isdefined(Main, :Slow), rand(UInt128))", "--", "x"];
    let program = format!("-e{}", &words[1]);
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
    // Another environment may mean another package.
    desk.client(&words).env("OTHER", "1").run();
    assert_eq!(desk.served(&program), 2);
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
