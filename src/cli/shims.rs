//! `jlapp shims`: makes all again from Pkg's record, after a depot was moved or where Pkg's own shims are to go.

use super::{found_on_path, say_waiting};
use crate::apps::{Error, make_shims};
use crate::exit;
use crate::toolchain::first_depot;

/// Every recorded app gets its line in the depot's `bin`.
#[derive(clap::Args)]
pub struct Shims {}

impl Shims {
    pub fn run(&self) -> i32 {
        match Self::make() {
            Ok(status) => status,
            Err(error) => {
                eprintln!("jlapp: {error}");
                error.exit_status()
            }
        }
    }

    fn make() -> Result<i32, Error> {
        let Some(depot) = first_depot(&|name| std::env::var_os(name)) else { return Ok(exit::FAILURE) };
        let made = make_shims(&depot, say_waiting)?;
        println!("{} shims in {}", made.len(), depot.join("bin").display());
        for app in &made {
            found_on_path(&depot, app);
        }
        Ok(0)
    }
}
