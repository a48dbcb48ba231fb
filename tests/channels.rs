//! Launches by channel, with the daemon and without it: the same Julia either way, and the records of now.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon_support;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use daemon_support::{Client, Outcome, Place, julia, wait_until};

/// What a Julia that is a script prints of itself and its arguments, and ends with.
fn script(version: &str) -> String {
    format!("echo \"{version}:$*\"\nexit 4")
}

/// juliaup's folder with Julias that are scripts, and a linked channel `real`.
struct Juliaup {
    place: Place,
    versions: Vec<&'static str>,
}

impl Juliaup {
    fn new(name: &str, versions: &[&'static str]) -> Self {
        // Not chosen unless a case wants it.
        let place = Place::with_script(name, &script("on PATH"));
        for version in versions {
            let folder = place.path(format!("depot/juliaup/julia-{version}/bin"));
            fs::create_dir_all(&folder).unwrap();
            place.write_program(folder.join("julia").to_str().unwrap(), &script(version));
        }
        fs::create_dir_all(place.path("depot/juliaup")).unwrap();
        let juliaup = Self { place, versions: versions.to_vec() };
        juliaup.record(None);
        juliaup
    }

    /// Writes `juliaup.json` with this default channel.
    fn record(&self, default: Option<&str>) {
        let entry = |version: &&str| {
            format!(r#""{version}+0": {{"Path": "./julia-{version}", "BinaryPath": "./julia-{version}/bin/julia"}}"#)
        };
        let installed: Vec<String> = self.versions.iter().map(entry).collect();
        let channel = |version: &&str| format!(r#""{version}": {{"Version": "{version}+0"}}"#);
        let channels: Vec<String> = self.versions.iter().map(channel).collect();
        let default = default.map_or("null".to_owned(), |name| format!("\"{name}\""));
        let real = format!(r#""real": {{"Command": "{}", "Args": ["--project=linked"]}}"#, julia().display());
        let text = format!(
            r#"{{"Default": {default}, "InstalledVersions": {{{}}}, "InstalledChannels": {{{}}}}}"#,
            installed.join(", "),
            [channels, vec![real]].concat().join(", "),
        );
        fs::write(self.place.path("depot/juliaup/juliaup.json"), text).unwrap();
    }

    fn client<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Client {
        self.place.client(arguments).env("JULIAUP_DEPOT_PATH", self.place.path("depot"))
    }

    /// The same launch through the daemon and without it.
    fn both(&self, arguments: &[&str], variables: &[(&str, &str)]) -> [Outcome; 2] {
        ["yes", "off"].map(|daemon| {
            let client = self.client(arguments).env("JULIA_DAEMON", daemon);
            variables.iter().fold(client, |client, (name, value)| client.env(name, value)).run()
        })
    }

    /// Both run the script that stands for `version`, with exactly these arguments.
    fn runs(&self, version: &str, arguments: &[&str], variables: &[(&str, &str)]) {
        let own: Vec<&str> = arguments.iter().copied().filter(|word| !word.starts_with('+')).collect();
        for outcome in self.both(arguments, variables) {
            outcome.assert_ended(&format!("{version}:--startup-file=no {}\n", own.join(" ")), 4);
        }
    }
}

fn project(folder: &Path, version: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("Project.toml"), "name = \"Some\"\n").unwrap();
    let manifest = format!("julia_version = \"{version}\"\nmanifest_format = \"2.0\"\n");
    fs::write(folder.join("Manifest.toml"), manifest).unwrap();
}

#[test]
fn the_same_julia_with_the_daemon_and_without_it() {
    let up = Juliaup::new("order", &["1.10.4", "1.11.2"]);
    up.runs("on PATH", &["x.jl"], &[]);
    up.record(Some("1.10.4"));
    // JULIA_DAEMON_WORKER_EXECUTABLE, which is set here, replaces the default channel.
    up.runs("on PATH", &["x.jl"], &[]);
    let unset = ("JULIA_DAEMON_WORKER_EXECUTABLE", "");
    up.runs("1.10.4", &["x.jl"], &[unset]);
    up.runs("1.11.2", &["+1.11.2", "x.jl", "y"], &[unset]);
    up.runs("1.11.2", &["x.jl"], &[unset, ("JULIAUP_CHANNEL", "1.11.2")]);
    up.runs("1.10.4", &["+1.10.4", "x.jl"], &[unset, ("JULIAUP_CHANNEL", "1.11.2")]);
    // What Julia itself answers is answered by the Julia chosen.
    up.runs("1.11.2", &["+1.11.2", "--version"], &[unset]);
    // Also where whoever starts us ignores the end of children, which then cannot be waited for.
    let deaf = up.client(["+1.11.2", "x.jl"]).env("JULIA_DAEMON", "off");
    deaf.through(&["env", "--ignore-signal=CHLD"]).run().assert_ended("1.11.2:--startup-file=no x.jl\n", 4);
    // The first argument alone is a channel.
    for outcome in up.both(&["x.jl", "+1.11.2"], &[unset]) {
        outcome.assert_ended("1.10.4:--startup-file=no x.jl +1.11.2\n", 4);
    }
    let folder = up.place.path("project");
    project(&folder, "1.11.2");
    up.runs("1.11.2", &[&format!("--project={}", folder.display()), "x.jl"], &[unset]);
}

/// The record is read once and again when it has changed.
#[test]
fn the_record_of_now() {
    let up = Juliaup::new("now", &["1.10.4", "1.11.2"]);
    for (default, other) in [("1.10.4", "1.11.2"), ("1.11.2", "1.10.4"), ("1.10.4", "1.11.2")] {
        up.record(Some(default));
        up.runs(default, &["x.jl"], &[("JULIA_DAEMON_WORKER_EXECUTABLE", "")]);
        up.runs(other, &[&format!("+{other}"), "x.jl"], &[]);
    }
}

#[test]
fn what_cannot_be_met() {
    let up = Juliaup::new("unmet", &["1.10.4"]);
    let ends = |outcome: Outcome, status: i32, text: &str| {
        assert_eq!((outcome.stdout.as_str(), outcome.code), ("", Some(status)), "{outcome:#?}");
        assert!(outcome.stderr.contains(text), "{outcome:#?}");
    };
    for outcome in up.both(&["+1.9", "-e", "1"], &[]) {
        ends(outcome, 1, "install it with `jlapp julia add 1.9`");
    }
    ends(up.client(["+1.9", "-e", "1"]).require().run(), 125, "install it with `jlapp julia add 1.9`");
    let folder = up.place.path("project");
    project(&folder, "1.7.3");
    let launch = || up.client([&format!("--project={}", folder.display()), "x.jl"]).run();
    let first = launch();
    first.assert_ended(&format!("on PATH:--startup-file=no --project={} x.jl\n", folder.display()), 4);
    assert!(first.stderr.contains("was resolved with Julia 1.7.3, which is not installed"), "{first:#?}");
    assert_eq!(launch().stderr, "", "it is said once");
    let record = up.place.path("depot/juliaup/juliaup.json");
    fs::write(&record, "{\n\"Default\": \"1.10.4\",\n").unwrap();
    for outcome in up.both(&["+1.10.4", "x.jl"], &[]) {
        ends(outcome, 1, &record.display().to_string());
    }
    assert_eq!(fs::read_to_string(&record).unwrap(), "{\n\"Default\": \"1.10.4\",\n");
}

/// A linked channel with arguments, served by a worker; and its Julia taken away while a program runs.
#[test]
fn a_linked_channel_is_served() {
    let up = Juliaup::new("linked", &[]);
    let program = "print(unsafe_string(Base.JLOptions().project))";
    let launch = || up.client(["+real", "-e", program]);
    launch().require().run().assert_served("linked", 0);
    launch().env("JULIA_DAEMON", "off").run().assert_ended("linked", 0);
    // What is typed comes later, and wins.
    up.client(["+real", "--project=mine", "-e", program]).require().run().assert_served("mine", 0);
}

#[test]
fn a_julia_that_goes_away_takes_its_workers_along() {
    let up = Juliaup::new("gone", &[]);
    let wrapper = up.place.write_program("wrapped", &format!("exec '{}' \"$@\"", julia().display()));
    let launch = |program: &str| {
        up.place
            .client(["-e", program])
            .env("JULIA_DAEMON_WORKER_EXECUTABLE", &wrapper)
            .env("JULIAUP_DEPOT_PATH", "/nowhere")
    };
    let mut running = launch(daemon_support::WAITS).require().spawn();
    running.served_pid();
    let moved: PathBuf = wrapper.with_extension("away");
    fs::rename(&wrapper, moved).unwrap();
    let workers = || up.place.report().unwrap()["workers"].as_array().unwrap().len();
    wait_until("its workers have retired", 10, || workers() == 0);
    let outcome = launch("1").run();
    assert_ne!(outcome.code, Some(0));
    assert!(outcome.stderr.contains(&wrapper.display().to_string()), "{outcome:#?}");
    running.finish().assert_served("runs\n", 7);
}
