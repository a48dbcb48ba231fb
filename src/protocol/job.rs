//! Conductor → worker: one program to run, resolved so far that the worker only applies it.
//!
//! `src/worker/julia/job.jl` reads the same layout; `tests/golden/job.bin` is checked by both sides.

use super::{Malformed, Reader, Writer};

/// A soft and a hard limit in the resource's own unit; `u64::MAX` means unlimited (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

/// A value to put into a field of Julia's `JLOptions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// A field of any integer type.
    Number(i32),
    /// A `char *` field.
    Text(Vec<u8>),
}

/// The message to a worker. With it come, in this order, as descriptors: the job channel, the working directory, and
/// one for each of `descriptors`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    pub descriptors: Vec<u32>,
    pub umask: u32,
    pub ignored_signals: u64,
    /// Niceness to take, as setpriority(2) wants it.
    pub niceness: i32,
    /// Resource number and limits to set; only those that differ from the worker's own.
    pub limits: Vec<(u32, Limit)>,
    pub environment: Vec<Vec<u8>>,
    /// What Julia's C code puts into `Core.ARGS`.
    pub arguments: Vec<Vec<u8>>,
    /// `JLOptions.commands`: each a letter (`e`, `E`, `L`, `m`) followed by its text.
    pub commands: Vec<Vec<u8>>,
    /// Fields of `JLOptions` to set, by name; names that this Julia lacks are skipped.
    pub options: Vec<(Vec<u8>, OptionValue)>,
    /// Stack for the program in bytes: what its main thread would have had.
    pub stack_bytes: u64,
}

impl Job {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.list(&self.descriptors, |out, number| {
            out.u32(*number);
        });
        out.u32(self.umask).u64(self.ignored_signals).i32(self.niceness);
        out.list(&self.limits, |out, (resource, limit)| {
            out.u32(*resource).u64(limit.soft).u64(limit.hard);
        });
        for list in [&self.environment, &self.arguments, &self.commands] {
            out.list(list, |out, item| {
                out.string(item);
            });
        }
        out.list(&self.options, |out, (name, value)| option(out, name, value));
        out.u64(self.stack_bytes);
        out.into_bytes()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let job = Self {
            descriptors: from.list(Reader::u32)?,
            umask: from.u32()?,
            ignored_signals: from.u64()?,
            niceness: from.i32()?,
            limits: from.list(|from| Ok((from.u32()?, Limit { soft: from.u64()?, hard: from.u64()? })))?,
            environment: from.list(Reader::string)?,
            arguments: from.list(Reader::string)?,
            commands: from.list(Reader::string)?,
            options: from.list(read_option)?,
            stack_bytes: from.u64()?,
        };
        from.end()?;
        Ok(job)
    }
}

/// Name, then 0 and the number, or 1 and the text.
fn option(out: &mut Writer, name: &[u8], value: &OptionValue) {
    out.string(name);
    match value {
        OptionValue::Number(number) => out.u32(0).i32(*number),
        OptionValue::Text(text) => out.u32(1).string(text),
    };
}

fn read_option(from: &mut Reader<'_>) -> Result<(Vec<u8>, OptionValue), Malformed> {
    let name = from.string()?;
    let value = match from.u32()? {
        0 => OptionValue::Number(from.i32()?),
        1 => OptionValue::Text(from.string()?),
        _ => return Err(Malformed("has an unknown kind of option")),
    };
    Ok((name, value))
}
