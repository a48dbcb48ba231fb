//! `JULIA_DAEMON_TRACE`: one line per launch that says which way it went, why, and where its time went.
//!
//! A served launch has its line when it has ended, any other before Julia takes over. Without the variable nothing is noted.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::{Duration, Instant};
use std::{env as process_env, io};

use super::Reason;
use crate::env;
use crate::protocol::Account;

/// Where the line goes, and when the launch began.
pub(super) struct Trace {
    target: Option<std::ffi::OsString>,
    start: Instant,
    noted: RefCell<Noted>,
}

/// What a served launch's line will say.
#[derive(Default)]
struct Noted {
    /// What has been done, each with the time at which it was, counted from the start.
    steps: Vec<(&'static str, Duration)>,
    account: Option<Account>,
    /// The program's process, and the time of "go".
    job: Option<(u32, Duration)>,
}

impl Trace {
    pub(super) fn from_environment() -> Self {
        let target = process_env::var_os(env::DAEMON_TRACE).filter(|target| !target.is_empty() && target != "0");
        Self { target, start: Instant::now(), noted: RefCell::default() }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.target.is_some()
    }

    /// Something has been done just now.
    pub(super) fn step(&self, name: &'static str) {
        if self.is_wanted() {
            self.noted.borrow_mut().steps.push((name, self.start.elapsed()));
        }
    }

    /// What the conductor says of the worker; the client waits for that worker from now on.
    pub(super) fn account(&self, body: &[u8]) {
        self.noted.borrow_mut().account = Account::decode(body).ok();
    }

    /// The program runs from now on.
    pub(super) fn served(&self, pid: u32) {
        if self.is_wanted() {
            self.noted.borrow_mut().job = Some((pid, self.start.elapsed()));
            self.step("go");
        }
    }

    /// The program that was served has ended.
    pub(super) fn ended(&self) {
        self.step("program");
        let noted = self.noted.borrow();
        let Some((pid, gone)) = noted.job else { return };
        let mut line = format!("served pid={pid} after={}us", gone.as_micros());
        noted.write_account(&mut line);
        noted.write_steps(&mut line);
        let _ = write!(line, " total={}us", self.start.elapsed().as_micros());
        noted.write_why(&mut line);
        self.line(&line);
    }

    pub(super) fn direct(&self, reason: &Reason) {
        if !self.is_wanted() {
            return;
        }
        let mut line = format!("direct reason={reason} after={}us", self.start.elapsed().as_micros());
        self.noted.borrow().write_steps(&mut line);
        write_why(&mut line, reason.why());
        self.line(&line);
    }

    /// No Julia is needed.
    pub(super) fn native(&self) {
        self.line(&format!("native after={}us", self.start.elapsed().as_micros()));
    }

    /// In one write, so that lines of launches side by side stay whole. A trace that cannot be written stops nothing.
    fn line(&self, text: &str) {
        let Some(target) = &self.target else { return };
        let line = format!("juliaclient: {text}\n");
        if target == "1" {
            let _ = io::stderr().write_all(line.as_bytes());
        } else if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(target) {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

impl Noted {
    fn write_account(&self, line: &mut String) {
        if let Some(account) = &self.account {
            let _ = write!(line, " kind={}", String::from_utf8_lossy(&account.kind));
        }
    }

    /// The time that each step took. The wait for a worker is the conductor's as far as that says so.
    fn write_steps(&self, line: &mut String) {
        let mut before = Duration::ZERO;
        for (name, at) in &self.steps {
            let took = at.saturating_sub(before).as_micros();
            before = *at;
            let conductor = self.account.as_ref().map(|account| u128::from(account.took_us).min(took));
            let _ = match conductor.filter(|_| *name == "worker") {
                Some(conductor) => write!(line, " conductor={conductor}us worker={}us", took - conductor),
                None => write!(line, " {name}={took}us"),
            };
        }
    }

    fn write_why(&self, line: &mut String) {
        let why = self.account.as_ref().map(|account| String::from_utf8_lossy(&account.why));
        write_why(line, &why.unwrap_or_default());
    }
}

/// Last in the line, since it holds spaces.
fn write_why(line: &mut String, why: &str) {
    if !why.is_empty() {
        let _ = write!(line, " why={:?}", why.chars().take(500).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_own_time() {
        let at = |us| Duration::from_micros(us);
        let account = Account { kind: b"fork".to_vec(), why: b"a \"why\"\n".to_vec(), took_us: 30 };
        let noted = Noted {
            steps: vec![("parse", at(10)), ("worker", at(110)), ("go", at(115))],
            account: Some(account),
            job: None,
        };
        let mut line = String::new();
        noted.write_account(&mut line);
        noted.write_steps(&mut line);
        noted.write_why(&mut line);
        assert_eq!(line, " kind=fork parse=10us conductor=30us worker=70us go=5us why=\"a \\\"why\\\"\\n\"");
    }

    #[test]
    fn a_conductor_never_took_longer_than_the_wait_for_it() {
        let account = Some(Account { took_us: u32::MAX, ..Account::default() });
        let noted = Noted { steps: vec![("worker", Duration::from_micros(9))], account, job: None };
        let mut line = String::new();
        noted.write_steps(&mut line);
        assert_eq!(line, " conductor=9us worker=0us");
    }
}
