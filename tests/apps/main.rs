//! Apps as Pkg has recorded them, launched: by their names and by their shims, in a worker and as plain Julia.
//!
//! The record is written here as Pkg of Julia 1.12 writes it; the package is a checkout, as after `app develop`, or an
//! environment of its own, as after `app add`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changing;
#[path = "../daemon_support/mod.rs"]
mod daemon_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use daemon_support::{Place, julia, wait_until};

const MODULE: &str = r#"
module Greet
function main(args)
    println("greet ", repr(args))
    isempty(args) || args[1] != "fail" || error("as asked")
    return isempty(args) ? 0 : length(args)
end
module Sub
module Nested
ahead() = isdefined(Base, Symbol("@#jlapp")) && macroexpand(Base, Expr(:macrocall, Symbol("@#jlapp"), LineNumberNode(1))).args[1].head
main(args) = (println("nested ", args == ["ahead"] ? ahead() : args); nothing)
end
end
module Facts
function main(args)
    println(LOAD_PATH == [joinpath(ARGS[1], "Greet")], " ", get(ENV, "JULIA_LOAD_PATH", "unset"))
    println(Base.JLOptions().opt_level, " ", isdefined(Main, :Greet))
    print(read(`$(Base.julia_cmd()[1]) --startup-file=no -e "print(join(LOAD_PATH, ':'))"`, String))
end
end
end
"#;

struct Depot {
    place: Place,
}

impl Depot {
    fn new(name: &str) -> Self {
        let place = Place::new(name);
        let depot = Self { place };
        let package = depot.path("environments/apps/Greet");
        fs::create_dir_all(package.join("src")).unwrap();
        fs::create_dir_all(depot.path("bin")).unwrap();
        let uuid = "43ef800a-eac4-47f4-949b-25107b932e8f";
        fs::write(package.join("Project.toml"), format!("name = \"Greet\"\nuuid = \"{uuid}\"\n")).unwrap();
        fs::write(package.join("src/Greet.jl"), MODULE).unwrap();
        depot.record(&julia().display().to_string());
        for app in ["greet", "nested", "facts"] {
            let shim = depot.path(&format!("bin/{app}"));
            fs::write(&shim, format!("#!{}\n", env!("CARGO_BIN_EXE_jlshim"))).unwrap();
            fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
        }
        depot
    }

    fn record(&self, julia: &str) {
        let app =
            |name: &str, rest: &str| format!("    [deps.Greet.apps.{name}]\n    julia_command = \"{julia}\"\n{rest}\n");
        let text = [
            "# This file is machine-generated - editing it directly is not advised\n\nmanifest_format = \"2.0\"\n\n"
                .to_owned(),
            "[[deps.Greet]]\nuuid = \"43ef800a-eac4-47f4-949b-25107b932e8f\"\nversion = \"0.1.0\"\n\n".to_owned(),
            app("greet", ""),
            app("nested", "    submodule = \"Sub.Nested\"\n"),
            app("facts", "    submodule = \"Facts\"\n    julia_flags = [\"--optimize=1\"]\n"),
        ];
        fs::write(self.path("environments/apps/AppManifest.toml"), text.concat()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path("depot").join(name)
    }

    /// A program of ours with this depot, going the way that `daemon` says.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str], daemon: &str) -> Command {
        let mut command = self.place.command(program);
        command.args(arguments).env("JULIA_DEPOT_PATH", self.place.path("depot")).env("JULIA_DAEMON", daemon);
        command.env("JULIAUP_DEPOT_PATH", self.place.path("up"));
        // What picks the Julia of scripts is nothing to apps.
        command.env_remove("JULIA_DAEMON_WORKER_EXECUTABLE");
        command
    }

    /// The same by its shim and by its name, in a worker and as plain Julia.
    fn four_ways(&self, app: &str, arguments: &[&str]) -> Vec<Output> {
        let named = [&["launch", app], arguments].concat();
        ["require", "off"]
            .into_iter()
            .flat_map(|daemon| {
                [
                    self.command(self.path(&format!("bin/{app}")), arguments, daemon),
                    self.command(env!("CARGO_BIN_EXE_jlapp"), &named, daemon),
                ]
            })
            .map(|mut command| command.output().unwrap())
            .collect()
    }

    fn all_print(&self, app: &str, arguments: &[&str], stdout: &str, status: i32) {
        for output in self.four_ways(app, arguments) {
            let said = (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code());
            assert_eq!(said, (stdout.to_owned(), Some(status)), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn launched_like_any_program() {
    let depot = Depot::new("apps");
    depot.all_print("greet", &[], "greet String[]\n", 0);
    depot.all_print(
        "greet",
        &["a b", "", "*", "-t4", "$HOME"],
        "greet [\"a b\", \"\", \"*\", \"-t4\", \"\\$HOME\"]\n",
        5,
    );
    depot.all_print("nested", &["x"], "nested [\"x\"]\n", 0);
    for output in depot.four_ways("greet", &["fail"]) {
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("ERROR: as asked"), "{output:?}");
    }
    let environments = depot.path("environments/apps");
    let plain = Command::new(julia())
        .args(["--startup-file=no", "-e", "print(join(LOAD_PATH, ':'))"])
        .env_clear()
        .output()
        .unwrap();
    let users = String::from_utf8(plain.stdout).unwrap();
    depot.all_print("facts", &[environments.to_str().unwrap()], &format!("true unset\n1 false\n{users}"), 0);
}

/// Whatever was done ahead for an app: what it does and says is what it does and says as plain Julia, to the last line.
#[test]
fn from_its_branch() {
    let depot = Depot::new("warm");
    let said = |output: Output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code())
    };
    let plain = |app: &str, words: &[&str]| {
        said(depot.command(depot.path(&format!("bin/{app}")), words, "off").output().unwrap())
    };
    let is_warm = |app: &str, words: &[&str]| {
        let trace = depot.path("trace");
        let _ = fs::remove_file(&trace);
        let mut command = depot.command(depot.path(&format!("bin/{app}")), words, "require");
        let output = command.env("JULIA_DAEMON_TRACE", &trace).output().unwrap();
        let is_branch = fs::read_to_string(&trace).unwrap().contains(" kind=branch ");
        (is_branch, said(output))
    };
    let environments = depot.path("environments/apps").display().to_string();
    for (app, words) in [("greet", "a"), ("greet", "fail"), ("nested", "x"), ("facts", environments.as_str())] {
        let _ = plain(app, &[words]); // from 1.12 on the first one says that it precompiles
        let plain = plain(app, &[words]);
        wait_until("it comes from a branch", 300, || {
            let (is_branch, said) = is_warm(app, &[words]);
            assert_eq!(said, plain, "{app} {words}, from a branch: {is_branch}");
            is_branch
        });
    }
    wait_until("it comes from a branch", 300, || {
        let (is_branch, (said, ..)) = is_warm("nested", &["ahead"]);
        assert!(!is_branch || said == "nested thunk\n", "its text was not lowered ahead: {said}");
        is_branch
    });
}

/// What stands before `--` is Julia's; `JULIA_APP_ARGS` replaces the app's own flags.
#[test]
fn flags_for_julia() {
    let depot = Depot::new("app-flags");
    let environments = depot.path("environments/apps").display().to_string();
    let level = |daemon: &str, arguments: &[&str], extra: Option<&str>| {
        let words = [arguments, &[environments.as_str()]].concat();
        let mut command = depot.command(depot.path("bin/facts"), &words, daemon);
        extra.map(|extra| command.env("JULIA_APP_ARGS", extra));
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().nth(1).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr))).to_owned()
    };
    assert_eq!(level("off", &[], None), "1 false");
    assert_eq!(level("off", &["-O0", "--"], None), "0 false");
    assert_eq!(level("off", &[], Some("--optimize='3'")), "3 false");
    assert_eq!(level("off", &["-O2", "--"], Some("--optimize=3")), "2 false");
    // One of them in a worker, which takes a boot of its own.
    assert_eq!(level("require", &["-O2", "--"], Some("--optimize=3")), "2 false");
}

#[test]
fn a_depot_that_was_moved() {
    let depot = Depot::new("app-moved");
    let there = depot.place.path("moved");
    fs::rename(depot.place.path("depot"), &there).unwrap();
    for daemon in ["require", "off"] {
        let output = depot.command(there.join("bin/greet"), &["x"], daemon).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "greet [\"x\"]\n", "{output:?}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let depot = Depot::new("app-errors");
    let fails = |arguments: &[&str], status: i32, text: &str| {
        for daemon in ["yes", "off"] {
            let output = depot.command(env!("CARGO_BIN_EXE_jlapp"), arguments, daemon).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(status), true), "{stderr}");
            assert!(stderr.contains(text), "{stderr}");
        }
    };
    fails(&["launch", "gret"], 127, "did you mean greet?");
    fails(&["launch"], 2, "which app?");
    fails(&["launch", "+1.77", "greet"], 1, "jlapp julia add 1.77");
    let record = depot.path("environments/apps/AppManifest.toml");
    let text = fs::read_to_string(&record).unwrap();
    let bad = text.replace("submodule = \"Facts\"", "submodule = ");
    fs::write(&record, &bad).unwrap();
    let line = bad.lines().position(|line| line.ends_with("submodule = ")).unwrap() + 1;
    fails(&["launch", "greet"], 1, &format!("AppManifest.toml:{line}: "));
    fails(&["status"], 1, &format!("AppManifest.toml:{line}: "));
    assert_eq!(fs::read_to_string(&record).unwrap(), bad, "it is not ours to repair");
    // The Julia that Pkg recorded is gone: the default serves, with a word.
    depot.record("/nowhere/bin/julia");
    let mut command = depot.command(depot.path("bin/greet"), &[], "off");
    command.env("PATH", julia().parent().unwrap());
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "greet String[]\n", "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("/nowhere/bin/julia, recorded for the app greet, is gone")
    );
}

#[test]
fn status_lists_them() {
    let depot = Depot::new("app-status");
    let says = |arguments: &[&str]| {
        let output = depot.command(env!("CARGO_BIN_EXE_jlapp"), arguments, "off").output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    let all = "Greet 0.1.0\n  facts  Greet.Facts  --optimize=1\n  greet\n  nested  Greet.Sub.Nested\n";
    assert_eq!(says(&["status"]), (all.to_owned(), Some(0)));
    let one = format!(
        "Greet 0.1.0\n  greet\n    command: {}\n    environment: {}\n    Julia: {}\n",
        depot.path("bin/greet").display(),
        depot.path("environments/apps/Greet").display(),
        julia().display()
    );
    assert_eq!(says(&["status", "greet"]), (one, Some(0)));
    fs::remove_file(depot.path("bin/nested")).unwrap();
    let nested = says(&["status", "nested"]).0;
    assert!(nested.contains("bin/nested, which is missing; `jlapp shims` makes it\n"), "{nested}");
    assert!(!nested.contains("greet\n"), "{nested}");
    assert_eq!(says(&["status", "other"]), (String::new(), Some(1)));
    let json: serde_json::Value = serde_json::from_str(&says(&["status", "facts", "--json"]).0).unwrap();
    assert_eq!((json[0]["app"].as_str(), json.as_array().unwrap().len()), (Some("facts"), 1));
    let json: serde_json::Value = serde_json::from_str(&says(&["status", "--json"]).0).unwrap();
    assert_eq!(json[0]["app"], "facts");
    assert_eq!(json[2]["submodule"], "Sub.Nested");
    fs::remove_file(depot.path("environments/apps/AppManifest.toml")).unwrap();
    assert_eq!(says(&["status"]), ("no apps\n".to_owned(), Some(0)));
}

// ---- changing what there is
