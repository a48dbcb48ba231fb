//! Apps that come, change and go: `dev`, `rm`, and what several commands or Pkg do meanwhile.

use std::fs;
use std::path::PathBuf;

use super::Depot;
use super::daemon_support::julia;

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
