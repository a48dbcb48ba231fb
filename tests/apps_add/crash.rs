//! Commands that are killed at each point that there is: the old state or the new one, once the next command has looked.
//!
//! Until then each app can be launched, as it was or as it is to be.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use jlapp::sys::CRASH_POINTS;

use crate::daemon_support::Steps;
use crate::world::{Package, World, jll};

/// A command, and where it is killed; it must come by there.
struct Scenario {
    words: &'static [&'static str],
    /// Before what is to be done is written down: the command has changed nothing.
    before: &'static [&'static str],
    /// From then on: the next command completes it.
    after: &'static [&'static str],
}

const JOURNAL: &[&str] = &["file-begun .jlapp.commit", "file-written .jlapp.commit"];

const SCENARIOS: &[Scenario] = &[
    Scenario {
        words: &["add", "./repos/One#v2", "./repos/Tool_jll#v2"],
        before: &["apps-begun", "apps-made", JOURNAL[1]],
        after: &[
            "file-replaced .jlapp.commit",
            "apps-moved",
            "file-written jlls.toml",
            "file-replaced jlls.toml",
            "file-written AppManifest.toml",
            "file-replaced AppManifest.toml",
            "apps-shims",
            "apps-removed",
        ],
    },
    Scenario { words: &["dev", "./Own"], before: JOURNAL, after: &["apps-moved", "apps-shims", "apps-hidden"] },
    Scenario {
        words: &["rm", "One", "Tool_jll"],
        before: JOURNAL,
        after: &[
            "file-replaced .jlapp.commit",
            "file-replaced jlls.toml",
            "file-begun AppManifest.toml",
            "apps-shims",
            "apps-hidden",
            "apps-removed",
        ],
    },
    Scenario { words: &["rm", "tool"], before: JOURNAL, after: &["file-replaced jlls.toml", "apps-shims"] },
    Scenario { words: &["rm", "old"], before: JOURNAL, after: &["file-replaced AppManifest.toml", "apps-shims"] },
    Scenario {
        words: &["pin", "One", "tool"],
        before: JOURNAL,
        after: &["file-replaced .jlapp.commit", "file-replaced jlls.toml", "file-replaced AppManifest.toml"],
    },
    Scenario {
        words: &["update"],
        before: &["apps-made", JOURNAL[0]],
        after: &["apps-moved", "file-replaced jlls.toml", "apps-shims"],
    },
    Scenario {
        words: &["import", "lock.toml"],
        before: &["apps-begun", "apps-made"],
        after: &["file-replaced .jlapp.commit", "file-replaced AppManifest.toml", "apps-removed"],
    },
];

fn one(version: &'static str, apps: &'static str) -> Package {
    Package {
        name: "One",
        uuid: "7a0c1d0e-0000-4000-8000-000000000011",
        version,
        apps,
        body: format!("main(args) = println(\"one {version}\")"),
        ..Package::default()
    }
}

/// One and Tool_jll in their first versions, an app that is to be developed, and second versions to come.
fn furnished() -> World {
    let world = World::new("add-crash");
    for (version, tag, apps) in [("1.0.0", "v1", "one = {}\nold = {}"), ("2.0.0", "v2", "one = {}\nnew = {}")] {
        world.publish(&one(version, apps));
        world.git("repos/One", &["tag", tag]);
        world.publish(&jll(if tag == "v1" { "1.0.0+0" } else { "2.0.0+0" }));
        world.git("repos/Tool_jll", &["tag", tag]);
    }
    world.artifact("1.0.0+0");
    world.artifact("2.0.0+0");
    let own = |version: &'static str| Package {
        name: "Own",
        uuid: "7a0c1d0e-0000-4000-8000-000000000013",
        version,
        apps: "own = {}",
        body: "main(args) = println(\"own\")".into(),
        ..Package::default()
    };
    world.publish(&own("1.0.0"));
    own("2.0.0").write(&world.path("Own"));
    world.does(&["add", "./repos/One", "./repos/Tool_jll"]);
    world.does(&["export", "-o", "lock.toml"]);
    world.does(&["add", "./repos/One#v1", "./repos/Tool_jll#v1", "./repos/Own"]);
    // As they are recorded now, with branches to follow.
    for name in ["AppManifest.toml", "jlls.toml"] {
        let path = world.path("depot/environments/apps").join(name);
        fs::write(&path, fs::read_to_string(&path).unwrap().replace("repo-rev = \"v1\"", "repo-rev = \"main\""))
            .unwrap();
    }
    world
}

fn copy(world: &World, from: &str, to: &str) {
    let _ = fs::remove_dir_all(world.path(to));
    let done = Command::new("cp").arg("-a").args([world.path(from), world.path(to)]).status().unwrap();
    assert!(done.success());
}

/// Who was killed has left Pkg's lock, which is his for ten seconds more.
fn let_the_lock_go_stale(world: &World) {
    let lock = world.path("depot/environments/apps/.pid");
    if let Ok(file) = fs::File::options().write(true).open(lock) {
        file.set_modified(SystemTime::now() - Duration::from_secs(11)).unwrap();
    }
}

/// What a command leaves only while it runs.
pub fn leftovers(world: &World) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let folders = ["apps", "jlapp", "jlapp/One", "jlapp/Own", "jlapp/Slow"];
    for folder in folders.map(|name| world.path("depot/environments").join(name)) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        all.extend(names.filter(|name| name.starts_with('.') && name != ".jlapp.lock").map(PathBuf::from));
    }
    all
}

impl Scenario {
    fn play(&self, world: &World) {
        copy(world, "before", "depot");
        let old = world.everything();
        world.does(self.words);
        let new = world.everything();
        assert_ne!(old, new);
        for (points, expected) in [(self.before, &old), (self.after, &new)] {
            for point in points {
                copy(world, "before", "depot");
                self.kill(world, point);
                assert_can_be_launched(world, point);
                let_the_lock_go_stale(world);
                world.does(&["shims"]);
                let (now, left) = (world.everything(), leftovers(world));
                assert!(now == *expected, "{:?} at {point}: {}", self.words, difference(&now, expected));
                assert_eq!(left, Vec::<PathBuf>::new(), "{:?} at {point}", self.words);
            }
        }
    }

    fn kill(&self, world: &World, point: &str) {
        let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), self.words);
        let output = command.env("JULIA_DAEMON", "on").env("JLAPP_CRASH_AT", point).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(9), "{:?} does not come by {point}: {said}", self.words);
    }
}

/// What is recorded can be launched at any time.
fn assert_can_be_launched(world: &World, point: &str) {
    for (app, said) in [("one", "one "), ("tool", "tool ")] {
        let output = world.jlapp(&["launch", app]);
        let is_gone = output.err.contains("there is no app");
        assert!(is_gone || output.out.starts_with(said), "{app} after {point}: {}{}", output.out, output.err);
    }
}

fn difference(now: &[(PathBuf, Vec<u8>)], expected: &[(PathBuf, Vec<u8>)]) -> String {
    let missing = expected.iter().filter(|file| !now.contains(file)).map(|(path, _)| format!("- {}", path.display()));
    let others = now.iter().filter(|file| !expected.contains(file)).map(|(path, _)| format!("+ {}", path.display()));
    missing.chain(others).collect::<Vec<_>>().join("\n")
}

#[test]
fn killed_at_each_point() {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: only builds with debug assertions have points to be killed at");
        return;
    }
    let world = furnished();
    copy(&world, "depot", "before");
    let mut steps = Steps::default();
    for scenario in SCENARIOS {
        steps.step(&scenario.words.join(" "), || scenario.play(&world));
    }
    steps.step("Pkg has changed its record meanwhile, whose word counts", || {
        let scenario = &SCENARIOS[0];
        copy(&world, "before", "depot");
        scenario.kill(&world, "file-replaced .jlapp.commit");
        let path = world.path("depot/environments/apps/AppManifest.toml");
        let text =
            fs::read_to_string(&path).unwrap().replace("version = \"1.0.0\"", "version = \"1.0.0\"\nsyntax = \"x\"");
        fs::write(&path, &text).unwrap();
        let_the_lock_go_stale(&world);
        world.does(&["shims"]);
        assert_eq!(world.record(), text);
        assert_eq!(world.runs("one", &[]), "one 1.0.0\n");
        assert_eq!(world.runs("tool", &[]), "tool 2.0.0+0\n", "Pkg has no part in it");
        assert_eq!(leftovers(&world), Vec::<PathBuf>::new());
    });
    steps.finish();
}

#[test]
fn every_point_is_gone_through() {
    let all: Vec<&str> = SCENARIOS.iter().flat_map(|it| it.before.iter().chain(it.after)).copied().collect();
    let passed = |point: &str| all.iter().any(|known| known.split(' ').next() == Some(point));
    let missing: Vec<_> = CRASH_POINTS.iter().filter(|point| point.starts_with("apps-") && !passed(point)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}
