//! As much of a shell with job control as the tests need: this program itself, started again as the leader of a
//! terminal's session.
//!
//! It runs one job in a process group of its own, says on [`REPORTS`] what `waitpid` says of it, and obeys on
//! [`COMMANDS`]: `fg`, `bg`. It ends when the job has, with its status.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::{ptr, thread};

pub const REPORTS: RawFd = 250;
pub const COMMANDS: RawFd = 251;
const SWITCH: &str = "--as-shell";

/// Arguments that make this program a shell; the job's own come after them.
pub fn arguments(background: bool) -> [&'static str; 2] {
    [SWITCH, if background { "background" } else { "foreground" }]
}

/// Becomes a shell if it was started as one. Before anything else in `main`.
pub fn become_one_if_asked() {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == SWITCH) {
        run(words[1] == "background", &words[2..]);
    }
}

fn run(background: bool, words: &[OsString]) -> ! {
    // SAFETY: the numbers are those that the harness gave us.
    let mut reports = unsafe { File::from_raw_fd(REPORTS) };
    super::spawn::close_on_exec(REPORTS);
    super::spawn::close_on_exec(COMMANDS);
    // SAFETY: a shell may always take its terminal back.
    unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
    let job = start(background, words);
    writeln!(reports, "started {job}").unwrap();
    thread::spawn(move || obey(job));
    loop {
        let mut status = 0;
        // SAFETY: a place for the status.
        unsafe { libc::waitpid(job, &raw mut status, libc::WUNTRACED | libc::WCONTINUED) };
        if libc::WIFSTOPPED(status) {
            foreground(own_group());
            writeln!(reports, "stopped {}", libc::WSTOPSIG(status)).unwrap();
        } else if libc::WIFCONTINUED(status) {
            writeln!(reports, "continued").unwrap();
        } else if libc::WIFSIGNALED(status) {
            writeln!(reports, "killed {}", libc::WTERMSIG(status)).unwrap();
            std::process::exit(128 + libc::WTERMSIG(status));
        } else {
            writeln!(reports, "exited {}", libc::WEXITSTATUS(status)).unwrap();
            std::process::exit(libc::WEXITSTATUS(status));
        }
    }
}

fn start(background: bool, words: &[OsString]) -> i32 {
    let strings: Vec<CString> = words.iter().map(|word| c_string(word)).collect();
    let pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
    // SAFETY: this program has one thread yet; the child makes system calls alone.
    unsafe {
        match libc::fork() {
            0 => {
                libc::setpgid(0, 0);
                if !background {
                    foreground(libc::getpid());
                }
                libc::signal(libc::SIGTTOU, libc::SIG_DFL);
                libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                libc::execv(pointers[0], pointers.as_ptr());
                libc::_exit(127)
            }
            job => {
                libc::setpgid(job, job);
                job
            }
        }
    }
}

fn c_string(word: &OsStr) -> CString {
    CString::new(word.as_bytes()).unwrap()
}

fn obey(job: i32) {
    // SAFETY: as in `run`.
    let commands = unsafe { File::from_raw_fd(COMMANDS) };
    for command in BufReader::new(commands).lines().map_while(Result::ok) {
        if command == "fg" {
            foreground(job);
        }
        super::running::send(-job, libc::SIGCONT);
    }
}

fn own_group() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::getpgrp() }
}

fn foreground(group: i32) {
    // SAFETY: the terminal is descriptor 0, or nothing happens.
    unsafe { libc::tcsetpgrp(0, group) };
}
