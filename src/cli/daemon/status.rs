//! `jlapp daemon status`.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::{is_absent, live, text};
use crate::client;
use crate::conductor::Report;
use crate::protocol::Kind;

#[derive(Args)]
pub(in crate::cli) struct Status {
    /// As JSON; one object per line with --live
    #[arg(long)]
    json: bool,
    /// Again every second, until q or Ctrl-C
    #[arg(long)]
    live: bool,
}

impl Status {
    pub(super) fn run(&self) -> io::Result<()> {
        if self.live {
            return live::show(|| self.text());
        }
        println!("{}", self.text()?);
        Ok(())
    }

    /// The report, without the newline at its end.
    fn text(&self) -> io::Result<String> {
        let body = body()?;
        if self.json {
            return Ok(body.map_or_else(|| "null".to_owned(), |body| String::from_utf8_lossy(&body).into_owned()));
        }
        let report = body.map(|body| parse(&body)).transpose()?;
        let absent = || "not running (the next launch starts it)".to_owned();
        Ok(report.map_or_else(absent, |report| text::report(&report).trim_end().to_owned()))
    }
}

/// What a running daemon says of itself; `None` where none runs.
pub(super) fn ask() -> io::Result<Option<Report>> {
    body()?.map(|body| parse(&body)).transpose()
}

fn body() -> io::Result<Option<Vec<u8>>> {
    match client::converse(Kind::Status) {
        Ok((_, body)) => Ok(Some(body)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(body: &[u8]) -> io::Result<Report> {
    serde_json::from_slice(body).map_err(io::Error::other)
}

/// The programs of all workers; none where no daemon runs.
pub(in crate::cli) fn worker_programs() -> io::Result<Vec<PathBuf>> {
    let workers = ask()?.map(|report| report.workers).unwrap_or_default();
    Ok(workers.into_iter().map(|worker| worker.julia.into()).collect())
}
