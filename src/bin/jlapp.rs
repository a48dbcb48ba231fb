//! `jlapp`: apps and Julias, and the daemon that makes them quick.
use std::process::ExitCode;

fn main() -> ExitCode {
    jlapp::cli::main()
}
