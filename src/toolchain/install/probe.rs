//! Whether a Julia runs on this machine.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::name::{Architecture, Version};
use crate::toolchain::Error;

/// The version that an unpacked Julia says it is.
///
/// # Errors
/// There is no `bin/julia`, it is for another machine, or it does not answer as Julia does.
pub(super) fn version(tree: &Path, url: &str, architecture: Architecture) -> Result<Version, Error> {
    let binary = tree.join("bin/julia");
    let failed = |cause: String| {
        Error::failed(
            format!("cannot use {url}"),
            cause,
            "nothing was installed; choose another channel, or link a Julia",
        )
    };
    if !binary.is_file() {
        return Err(failed("the archive holds no bin/julia".into()));
    }
    check_machine(&binary).map_err(&failed)?;
    let output = Command::new(&binary).arg("--version").env_clear().stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| failed(format!("its julia does not run on this machine ({architecture}): {error}")))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.trim().strip_prefix("julia version ").and_then(|version| version.parse().ok());
    version.filter(|_| output.status.success()).ok_or_else(|| {
        let words = String::from_utf8_lossy(&output.stderr);
        let word = said.lines().chain(words.lines()).next().unwrap_or("nothing").to_owned();
        failed(format!("its julia does not tell its version: it ended with {} and said {word:?}", output.status))
    })
}

/// Machine numbers of ELF headers (elf(5)).
const MACHINES: [(u16, Architecture); 3] =
    [(62, Architecture::X64), (3, Architecture::X86), (183, Architecture::Aarch64)];

/// Refuses a program for another kind of machine. Scripts and what has no ELF header are let pass.
///
/// # Errors
/// With the reason in words.
pub fn check_machine(program: &Path) -> Result<(), String> {
    let mut header = [0; 20];
    let read = File::open(program).and_then(|mut file| file.read_exact(&mut header));
    if read.is_err() || !header.starts_with(b"\x7fELF") {
        return Ok(());
    }
    // Byte 5 tells the order of bytes.
    let number = [header[18], header[19]];
    let number = if header[5] == 2 { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) };
    let machine = MACHINES.into_iter().find(|(known, _)| *known == number).map(|(_, architecture)| architecture);
    let name = machine.map_or_else(|| format!("another kind of machine (ELF {number})"), |it| it.to_string());
    match Architecture::own() {
        Some(own) if !machine.is_some_and(|it| own.runs(it)) => {
            Err(format!("{} is for {name}, this machine is {own}", program.display()))
        }
        _ => Ok(()),
    }
}
