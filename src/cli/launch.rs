//! `jlapp launch`: an app. Here for its help; `src/bin/jlapp.rs` runs it without reading the command line as this does.

use std::ffi::OsString;

use clap::ValueHint;
use clap_complete::engine::ArgValueCompleter;

use super::completions::apps;
use crate::client;

/// What stands before the first `--` among the arguments is for Julia; without one all are for the app.
#[derive(clap::Args)]
pub struct Launch {
    /// The app, with `+channel` before it where another Julia than its own is to run it
    #[arg(value_name = "[+channel] app", allow_hyphen_values = true, add = ArgValueCompleter::new(apps))]
    app: OsString,
    /// `[julia flags --] [arguments]`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_hint = ValueHint::AnyPath)]
    words: Vec<OsString>,
}

impl Launch {
    pub fn run(self) -> i32 {
        client::launch([self.app].into_iter().chain(self.words).collect())
    }
}
