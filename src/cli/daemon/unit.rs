//! `jlapp daemon install`: units of systemd's user manager, which then listens at the daemon's socket and starts it at the first
//! launch (systemd.socket(5), systemd.service(5)).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env as process_env, fs, io};

use super::stop;
use crate::client::socket;
use crate::env;
use crate::sys::{files, process};

const SOCKET: &str = "julia-daemon.socket";
const SERVICE: &str = "julia-daemon.service";
/// The first line of each of our files: no other is replaced or removed.
const MARK: &str = "# Written by `jlapp daemon install`; `jlapp daemon uninstall` removes it.";

/// Variables that the daemon reads when it starts, and that systemd would not know.
const HANDED_ON: [&str; 3] = [env::IO, env::MEMORY, env::IDLE_TTL];

pub(super) fn install() -> io::Result<()> {
    if !has_systemd() {
        println!("nothing was changed: systemd's user manager does not run here");
        println!("the daemon needs none: the first launch starts it");
        return Ok(());
    }
    let folder = folder()?;
    for name in [SOCKET, SERVICE] {
        refuse_foreign(&folder.join(name))?;
    }
    // Whoever listens there now would have the name taken away.
    stop()?;
    let _ = systemctl(&["stop", SOCKET, SERVICE]);
    fs::create_dir_all(&folder)?;
    let written = write(&folder).and_then(|()| systemctl(&["daemon-reload"]));
    if let Err(error) = written.and_then(|()| systemctl(&["enable", "--now", SOCKET])) {
        remove(&folder)?;
        let _ = systemctl(&["daemon-reload"]);
        return Err(error);
    }
    explain(&folder);
    Ok(())
}

pub(super) fn uninstall() -> io::Result<()> {
    let folder = folder()?;
    if !folder.join(SOCKET).exists() && !folder.join(SERVICE).exists() {
        println!("not installed");
        return Ok(());
    }
    for name in [SOCKET, SERVICE] {
        refuse_foreign(&folder.join(name))?;
    }
    let has_systemd = has_systemd();
    if has_systemd {
        systemctl(&["disable", "--now", SOCKET])?;
        let _ = systemctl(&["stop", SERVICE]);
    }
    remove(&folder)?;
    if has_systemd {
        systemctl(&["daemon-reload"])?;
    }
    println!("uninstalled; programs that run go on, and the next launch starts the daemon by itself");
    Ok(())
}

fn explain(folder: &Path) {
    println!("systemd listens at {} and starts the daemon at the first launch", socket::path().display());
    println!("  {}", folder.join(SOCKET).display());
    println!("  {}", folder.join(SERVICE).display());
    println!("ending or restarting the daemon ends no program that it has started");
    println!("the end of your last session does, unless you linger: loginctl enable-linger");
    println!("settings: systemctl --user edit {SERVICE}; what it logs: jlapp daemon logs");
}

/// Where a user's own units are (systemd.unit(5)).
fn folder() -> io::Result<PathBuf> {
    let given = process_env::var_os(env::XDG_CONFIG_HOME).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let usual = || process_env::var_os(env::HOME).map(|home| PathBuf::from(home).join(".config"));
    let config = given.or_else(usual).ok_or_else(|| io::Error::other("HOME is not set"))?;
    Ok(config.join("systemd/user"))
}

fn has_systemd() -> bool {
    let mut command = Command::new("systemctl");
    command.args(["--user", "show-environment"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn systemctl(words: &[&str]) -> io::Result<()> {
    let output = Command::new("systemctl").arg("--user").args(words).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("systemctl --user {}: {}", words.join(" "), said.trim())))
}

fn refuse_foreign(path: &Path) -> io::Result<()> {
    match fs::read_to_string(path) {
        Ok(text) if !text.starts_with(MARK) => {
            let message = format!("{} was not written by jlapp: move it away first", path.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
        }
        _ => Ok(()),
    }
}

fn write(folder: &Path) -> io::Result<()> {
    let (socket, program) = (socket::path(), process::own_folder()?.join("jlconductor"));
    socket::prepare_folder(&socket)?;
    let variables: Vec<(&str, String)> =
        HANDED_ON.into_iter().filter_map(|name| Some((name, process_env::var(name).ok()?))).collect();
    files::replace(&folder.join(SERVICE), service(&program, &socket, &variables).as_bytes())?;
    files::replace(&folder.join(SOCKET), listener(&socket).as_bytes())
}

fn remove(folder: &Path) -> io::Result<()> {
    for name in [SOCKET, SERVICE] {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn listener(socket: &Path) -> String {
    let path = socket.display().to_string().replace('%', "%%");
    format!(
        "{MARK}\n[Unit]\nDescription=Socket of the daemon that keeps Julia warm\n\n\
         [Socket]\nListenStream={path}\nSocketMode=0600\nDirectoryMode=0700\n\n\
         [Install]\nWantedBy=sockets.target\n"
    )
}

/// `KillMode=process`: workers and the programs that they run are not the daemon's to end.
fn service(program: &Path, socket: &Path, variables: &[(&str, String)]) -> String {
    let line = |(name, value): &(&str, String)| format!("Environment={}\n", quoted(&format!("{name}={value}")));
    let variables = variables.iter().map(line).collect::<Vec<String>>().concat();
    let (program, socket) = (quoted(&program.display().to_string()), quoted(&socket.display().to_string()));
    format!(
        "{MARK}\n[Unit]\nDescription=Daemon that keeps Julia warm\nRequires={SOCKET}\nAfter={SOCKET}\n\n\
         [Service]\nExecStart={program} run --socket {socket}\n{variables}KillMode=process\n"
    )
}

/// One word of a command line in a unit (systemd.service(5), "Command lines").
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_hold_any_path() {
        let text = service(Path::new("/a b/50%/j$x"), Path::new("/run/q\"s"), &[(env::MEMORY, "2G".into())]);
        assert!(text.contains("ExecStart=\"/a b/50%%/j$$x\" run --socket \"/run/q\\\"s\"\n"), "{text}");
        assert!(
            text.contains("Environment=\"JULIA_DAEMON_MEMORY=2G\"\n") && text.contains("KillMode=process"),
            "{text}"
        );
        assert!(listener(Path::new("/r%/x.sock")).contains("ListenStream=/r%%/x.sock\n"));
    }
}
