//! What a launch costs: `make bench` prints a table and draws docs/launch.svg.
//!
//! Everything is measured in one run, in turns, so that whatever else the machine does meets all rows alike. Times
//! are those of this process making another one and waiting for it (`std::process::Command`), equally for all rows:
//! /bin/true's shows what of it is the system's own. Absent: claims about other programs of this kind.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod aims;
mod apps;
mod chart;
mod measure;
mod memory;
mod picking;
mod place;
mod sample;
mod table;
mod warmth;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let place = place::Place::new()?;
    let figures = measure::all(&place)?;
    table::print(&figures);
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/launch.svg");
    chart::draw(&figures, &chart)?;
    println!("\nChart: {}", chart.display());
    Ok(())
}
