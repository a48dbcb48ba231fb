//! `jlapp shims`: makes all again from Pkg's record, after a depot was moved or where Pkg's own shims are to go.

use std::path::PathBuf;

use super::{found_on_path, say_waiting};
use crate::apps::{Error, make_shims, release_shims};
use crate::exit;
use crate::toolchain::first_depot;

/// Every recorded app gets its line in the depot's `bin`.
#[derive(clap::Args)]
pub struct Shims {
    /// The depot, where it is not the first of `JULIA_DEPOT_PATH`
    #[arg(long, value_name = "folder")]
    depot: Option<PathBuf>,
    /// Replace Pkg's own as well, so that those apps run warm and follow their channel too
    #[arg(long)]
    adopt: bool,
    /// Put Pkg's own back that were replaced so
    #[arg(long, conflicts_with = "adopt")]
    release: bool,
}

impl Shims {
    pub fn run(&self) -> i32 {
        match self.make() {
            Ok(status) => status,
            Err(error) => {
                eprintln!("jlapp: {error}");
                error.exit_status()
            }
        }
    }

    fn make(&self) -> Result<i32, Error> {
        let named = self.depot.as_deref().map(|depot| std::path::absolute(depot).unwrap_or_else(|_| depot.to_owned()));
        let Some(depot) = named.or_else(|| first_depot(&|name| std::env::var_os(name))) else {
            return Ok(exit::FAILURE);
        };
        let bin = depot.join("bin");
        if self.release {
            let released = release_shims(&depot, say_waiting)?;
            println!("{} shims of Pkg's are back in {}", released.len(), bin.display());
            return Ok(0);
        }
        let done = make_shims(&depot, self.adopt, say_waiting)?;
        println!("{} shims in {}", done.made.len(), bin.display());
        if !done.pkgs.is_empty() {
            println!("Pkg's own stay: {}; `jlapp shims --adopt` replaces them", done.pkgs.join(", "));
        }
        for path in &done.others {
            eprintln!("jlapp: {} is no shim and stays", path.display());
        }
        found_on_path(&depot, done.made.iter().map(String::as_str));
        Ok(0)
    }
}
