//! Gathers what a worker needs to know of this process.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;

use super::terminal::Terminal;
use super::{Attempt, Reason, Wanted};
use crate::protocol::{Launch, MAX_DESCRIPTORS};
use crate::sys::{descriptors, process};

/// Numbers from here on are taken by Julia's own descriptors in a worker (`worker` starts them so); shells keep theirs
/// below 256.
pub const FIRST_OCCUPIED: RawFd = 256;

/// The launch message and the inheritable descriptors that go with it, in its order.
pub(super) fn compose(attempt: &Attempt, terminal: Option<&Terminal>) -> Result<(Launch, Vec<RawFd>), Reason> {
    let numbers = descriptors::inheritable().map_err(|_| Reason::Descriptors)?;
    let fits = numbers.len() + 2 <= MAX_DESCRIPTORS && numbers.last().is_none_or(|last| *last < FIRST_OCCUPIED);
    if !fits {
        return Err(Reason::Descriptors);
    }
    let (session, process_group) = process::place();
    let launch = Launch {
        channel: attempt.channel.as_ref().map(bytes),
        app: attempt.app.as_ref().map(bytes),
        arguments: attempt.arguments.iter().map(bytes).collect(),
        environment: process::environment_block(),
        descriptors: numbers.iter().map(|number| number.unsigned_abs()).collect(),
        umask: process::umask(),
        ignored_signals: attempt.inherited.ignored,
        blocked_signals: attempt.inherited.blocked,
        session,
        process_group,
        require: attempt.wanted == Wanted::Only,
        kept: attempt.kept.clone(),
        terminal: terminal.map_or(0, |terminal| terminal.descriptors),
    };
    Ok((launch, numbers))
}

fn bytes(text: &OsString) -> Vec<u8> {
    text.as_bytes().to_vec()
}
