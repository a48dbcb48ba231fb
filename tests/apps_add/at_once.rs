//! Commands at once, interrupted and killed: the old state or the new one, and nobody's change is lost.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use crate::daemon_support::{Steps, wait_until};
use crate::world::{Package, World};

fn tool(name: &'static str, uuid: &'static str, apps: &'static str) -> Package {
    Package {
        name,
        uuid,
        version: "1.0.0",
        apps,
        body: format!("main(args) = println(\"{name}\")"),
        ..Package::default()
    }
}

const ONE: &str = "7a0c1d0e-0000-4000-8000-000000000011";
const TWO: &str = "7a0c1d0e-0000-4000-8000-000000000012";
const OWN: &str = "7a0c1d0e-0000-4000-8000-000000000013";
const SLOW: &str = "7a0c1d0e-0000-4000-8000-000000000014";

/// Who was killed has left Pkg's lock, which is his for ten seconds more.
fn let_the_lock_go_stale(world: &World) {
    let lock = world.path("depot/environments/apps/.pid");
    if let Ok(file) = fs::File::options().write(true).open(lock) {
        file.set_modified(SystemTime::now() - Duration::from_secs(11)).unwrap();
    }
}

fn leftovers(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.path("depot/environments/apps")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.') && name != ".jlapp.lock").map(PathBuf::from).collect()
}

#[test]
fn at_once_interrupted_and_killed() {
    let world = World::new("add-at-once");
    let first = tool("One", ONE, "one = {}\nold = {}");
    world.publish(&first);
    world.git("repos/One", &["tag", "v1"]);
    world.publish(&Package {
        version: "2.0.0",
        body: "main(args) = println(\"One again\")".into(),
        ..tool("One", ONE, "one = {}\nnew = {}")
    });
    world.git("repos/One", &["tag", "v2"]);
    world.publish(&tool("Two", TWO, "two = {}"));
    tool("Own", OWN, "own = {}").write(&world.path("Own"));
    let mut steps = Steps::default();
    steps.step("several commands, two of them for the same package", || {
        let commands: [&[&str]; 4] =
            [&["add", "./repos/One#v1"], &["add", "./repos/One#v1"], &["add", "./repos/Two"], &["dev", "./Own"]];
        std::thread::scope(|scope| {
            for command in commands {
                scope.spawn(|| world.does(command));
            }
        });
        for (app, said) in [("one", "One\n"), ("old", "One\n"), ("two", "Two\n"), ("own", "Own\n")] {
            assert_eq!(world.runs(app, &[]), said);
        }
        assert_eq!(leftovers(&world), Vec::<PathBuf>::new());
    });
    steps.step("killed at each point", || {
        let snapshot = |tag: &str| {
            world.does(&["add", &format!("./repos/One#{tag}")]);
            world.everything()
        };
        let states = [snapshot("v2"), snapshot("v1")];
        // Which state there is afterwards, once the next command has looked: before what was to be done was written down
        // the old one, from then on the new one.
        let points = [
            ("apps-begun", false),
            ("apps-made", false),
            ("file-written .jlapp.commit", false),
            ("file-replaced .jlapp.commit", true),
            ("apps-moved", true),
            ("file-written AppManifest.toml", true),
            ("file-replaced AppManifest.toml", true),
            ("apps-shims", true),
        ];
        let mut now = 1;
        for (point, completed) in points {
            let other = 1 - now;
            let spec = format!("./repos/One#{}", ["v2", "v1"][other]);
            let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), &["add", &spec]);
            let output = command.env("JLAPP_CRASH_AT", point).output().unwrap();
            assert_eq!(output.status.signal(), Some(9), "{point}: {}", String::from_utf8_lossy(&output.stderr));
            let said = world.jlapp(&["launch", "one"]);
            assert!(["One\n", "One again\n"].contains(&said.out.as_str()), "{point}: {}", said.err);
            let_the_lock_go_stale(&world);
            world.does(&["pin", "two"]);
            world.does(&["unpin", "two"]);
            now = if completed { other } else { now };
            assert!(world.everything() == states[now], "{point}: {}", world.record());
            assert_eq!(leftovers(&world), Vec::<PathBuf>::new(), "{point}");
        }
    });
    steps.step("interrupted", || {
        let began = world.path("began");
        let build = format!("touch({:?}); sleep(600)", began.display().to_string());
        world.publish(&Package {
            files: [("deps/build.jl".to_owned(), build)].into(),
            ..tool("Slow", SLOW, "slow = {}")
        });
        let before = world.everything();
        let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), &["add", "./repos/Slow"]);
        let mut child = command.process_group(0).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        wait_until("the package is being built", 120, || began.exists());
        let group = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process_group(group, rustix::process::Signal::INT).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(2), "{status:?}");
        assert_eq!(world.everything(), before);
        assert_eq!(leftovers(&world), Vec::<PathBuf>::new());
    });
    steps.finish();
}
