//! Apps as Pkg has recorded them, launched: by their names and by their shims, in a worker and as plain Julia.
//!
//! The record is written here as Pkg of Julia 1.12 writes it; the package is a checkout, as after `app develop`, or an
//! environment of its own, as after `app add`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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
main(args) = (println("nested ", args == ["parsed"] ? isdefined(Base, Symbol("@#jlapp")) : args); nothing)
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
        let plain = plain(app, &[words]);
        wait_until("it comes from a branch", 300, || {
            let (is_branch, said) = is_warm(app, &[words]);
            assert_eq!(said, plain, "{app} {words}, from a branch: {is_branch}");
            is_branch
        });
    }
    wait_until("it comes from a branch", 300, || {
        let (is_branch, (said, ..)) = is_warm("nested", &["parsed"]);
        assert!(!is_branch || said == "nested true\n", "its text was not parsed ahead: {said}");
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

/// A package in the user's own folder, and a depot with nothing in it.
struct Workshop {
    depot: Depot,
    package: PathBuf,
}

impl Workshop {
    fn new(name: &str) -> Self {
        let depot = Depot::new(name);
        fs::remove_dir_all(depot.place.path("depot")).unwrap();
        let package = depot.place.path("Mine");
        fs::create_dir_all(package.join("src")).unwrap();
        let workshop = Self { depot, package };
        workshop.project("mine = {}\nmine-nested = { submodule = \"Deep.Er\", julia_flags = [\"-O1\"] }");
        workshop.module("first");
        workshop
    }

    fn project(&self, apps: &str) {
        let text = format!(
            "name = \"Mine\"\nuuid = \"5a1c7e13-52a7-4c1f-9d0a-3d1f6b2f0c4e\"\nversion = \"1.2.3\"\n\n[apps]\n{apps}\n"
        );
        fs::write(self.package.join("Project.toml"), text).unwrap();
    }

    fn module(&self, word: &str) {
        let text = format!(
            "module Mine\nmain(args) = println(\"{word}\")\nmodule Deep\nmodule Er\nmain(args) = println(Base.JLOptions().opt_level)\nend\nend\nend\n"
        );
        fs::write(self.package.join("src/Mine.jl"), text).unwrap();
    }

    fn jlapp(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        let mut command = self.depot.command(env!("CARGO_BIN_EXE_jlapp"), arguments, "off");
        command.current_dir(self.depot.place.path("")).env("PATH", julia().parent().unwrap());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code())
    }

    fn does(&self, arguments: &[&str]) -> (String, String) {
        let (out, err, status) = self.jlapp(arguments);
        assert_eq!(status, Some(0), "{err}");
        (out, err)
    }

    fn refuses(&self, arguments: &[&str], text: &str) {
        let before = self.everything();
        let (out, err, status) = self.jlapp(arguments);
        assert_eq!((out.as_str(), status), ("", Some(1)), "{err}");
        assert!(err.contains(text), "{err}");
        assert_eq!(self.everything(), before, "something was changed");
    }

    /// Every file of the depot with its text, but the lock's traces.
    fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut all, mut folders) = (Vec::new(), vec![self.depot.path("")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => all.push((entry.path(), fs::read(entry.path()).unwrap())),
                }
            }
        }
        all.sort();
        all
    }

    fn record(&self) -> String {
        fs::read_to_string(self.depot.path("environments/apps/AppManifest.toml")).unwrap()
    }

    fn runs(&self, app: &str, stdout: &str) {
        let output = self.depot.command(self.depot.path(&format!("bin/{app}")), &[], "off").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{output:?}");
    }
}

#[test]
fn developed_changed_and_removed() {
    let shop = Workshop::new("dev");
    let (out, err) = shop.does(&["dev", "Mine"]);
    assert_eq!(out, format!("Mine is under development in {}\n  mine\n  mine-nested\n", shop.package.display()));
    assert!(err.contains("export PATH="), "{err}");
    let expected = format!(
        "# This file is machine-generated - editing it directly is not advised\n\nmanifest_format = \"2.0\"\n\n[[deps.Mine]]\n\
         path = \"{}\"\nuuid = \"5a1c7e13-52a7-4c1f-9d0a-3d1f6b2f0c4e\"\nversion = \"1.2.3\"\n\n[deps.Mine.apps.mine]\n\
         julia_command = \"{julia}\"\n\n[deps.Mine.apps.mine-nested]\njulia_command = \"{julia}\"\njulia_flags = [\"-O1\"]\n\
         submodule = \"Deep.Er\"\n",
        shop.package.display(),
        julia = julia().display(),
    );
    assert_eq!(shop.record(), expected);
    assert!(!shop.depot.path("environments/apps/.pid").exists(), "the lock is let go of");
    shop.runs("mine", "first\n");
    shop.runs("mine-nested", "1\n");
    // The next launch sees an edit.
    shop.module("second");
    shop.runs("mine", "second\n");
    // Again: an app less and one more; what Pkg has added to the entry stays.
    let kept = shop.record().replace("version = \"1.2.3\"\n", "version = \"1.2.3\"\nsyntax = \"kept\"\n");
    fs::write(shop.depot.path("environments/apps/AppManifest.toml"), kept).unwrap();
    shop.project("mine = {}\nother = {}");
    shop.does(&["dev", shop.package.to_str().unwrap()]);
    assert!(!shop.depot.path("bin/mine-nested").exists());
    assert!(shop.record().contains("syntax = \"kept\""), "{}", shop.record());
    shop.runs("other", "second\n");
    // In the place of one that Pkg had added, whose shim leads to the environment of then.
    let pkgs = "#!/bin/sh\nexec \"${JULIA_APPS_JULIA_CMD:-/nowhere}\" -m Mine\n";
    fs::write(shop.depot.path("bin/mine"), pkgs).unwrap();
    // And what is left of a package that Pkg has removed without us.
    fs::create_dir_all(shop.depot.path("environments/jlapp/Gone/_precompiled")).unwrap();
    fs::create_dir_all(shop.depot.path("environments/jlapp/_native")).unwrap();
    shop.does(&["dev", "Mine"]);
    assert!(
        !shop.depot.path("environments/jlapp/Gone").exists() && shop.depot.path("environments/jlapp/_native").exists()
    );
    shop.runs("mine", "second\n");
    // An app, then the package with its last one.
    assert_eq!(shop.does(&["rm", "other"]).0, "  other\n");
    assert!(!shop.depot.path("bin/other").exists());
    shop.runs("mine", "second\n");
    assert_eq!(shop.does(&["rm", "mine"]).0, "Mine is removed\n  mine\n");
    assert_eq!(
        shop.record(),
        "# This file is machine-generated - editing it directly is not advised\n\nmanifest_format = \"2.0\"\n"
    );
    assert!(shop.package.join("src/Mine.jl").exists(), "a checkout is the user's own");
    assert_eq!(shop.does(&["status"]).0, "no apps\n");
}

#[test]
fn refused_and_nothing_changed() {
    let shop = Workshop::new("refused");
    shop.does(&["dev", "Mine"]);
    shop.refuses(&["rm", "mine", "mien"], "there is no package or app mien; did you mean Mine or mine?");
    shop.refuses(&["dev", "./nowhere"], "nowhere");
    shop.refuses(&["dev", "Mine/src"], "there is no Project.toml");
    for (apps, text) in [
        ("1x = {}", "Project.toml:6: the app 1x: a name is letters"),
        ("x = 1", "the app x: it is no table"),
        ("x = { submodule = \"a b\" }", "submodule is no name"),
        ("x = { julia_flags = \"-t1\" }", "julia_flags is no list of texts"),
        ("x = ", "Project.toml:6: "),
        ("", "[apps] is empty"),
    ] {
        shop.project(apps);
        shop.refuses(&["dev", "Mine"], text);
    }
    // A name that another package has, and one that a file has which is no shim.
    let other = shop.depot.place.path("Other");
    fs::create_dir_all(other.join("src")).unwrap();
    let text = "name = \"Other\"\nuuid = \"6b2f0c4e-52a7-4c1f-9d0a-3d1f5a1c7e14\"\n[apps]\nmine = {}\ntool = {}\n";
    fs::write(other.join("Project.toml"), text).unwrap();
    fs::write(other.join("src/Other.jl"), "module Other\nmain(args) = println(\"other\")\nend\n").unwrap();
    fs::write(shop.depot.path("bin/tool"), "#!/usr/bin/env julia\nprint(\"mine alone\")\n").unwrap();
    shop.refuses(&["dev", "Other"], "mine is an app of Mine");
    shop.refuses(&["dev", "Other"], "bin/tool is there and no shim of tool");
    shop.does(&["dev", "--force", "Other"]);
    shop.runs("mine", "other\n");
    let status = shop.does(&["status"]).0;
    assert!(status.contains("Mine 1.2.3") && status.contains("  mine-nested") && status.contains("  tool"), "{status}");
    let record = shop.depot.path("environments/apps/AppManifest.toml");
    fs::write(&record, "[[deps.Mine]\n").unwrap();
    shop.refuses(&["dev", "--force", "Other"], "AppManifest.toml:1: ");
    shop.refuses(&["rm", "mine"], "AppManifest.toml:1: ");
}

/// Several at once, each with a package of its own: none is lost. Pkg's lock is waited for, and a dead holder's taken.
#[test]
fn changes_at_once() {
    let shop = Workshop::new("at-once");
    let names: Vec<String> = (0..8).map(|number| format!("Pack{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let folder = shop.depot.place.path(name);
        fs::create_dir_all(folder.join("src")).unwrap();
        let text = format!(
            "name = \"{name}\"\nuuid = \"6b2f0c4e-52a7-4c1f-9d0a-3d1f5a1c7e0{number}\"\n[apps]\nrun{number} = {{}}\n"
        );
        fs::write(folder.join("Project.toml"), text).unwrap();
    }
    let lock = shop.depot.path("environments/apps/.pid");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "1 elsewhere").unwrap();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| shop.does(&["dev", name]));
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!shop.depot.path("environments/apps/AppManifest.toml").exists(), "Pkg's lock was not honoured");
        fs::remove_file(&lock).unwrap();
    });
    let status = shop.does(&["status"]).0;
    assert!((0..8).all(|number| status.contains(&format!("  run{number}\n"))), "{status}");
    // Eleven seconds old, of a process of this machine that has gone.
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    fs::write(&lock, format!("4194305 {host}")).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(11);
    fs::File::options().write(true).open(&lock).unwrap().set_modified(old).unwrap();
    shop.does(&["rm", "run3"]);
    assert!(!lock.exists());
    // Shims can be made again from the record alone.
    fs::remove_dir_all(shop.depot.path("bin")).unwrap();
    let (out, _) = shop.does(&["shims"]);
    assert!(out.starts_with("7 shims in "), "{out}");
    assert!(shop.depot.path("bin/run7").exists());
}

/// An app follows its channel rather than the path that it was installed with; what Pkg changes later is the newer word.
#[test]
fn an_app_follows_its_channel() {
    let shop = Workshop::new("follows");
    let channel = |name: &str, command: &str| {
        let folder = shop.depot.place.path("up/juliaup");
        fs::create_dir_all(&folder).unwrap();
        let text = format!(
            r#"{{"Default": null, "InstalledVersions": {{}}, "InstalledChannels": {{"{name}": {{"Command": "{command}", "Args": []}}}}}}"#
        );
        fs::write(folder.join("juliaup.json"), text).unwrap();
    };
    let real = julia().display().to_string();
    channel("mine-own", &real);
    shop.does(&["dev", "--julia", "+mine-own", "Mine"]);
    assert_eq!(shop.does(&["status", "mine"]).0.lines().nth(1), Some("  mine  +mine-own"));
    shop.runs("mine", "first\n");
    // The channel moves on.
    let newer = shop.depot.place.write_program("newer", "echo newer");
    channel("mine-own", &newer.display().to_string());
    shop.runs("mine", "newer\n");
    // It is gone: the launch and the list say so, and how to get it back.
    channel("another", &real);
    let output = shop.depot.command(shop.depot.path("bin/mine"), &[], "off").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
    let problem = "channel mine-own does not exist (recorded for the app mine)";
    assert!(String::from_utf8_lossy(&output.stderr).contains(problem), "{output:?}");
    assert!(shop.does(&["status", "mine"]).0.contains(problem));
    // Pkg records another Julia, which is what counts from then on.
    let wrapper = shop.depot.place.write_program("pkgs", &format!("exec '{real}' \"$@\""));
    let record = shop
        .record()
        .replace(&format!("julia_command = \"{real}\""), &format!("julia_command = \"{}\"", wrapper.display()));
    fs::write(shop.depot.path("environments/apps/AppManifest.toml"), record).unwrap();
    shop.runs("mine", "first\n");
    // A record of ours that cannot be read says nothing.
    fs::write(shop.depot.path("environments/apps/jlapp.toml"), "[apps").unwrap();
    shop.runs("mine", "first\n");
    shop.does(&["rm", "Mine"]);
}
