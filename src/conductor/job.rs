//! From a launch to what its worker has to apply.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::standing::Standing;
use crate::julia::{Action, Banner, CommandLine};
use crate::protocol::{Job, Kept, Launch, Limit, OptionValue};
use crate::sys::limits;

/// The largest stack that a program gets; more than any program uses, little enough to be mapped.
const MAX_STACK_BYTES: u64 = 1 << 30;

/// The job for a launch, relative to what the workers are themselves.
pub(super) fn compose(launch: Launch, line: &CommandLine, workers: &Standing, client: &Standing) -> Job {
    let (stack, _) = client.limits.get(limits::STACK).copied().unwrap_or((8 << 20, 0));
    Job {
        descriptors: launch.descriptors,
        umask: launch.umask,
        ignored_signals: launch.ignored_signals,
        niceness: client.niceness,
        limits: differing_limits(workers, client),
        environment: launch.environment,
        arguments: line.arguments.iter().map(|word| word.as_bytes().to_vec()).collect(),
        commands: line.actions.iter().map(command).collect(),
        options: options(line, launch.terminal, launch.kept.as_ref()),
        stack_bytes: stack.min(MAX_STACK_BYTES),
    }
}

fn differing_limits(workers: &Standing, client: &Standing) -> Vec<(u32, Limit)> {
    let pairs = (0u32..).zip(workers.limits.iter().zip(&client.limits));
    pairs
        .filter(|(_, (ours, theirs))| ours != theirs)
        .map(|(resource, (_, (soft, hard)))| (resource, Limit { soft: *soft, hard: *hard }))
        .collect()
}

/// As Julia's C side notes an action: its letter, then its text (`cmds` in src/jloptions.c).
fn command(action: &Action) -> Vec<u8> {
    let (letter, text): (&[u8], &OsString) = match action {
        Action::Eval(text) => (b"e", text),
        Action::Print(text) => (b"E", text),
        Action::Load(text) => (b"L", text),
        Action::Module(text) => (b"m", text),
    };
    [letter, text.as_bytes()].concat()
}

/// Fields of `JLOptions` with the values that parsing this command line would have left (src/jloptions.c, base/options.jl).
/// And, of ours, which descriptors are to be the worker's own terminal, and a session's wish about Revise.
fn options(line: &CommandLine, terminal: u32, kept: Option<&Kept>) -> Vec<(Vec<u8>, OptionValue)> {
    let yes_no = |value: Option<bool>, unset| value.map_or(unset, |on| if on { 1 } else { 2 });
    let banner = match line.banner {
        None if line.quiet => 0,
        None => -1,
        Some(Banner::No) => 0,
        Some(Banner::Yes) => 1,
        Some(Banner::Short) => 2,
    };
    let mut numbers = vec![
        ("quiet", i32::from(line.quiet)),
        ("banner", banner),
        ("color", yes_no(line.color, 0)),
        ("historyfile", i32::from(line.history_file.unwrap_or(true))),
        ("startupfile", yes_no(line.startup_file, 0)),
        ("isinteractive", i32::from(line.interactive)),
    ];
    if terminal != 0 {
        numbers.push(("terminal", terminal.cast_signed()));
    }
    numbers.extend(kept.map(|kept| ("revise", kept.revise as i32)));
    if line.threads().is_none() {
        // A worker that will be forked was told one thread; the program was told nothing.
        numbers.extend([("nthreads", 0), ("nthreadpools", 0), ("nthreads_per_pool", 0)]);
    }
    let numbers = numbers.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), OptionValue::Number(value)));
    let project = line.project.as_deref().map(OsStr::as_bytes);
    let texts = project.map(|project| (b"project".to_vec(), OptionValue::Text(project.to_vec())));
    numbers.chain(texts).collect()
}
