//! `jlapp launch`: an app. Here for its help; `src/bin/jlapp.rs` runs it without reading the command line as this does.

use std::ffi::OsString;

use crate::client;

/// What stands before the first `--` among the arguments is for Julia; without one all are for the app.
#[derive(clap::Args)]
pub struct Launch {
    /// `[+channel] app [julia flags --] [arguments]`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl Launch {
    pub fn run(self) -> i32 {
        client::launch(self.words)
    }
}
