//! A private place for real programs: folders of its own, an environment of its own, and nothing left behind.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unused_imports, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod launch;
mod place;
mod processes;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use launch::{Client, Outcome, Running, Way};
pub use place::Place;
pub use processes::{command_line, is_alive, kill, resident_kb};

/// The Julia to test with: `$JULIA`, else what `.ci/get-julia` finds or makes.
pub fn julia() -> &'static Path {
    static JULIA: OnceLock<PathBuf> = OnceLock::new();
    JULIA.get_or_init(|| {
        if let Some(julia) = std::env::var_os("JULIA").filter(|julia| !julia.is_empty()) {
            return julia.into();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/get-julia");
        let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), ".ci/get-julia found no Julia");
        OsStr::from_bytes(output.stdout.trim_ascii()).into()
    })
}

/// A list of depots with this one first. The empty entry is what comes with Julia: from 1.11 on standard libraries such as Pkg are
/// compiled there, which a lone depot would take minutes for.
pub fn depots(first: &Path) -> OsString {
    let mut list = first.as_os_str().to_owned();
    list.push(":");
    list
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says why a case was left out.
pub fn skip(case: &str, why: &str) {
    eprintln!("skipped: {case}: {why}");
}

/// Waits until something is as it should be.
///
/// # Panics
/// It has not come to that in time.
pub fn wait_until(what: &str, seconds: u64, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !is_so() {
        assert!(Instant::now() < deadline, "after {seconds} s still not so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether something stays as it is for so long.
pub fn stays(milliseconds: u64, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < end {
        if !is_so() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// A step that takes longer is told of.
const SLOW: Duration = Duration::from_secs(30);

/// Steps that share what is dear to make: all run, and the failures are told together.
#[derive(Default)]
pub struct Steps {
    failed: Vec<String>,
}

impl Steps {
    pub fn step(&mut self, name: &str, work: impl FnOnce()) {
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // Only these: what failed is to be seen at once, also where a report is cut.
        if outcome.is_err() || start.elapsed() > SLOW {
            let word = if outcome.is_ok() { "slow" } else { "FAILED" };
            eprintln!("  {word} {name} ({} ms)", start.elapsed().as_millis());
        }
        if outcome.is_err() {
            self.failed.push(name.to_owned());
        }
    }

    /// # Panics
    /// A step has failed.
    pub fn finish(self) {
        assert!(self.failed.is_empty(), "these steps failed, see above: {:#?}", self.failed);
    }
}

/// A report's list of process ids.
pub fn pids(value: &serde_json::Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|pid| u32::try_from(pid.as_u64().unwrap()).unwrap()).collect()
}

/// A program that says that it runs, and ends when its standard input does.
pub const WAITS: &str = "println(\"runs\"); flush(stdout); read(stdin); exit(7)";
