//! Commands at once, and interrupted: the old state or the new one, and nobody's change is lost.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::Stdio;

use crate::crash::leftovers;
use crate::daemon_support::{Steps, wait_until};
use crate::world::{Package, World, jll};

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

#[test]
fn at_once_and_interrupted() {
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
        world.publish(&jll("1.0.0+0"));
        world.artifact("1.0.0+0");
        let commands: [&[&str]; 5] = [
            &["add", "./repos/One#v1"],
            &["add", "./repos/One#v1"],
            &["add", "./repos/Two"],
            &["dev", "./Own"],
            &["add", "./repos/Tool_jll"],
        ];
        std::thread::scope(|scope| {
            for command in commands {
                scope.spawn(|| world.does(command));
            }
        });
        let apps = [("one", "One\n"), ("old", "One\n"), ("two", "Two\n"), ("own", "Own\n"), ("tool", "tool 1.0.0+0\n")];
        for (app, said) in apps {
            assert_eq!(world.runs(app, &[]), said);
        }
        assert_eq!(leftovers(&world), Vec::<PathBuf>::new());
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
