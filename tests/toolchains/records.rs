//! juliaup's record and our own: read again when they change, named when they are broken, never lost.

use std::fs;
use std::time::{Duration, Instant};

use jlapp::toolchain::{Place, Toolchains};

use super::world::{Launch, World};

const RELEASE: &str = r#""release": {"Version": "1.12.2+0.x64.linux.gnu"}"#;
const LTS: &str = r#""lts": {"Version": "1.10.9+0.x64.linux.gnu"}"#;

#[test]
fn a_change_is_seen_at_once() {
    let world = World::new();
    let mut toolchains = Toolchains::new();
    let versions = ["1.12.2+0.x64.linux.gnu", "1.10.9+0.x64.linux.gnu"];
    let both = format!("{RELEASE}, {LTS}");
    for _ in 0..20 {
        for (default, version) in [("release", versions[0]), ("lts", versions[1])] {
            world.juliaup(Some(default), &versions, &both, "");
            let found = Launch::in_home(&world).select(&mut toolchains).unwrap();
            assert_eq!(found.binary, world.juliaups(version));
        }
    }
    fs::remove_file(world.path("home/.julia/juliaup/juliaup.json")).unwrap();
    assert!(Launch::in_home(&world).select(&mut toolchains).is_err());
}

/// Both records, each broken in two ways: the launch fails with the file's name, and the file stays as it was. A Julia
/// that is named by its path needs no record.
#[test]
fn broken_records_are_named_and_kept() {
    for file in ["home/.julia/juliaup/juliaup.json", "home/.julia/jlapp/toolchains.json"] {
        for broken in ["{\"format\": 1,\n \"Default\": \"rel", "[1, 2]", ""] {
            let world = World::new();
            let path = world.write(file, broken);
            let julia = world.julia("julia", "1.9.0");
            let launch = Launch::in_home(&world);
            let message = launch.select(&mut Toolchains::new()).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{}:", path.display())), "{message}");
            let mut asked = launch.with("JULIA_APP_JULIA", &julia);
            asked.app = Some(jlapp::toolchain::App::default());
            assert_eq!(asked.select(&mut Toolchains::new()).unwrap().binary, julia);
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        }
    }
}

#[test]
fn a_record_of_a_newer_jlapp_is_not_touched() {
    let world = World::new();
    world.write("home/.julia/jlapp/toolchains.json", "{\"format\": 2}");
    let message = Launch::in_home(&world).select(&mut Toolchains::new()).unwrap_err().to_string();
    assert!(message.contains("has format 2") && message.contains("update jlapp"), "{message}");
}

#[test]
fn the_depot_is_juliaups() {
    let world = World::new();
    world.juliaup(Some("release"), &["1.12.2+0.x64.linux.gnu"], RELEASE, "");
    fs::rename(world.path("home/.julia"), world.path("depot")).unwrap();
    let launch = Launch::in_home(&world).with("JULIAUP_DEPOT_PATH", world.path("depot"));
    let found = launch.select(&mut Toolchains::new()).unwrap();
    assert!(found.binary.starts_with(world.path("depot")));
    // juliaup takes no relative one.
    let launch = launch.with("JULIAUP_DEPOT_PATH", "depot");
    assert!(launch.select(&mut Toolchains::new()).is_err());
}

/// A file that has just been changed may be changed once more unseen, and is read each time until it is older. From then
/// on a launch pays for a look at it, and not for reading it.
#[test]
fn an_unchanged_record_is_not_read_again() {
    let world = World::new();
    let links = (0..1000).map(|number| format!(r#""l{number}": {{"Command": "/l/{number}", "Args": []}}"#));
    let channels: Vec<String> = [RELEASE.to_owned()].into_iter().chain(links).collect();
    world.juliaup(Some("release"), &["1.12.2+0.x64.linux.gnu"], &channels.join(", "), "");
    let mut toolchains = Toolchains::new();
    let launch = Launch { channel: Some("release"), ..Launch::in_home(&world) };
    let mut timed = || {
        let started = Instant::now();
        launch.select(&mut toolchains).unwrap();
        started.elapsed()
    };
    let reading = timed();
    let deadline = Instant::now() + Duration::from_secs(60);
    while timed() > reading / 20 {
        assert!(Instant::now() < deadline, "each launch still takes about as long as reading, {reading:?}");
    }
}

/// Apps record a channel rather than a path, one that moves on if there is one.
#[test]
fn a_binary_is_known_by_its_channel() {
    let world = World::new();
    let channels = r#""1.10.9": {"Version": "1.10.9+0.x64.linux.gnu"}, "1.10": {"Version": "1.10.9+0.x64.linux.gnu"}"#;
    world.juliaup(None, &["1.10.9+0.x64.linux.gnu"], channels, "");
    let place = Place::at(world.path("home/.julia"));
    let installed = Toolchains::new().installed(&place).unwrap();
    let found = installed.channel_of(&world.juliaups("1.10.9+0.x64.linux.gnu"));
    assert_eq!(found, "1.10".parse().ok().as_ref());
    assert_eq!(installed.channel_of(&world.julia("other", "1.10.9")), None);
}
