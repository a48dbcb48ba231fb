//! `jlconductor`: the daemon, started by the first launch or by `jlapp daemon start`. Not meant to be typed.
use std::process::ExitCode;

fn main() -> ExitCode {
    jlapp::cli::conductor_main()
}
