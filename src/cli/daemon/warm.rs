//! `jlapp daemon warm`.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use clap::Args;

use crate::client;

#[derive(Args)]
pub(in crate::cli) struct Warm {
    /// Scripts and apps, as they are going to be launched: a file is a script, any other name an app. A channel and Julia's
    /// switches in front count for all of them: `+1.10 --project=. script.jl`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "SCRIPT|APP")]
    words: Vec<OsString>,
}

/// What stands in front, and what is to be warmed.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    channel: Option<OsString>,
    switches: &'a [OsString],
    programs: &'a [OsString],
}

impl Warm {
    pub(super) fn run(self) -> io::Result<()> {
        let Wanted { channel, switches, programs } = split(&self.words);
        if programs.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "which script or app?"));
        }
        let mut failed = 0;
        for program in programs {
            let warmed = one(channel.clone(), switches, program)?;
            println!("{}: {}", program.display(), String::from_utf8_lossy(&warmed.about));
            failed += usize::from(!warmed.is_ready);
        }
        if failed == 0 { Ok(()) } else { Err(io::Error::other("no worker serves such launches, see above")) }
    }
}

fn one(channel: Option<OsString>, switches: &[OsString], program: &OsString) -> io::Result<crate::protocol::Warmed> {
    if Path::new(program).is_file() {
        let words = switches.iter().cloned().chain([program.clone()]).collect();
        return client::warm(channel, None, words);
    }
    // An app has flags of its own; what is given here comes before a `--`.
    let words = if switches.is_empty() { Vec::new() } else { [switches, &["--".into()]].concat() };
    client::warm(channel, Some(program.clone()), words)
}

fn split(words: &[OsString]) -> Wanted<'_> {
    let channel = words.first().and_then(|word| word.as_bytes().strip_prefix(b"+"));
    let rest = if channel.is_some() { &words[1..] } else { words };
    let count = rest.iter().take_while(|word| word.as_bytes().starts_with(b"-")).count();
    let (switches, programs) = rest.split_at(count);
    let switches = switches.strip_suffix(&[OsString::from("--")]).unwrap_or(switches);
    Wanted { channel: channel.map(|name| OsString::from_vec(name.to_vec())), switches, programs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_front_counts_for_all() {
        let words: Vec<OsString> = ["+1.10", "-O3", "--project=.", "a.jl", "b"].map(OsString::from).into();
        let wanted = split(&words);
        assert_eq!(
            (wanted.channel.as_deref(), wanted.switches, wanted.programs),
            (Some("1.10".as_ref()), &words[1..3], &words[3..])
        );
        assert_eq!(split(&words[3..]), Wanted { channel: None, switches: &[], programs: &words[3..] });
    }
}
