//! `jlapp daemon drain`.

use std::io;
use std::time::Duration;

use clap::Args;

use super::{is_absent, stop, wait_for_end};
use crate::client;

#[derive(Args)]
pub(in crate::cli) struct Drain {
    /// End the daemon after so many seconds in any case; programs that still run go on
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
}

impl Drain {
    pub(super) fn run(&self) -> io::Result<()> {
        let patience = self.timeout.map(|seconds| Duration::from_secs(seconds.into()));
        match client::drain(patience) {
            Ok(()) => {
                wait_for_end();
                println!("stopped; no program runs any more");
                Ok(())
            }
            Err(error) if is_absent(&error) => {
                println!("not running");
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => stop(),
            Err(error) => Err(error),
        }
    }
}
