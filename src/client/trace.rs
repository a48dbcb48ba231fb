//! `JULIA_DAEMON_TRACE`: one line per launch that says which way it went.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;
use std::{env as process_env, io};

use super::Reason;
use crate::env;

/// Where the line goes, and when the launch began.
pub(super) struct Trace {
    target: Option<std::ffi::OsString>,
    start: Instant,
}

impl Trace {
    pub(super) fn from_environment() -> Self {
        let target = process_env::var_os(env::DAEMON_TRACE).filter(|target| !target.is_empty() && target != "0");
        Self { target, start: Instant::now() }
    }

    pub(super) fn served(&self, pid: u32) {
        self.line(&format!("served pid={pid}"));
    }

    pub(super) fn direct(&self, reason: &Reason) {
        self.line(&format!("direct reason={reason}"));
    }

    /// No Julia is needed.
    pub(super) fn native(&self) {
        self.line("native");
    }

    /// In one write, so that lines of launches side by side stay whole. A trace that cannot be written stops nothing.
    fn line(&self, text: &str) {
        let Some(target) = &self.target else { return };
        let line = format!("juliaclient: {text} after={}us\n", self.start.elapsed().as_micros());
        if target == "1" {
            let _ = io::stderr().write_all(line.as_bytes());
        } else if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(target) {
            let _ = file.write_all(line.as_bytes());
        }
    }
}
