//! Packages: in a project, on a load path, with caches, and changed between launches.

use std::fs;

use crate::support::{Case, Launch, Way, World, fork};

const PROJECT: &str = "name = \"Foo\"\nuuid = \"11111111-2222-3333-4444-555555555555\"\nversion = \"0.1.0\"\n";
const DEPENDING: &str = "[deps]\nFoo = \"11111111-2222-3333-4444-555555555555\"\n";
const MANIFEST: &str =
    "[[Foo]]\npath = \"Foo\"\nuuid = \"11111111-2222-3333-4444-555555555555\"\nversion = \"0.1.0\"\n";
const FOO: &str = r#"
module Foo
const compiled = getpid()
const loaded = Ref(0)
f(x) = x + 1
precompile(f, (Int,))
__init__() = (loaded[] += 1)
include("part.jl")
end
"#;
const USE: &str =
    "using Foo; println(Foo.f(1), Foo.part(), Foo.loaded[], Foo.compiled != getpid(), basename(pathof(Foo)))";

/// From 1.11 on the first process to load a package says that it precompiles it, and how long that took; the other side finds
/// it done.
fn without_precompiling(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let is_about_it = |line: &str| {
        line.starts_with("Precompiling p") || line.contains(" ms  ✓ ") || line.contains(" successfully precompiled in ")
    };
    text.lines().filter(|line| !line.is_empty() && !is_about_it(line)).collect::<Vec<_>>().join("\n").into_bytes()
}

fn with_package(name: &str) -> Case {
    fork(name)
        .normal(without_precompiling)
        .file("Foo/Project.toml", PROJECT)
        .file("Foo/src/Foo.jl", FOO)
        .file("Foo/src/part.jl", "part() = (@__MODULE__, basename(@__FILE__))")
        .file("p/Project.toml", DEPENDING)
        .file("p/Manifest.toml", MANIFEST.replace("path = \"Foo\"", "path = \"../Foo\""))
}

pub fn loaded() -> Vec<Case> {
    vec![
        with_package("the project's own package").args(["--project=Foo", "-e", USE]).prints("(Foo, \"part.jl\")1true"),
        with_package("a package of the project").args(["--project=p", "-e", USE]).prints("(Foo, \"part.jl\")1true"),
        with_package("a package of JULIA_PROJECT").env("JULIA_PROJECT", "p").script(USE).prints("(Foo,"),
        with_package("a package compiled on the way, in a depot of its own")
            .env_below("JULIA_DEPOT_PATH", "depot")
            .args(["--project=p", "-e", USE])
            .prints("(Foo,")
            .files_differ(),
        with_package("a package without compiled modules").args([
            "--project=p",
            "-e",
            "push!(LOAD_PATH, \"x\"); using Foo: f; println(f(2)); println(Base.root_module(Main, :Foo))",
        ]),
        with_package("a package that is not in the project")
            .args(["-e", "using Foo"])
            .exits(1)
            .prints("Package Foo not found"),
        with_package("require and loaded modules").args([
            "--project=p",
            "-e",
            "import Foo; println(sort!(string.(values(Base.loaded_modules))))",
        ]),
        fork("a package on the load path")
            .normal(without_precompiling)
            .file("lib/Bar.jl", "module Bar\ng() = 5\nend")
            .env("JULIA_LOAD_PATH", "lib:")
            .args(["-e", "using Bar; println(Bar.g())"])
            .files_differ(),
        fork("a package pushed to the load path")
            .file("lib/Baz.jl", "__precompile__(false)\nmodule Baz\nprintln(\"loading \", @__FILE__)\nend")
            .args(["-e", "push!(LOAD_PATH, \"lib\"); using Baz"])
            .prints("loading"),
        fork("a package that fails to load")
            .file("lib/Bad.jl", "__precompile__(false)\nmodule Bad\nerror(\"bad package\")\nend")
            .env("JULIA_LOAD_PATH", "lib")
            .args(["-e", "using Bad"])
            .exits(1)
            .prints("bad package"),
        fork("a package that is nowhere").args(["-e", "using NoSuchPackage"]).exits(1).prints("NoSuchPackage"),
        fork("a standard library outside the load path")
            .env("JULIA_LOAD_PATH", "@")
            .args(["-e", "using Dates"])
            .exits(1),
        fork("a package in -L")
            .file("lib/Qux.jl", "__precompile__(false)\nmodule Qux; q() = 1; end")
            .file("l.jl", "push!(LOAD_PATH, \"lib\"); using Qux")
            .args(["-L", "l.jl", "-e", "println(Qux.q())"])
            .prints("1"),
    ]
}

/// Stale code is never run.
pub fn changed_package(world: &World) {
    let folder = world.case_folder("changed");
    let source = folder.join("Foo/src/Foo.jl");
    fs::create_dir_all(source.parent().unwrap()).unwrap();
    fs::write(folder.join("Foo/Project.toml"), PROJECT).unwrap();
    for version in 1..4 {
        fs::write(&source, format!("module Foo\nv() = {version}\nend")).unwrap();
        let launch = Launch::new(["--project=Foo", "-e", "using Foo; print(Foo.v())"]).env("JULIA_DAEMON", "require");
        for _ in 0..2 {
            let outcome = world.start(Way::Client, &launch, &folder).finish();
            assert_eq!(outcome.stdout_text(), version.to_string(), "{outcome:?}");
        }
    }
}
