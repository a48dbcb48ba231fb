//! Commands that are killed at each point that there is, and then tried again.
//!
//! After the kill the record is the old one or the new one, each Julia that can be seen is whole, and launches work. The
//! second try ends where an undisturbed one ends, file by file.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use jlapp::sys::CRASH_POINTS;

use super::archive::Archive;
use super::bad_input::staged;
use super::installing::Shop;
use super::world::{World, run};

struct Scenario {
    arguments: &'static [&'static str],
    /// Where it is killed; it must come by there.
    points: &'static [&'static str],
}

const RECORD: [&str; 3] =
    ["file-begun toolchains.json", "file-written toolchains.json", "file-replaced toolchains.json"];

const ADD: Scenario = Scenario {
    arguments: &["add", "1.11"],
    points: &[
        "file-begun versions.json",
        "file-replaced versions.json",
        "file-written versions.etag",
        "install-staged",
        "install-half-downloaded",
        "install-half-unpacked",
        "install-verified",
        "install-tried",
        "install-locked",
        "install-renamed",
        RECORD[0],
        RECORD[1],
        RECORD[2],
        "install-recorded",
    ],
};
const UPDATE: Scenario = Scenario {
    arguments: &["update", "1.10"],
    points: &["install-half-unpacked", "install-verified", "install-locked", "install-renamed", RECORD[1], RECORD[2]],
};
const REMOVE: Scenario =
    Scenario { arguments: &["rm", "1.9"], points: &[RECORD[1], RECORD[2], "gc-locked", "gc-moved", "gc-hidden"] };
const DEFAULT: Scenario = Scenario { arguments: &["default", "mine"], points: &RECORD };
const LINK: Scenario = Scenario { arguments: &["link", "other", "/bin/sh"], points: &RECORD };
const UNLINK: Scenario = Scenario { arguments: &["unlink", "mine"], points: &RECORD };
const CONFIG: Scenario = Scenario { arguments: &["config", "manifest", "no"], points: &RECORD };

/// Three Julias, one of which has been replaced; the first is the default. And a release that is not installed yet.
fn furnished() -> Shop {
    let shop = Shop::with(&["1.8.5", "1.9.4", "1.10.4", "1.11.3"]);
    shop.ok(&["add", "1.8", "1.9", "1.10"]);
    shop.ok(&["link", "mine", "/bin/sh"]);
    shop.server.release("1.10.5", &Archive::of_julia("1.10.5").bytes());
    shop
}

fn copy(world: &World, from: &str, to: &str) {
    let _ = fs::remove_dir_all(world.path(to));
    let done = Command::new("cp").arg("-a").args([world.path(from), world.path(to)]).status().unwrap();
    assert!(done.success());
}

/// All that the depot holds, and the record.
#[derive(Debug, PartialEq, Eq)]
struct State {
    files: Vec<String>,
    record: String,
}

impl State {
    fn of(shop: &Shop) -> Self {
        let folder = shop.world.folder();
        let record = fs::read_to_string(folder.join("toolchains.json")).unwrap();
        Self { files: shop.world.files_below(&folder), record }
    }
}

impl Scenario {
    fn play(&self) {
        self.play_in(&furnished());
    }

    /// And leaves everything as it was.
    fn play_in(&self, shop: &Shop) {
        if !cfg!(debug_assertions) {
            eprintln!("skipped: only builds with debug assertions have points to be killed at");
            return;
        }
        copy(&shop.world, "home/.julia", "before");
        let before = State::of(shop);
        shop.ok(self.arguments);
        shop.ok(&["gc"]);
        let after = State::of(shop);
        assert_ne!(before, after);
        for point in self.points {
            copy(&shop.world, "before", "home/.julia");
            let killed = shop.command(self.arguments).env("JLAPP_CRASH_AT", point).output().unwrap();
            assert_eq!(killed.status.signal(), Some(libc::SIGKILL), "{point} was not reached: {killed:?}");
            assert_nothing_half_done(shop, point, [&before, &after]);
            self.again(shop, point, &after);
        }
        copy(&shop.world, "before", "home/.julia");
    }

    /// What a user does next, and `gc`.
    fn again(&self, shop: &Shop, point: &str, after: &State) {
        let is_recorded = State::of(shop).record == after.record;
        let said = shop.julia(self.arguments);
        let is_gone = is_recorded && said.err.contains("channel") && said.err.contains("`jlapp julia ");
        assert!(said.status == 0 || is_gone, "{point}: {}", said.err);
        assert!(is_gone || staged(&shop.world).is_empty(), "{point}: {:?}", staged(&shop.world));
        shop.ok(&["gc"]);
        assert_eq!(State::of(shop), *after, "{point}");
    }
}

fn assert_nothing_half_done(shop: &Shop, point: &str, records: [&State; 2]) {
    let record = fs::read_to_string(shop.world.folder().join("toolchains.json")).unwrap();
    assert!(records.iter().any(|known| known.record == record), "{point}: {record}");
    let listed: serde_json::Value = serde_json::from_str(&shop.ok(&["list", "--json"])).unwrap();
    assert!(listed.as_array().unwrap().iter().all(|row| row["present"] == true), "{point}: {listed}");
    let said = run(Command::new(shop.which(&["+1.8"])));
    assert_eq!(said.out, "1.8.5:\n", "{point}");
    for folder in fs::read_dir(shop.world.folder().join("toolchains")).unwrap() {
        let files = shop.world.files_below(&folder.unwrap().path());
        let whole = ["bin/julia", "lib/julia/libjulia.so", "lib/libjulia.so", "lib/libjulia.so.1", "share/copy"];
        assert_eq!(files, whole, "{point}");
    }
}

#[test]
fn adding() {
    ADD.play();
}

/// The very first, which becomes the default in a step of its own.
#[test]
fn adding_the_first() {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: only builds with debug assertions have points to be killed at");
        return;
    }
    let shop = Shop::with(&["1.10.4"]);
    for point in ["install-locked", "file-written toolchains.json", "install-recorded"] {
        let _ = fs::remove_dir_all(shop.world.path("home/.julia"));
        let killed = shop.command(&["add", "1.10"]).env("JLAPP_CRASH_AT", point).output().unwrap();
        assert_eq!(killed.status.signal(), Some(libc::SIGKILL), "{killed:?}");
        assert_eq!(shop.ok(&["default"]), "none; `julia` on PATH is used\n");
        assert!(shop.ok(&["add", "1.10"]).ends_with("1.10 is the default now: there was no Julia before\n"), "{point}");
    }
}

#[test]
fn updating() {
    UPDATE.play();
}

#[test]
fn removing() {
    REMOVE.play();
}

#[test]
fn changing_the_record() {
    let shop = furnished();
    for scenario in [DEFAULT, LINK, UNLINK, CONFIG] {
        scenario.play_in(&shop);
    }
}

/// A Julia that was replaced.
#[test]
fn collecting() {
    let points = &["gc-locked", "gc-moved", "gc-hidden"];
    let shop = furnished();
    shop.ok(&["update", "1.10"]);
    Scenario { arguments: &["gc"], points }.play_in(&shop);
}

#[test]
fn every_point_is_gone_through() {
    let all: Vec<&str> = [ADD, UPDATE, REMOVE].iter().flat_map(|scenario| scenario.points.iter().copied()).collect();
    let passed = |point: &str| all.iter().any(|known| known.split(' ').next() == Some(point));
    let ours = CRASH_POINTS.iter().filter(|point| ["file-", "install-", "gc-"].iter().any(|it| point.starts_with(it)));
    let missing: Vec<&&str> = ours.filter(|point| !passed(point)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}
