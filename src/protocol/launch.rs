//! Client → conductor: what a process would inherit and only the process itself can tell. What the kernel tells of it
//! (limits, namespaces, credentials, priority) the conductor reads there: a sandboxed client could say what it likes.

use super::{Kept, Malformed, Reader, Writer};

/// Descriptors that one message can carry: the kernel's limit (`SCM_MAX_FD`, unix(7)).
pub const MAX_DESCRIPTORS: usize = 253;

/// The launch message. With it come, in this order, as descriptors: the worker's end of the job channel, the working
/// directory, and one for each of `descriptors`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Launch {
    /// The channel of Julia that was asked for: the first argument without its `+`.
    pub channel: Option<Vec<u8>>,
    /// The app that is launched: its name, or the path of its shim. `None`: `arguments` are Julia's.
    pub app: Option<Vec<u8>>,
    /// Arguments after the program's own name.
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=value` entries, in order, as they stand in the client's environment block.
    pub environment: Vec<Vec<u8>>,
    /// The numbers that the attached descriptors have in the client.
    pub descriptors: Vec<u32>,
    pub umask: u32,
    /// Signals ignored at the client's start: bit `n - 1` for signal `n`.
    pub ignored_signals: u64,
    /// Signals blocked at the client's start, likewise.
    pub blocked_signals: u64,
    pub session: u32,
    pub process_group: u32,
    /// Only a worker will do: the client waits for one to be made (`JULIA_DAEMON=require`).
    pub require: bool,
    /// Which of descriptors 0 to 2 are the client's terminal, bit `n` for number `n`: the program shall have a terminal of its
    /// own in their place, which the client relays. 0: none are, it shall have them as they are.
    pub terminal: u32,
    /// It is to be run in a session, and nowhere else.
    pub kept: Option<Kept>,
}

fn at_most_one<T>(mut items: Vec<T>) -> Result<Option<T>, Malformed> {
    let last = items.pop();
    if items.is_empty() { Ok(last) } else { Err(Malformed("has two of what there is one of")) }
}

impl Launch {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.list(self.channel.as_slice(), |out, channel| {
            out.string(channel);
        });
        out.list(self.app.as_slice(), |out, app| {
            out.string(app);
        });
        out.list(&self.arguments, |out, item| {
            out.string(item);
        });
        out.list(&self.environment, |out, item| {
            out.string(item);
        });
        out.list(&self.descriptors, |out, number| {
            out.u32(*number);
        });
        out.u32(self.umask).u64(self.ignored_signals).u64(self.blocked_signals);
        out.u32(self.session).u32(self.process_group);
        out.u32(u32::from(self.require)).u32(self.terminal);
        out.list(self.kept.as_slice(), |out, kept| kept.write(out));
        out.into_bytes()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let launch = Self {
            channel: at_most_one(from.list(Reader::string)?)?,
            app: at_most_one(from.list(Reader::string)?)?,
            arguments: from.list(Reader::string)?,
            environment: from.list(Reader::string)?,
            descriptors: from.list(Reader::u32)?,
            umask: from.u32()?,
            ignored_signals: from.u64()?,
            blocked_signals: from.u64()?,
            session: from.u32()?,
            process_group: from.u32()?,
            require: from.u32()? != 0,
            terminal: from.u32()?,
            kept: at_most_one(from.list(Kept::read)?)?,
        };
        from.end()?;
        Ok(launch)
    }

    /// The value of an environment variable, or `None`.
    pub fn variable(&self, name: &str) -> Option<&[u8]> {
        self.environment
            .iter()
            .find_map(|entry| entry.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")))
    }
}
