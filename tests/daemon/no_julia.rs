//! Julias that are not there, or no Julias.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::daemon_support::{Place, Way, wait_until};
use super::shared::SCRIPT;

#[test]
fn a_julia_that_does_not_exist() {
    let place = Place::with_script("nowhere", SCRIPT);
    let missing = place.path("no/such/julia").display().to_string();
    let by_path = || place.client(["-e", "1"]).env("JULIA_DAEMON_WORKER_EXECUTABLE", &missing);
    let outcome = by_path().run();
    outcome.assert_direct("no-julia", "", 127);
    assert!(outcome.stderr.contains(&missing) && outcome.stderr.contains("No such file"), "{}", outcome.stderr);
    by_path().env("JULIA_DAEMON", "off").run().assert_direct("off", "", 127);
    let required = by_path().require().run();
    required.assert_ended("", 125);
    assert!(required.stderr.contains("no-julia"), "{}", required.stderr);
    let by_name = place.client(["-e", "1"]).env("JULIA_DAEMON_WORKER_EXECUTABLE", "no-such-julia").run();
    by_name.assert_ended("", 127);
    assert!(by_name.stderr.contains("no-such-julia") && by_name.stderr.contains("PATH"), "{}", by_name.stderr);
}

#[test]
fn a_julia_that_cannot_be_executed() {
    let place = Place::with_script("text", SCRIPT);
    fs::write(place.path("no-program"), "text").unwrap();
    let outcome = place.client(["-e", "1"]).env("JULIA_DAEMON_WORKER_EXECUTABLE", place.path("no-program")).run();
    outcome.assert_direct("", "", 126);
    assert!(outcome.stderr.contains("no-program"), "{}", outcome.stderr);
}

#[test]
fn a_julia_that_cannot_boot_runs_directly() {
    let place = Place::with_script("unbootable", "exit 3");
    place.client(["-e", "1"]).run().assert_direct("booting", "", 3);
    let known = || {
        let outcome = place.client(["-e", "1"]).run();
        outcome.assert_ended("", 3);
        outcome.way == Way::Direct("cannot-boot".into())
    };
    wait_until("it is known that it can't boot", 10, known);
    let required = place.client(["-e", "1"]).require().run();
    required.assert_direct("cannot-boot", "", 125);
    assert!(required.stderr.contains("cannot-boot"), "{}", required.stderr);
    let report = place.report().unwrap();
    assert!(report["workers"][0]["state"].as_str().unwrap().contains("log"), "{report}");
    let declined = report["declined"].as_array().unwrap();
    assert!(declined.iter().any(|entry| entry[0] == "cannot-boot"), "{report}");
}

/// Whoever insists on a worker is told in time that there will be none.
#[test]
fn a_julia_that_cannot_boot_is_not_waited_for() {
    for isolation in ["fork", "fresh"] {
        let place = Place::with_script("hopeless", "sleep 1; exit 3");
        let running = place.client(["-e", "1"]).require().env("JULIA_DAEMON_ISOLATION", isolation).spawn();
        let outcome = running.finish();
        assert!(outcome.took < Duration::from_secs(20), "{isolation}: told after {:?}", outcome.took);
        outcome.assert_direct("cannot-boot", "", 125);
    }
}

#[test]
fn off_starts_nothing() {
    let place = Place::with_script("off", SCRIPT);
    for off in ["off", "no", "0"] {
        place.client(["-e", "1"]).env("JULIA_DAEMON", off).run().assert_direct("off", "plain\n", 3);
    }
    assert_eq!(place.conductors(), Vec::<u32>::new());
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}
