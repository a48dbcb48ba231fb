//! A private place for one test: a home with a depot, and folders of programs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use jlapp::toolchain::{App, Error, Request, Selection, Toolchains};

/// Everything in it goes when it does.
pub struct World {
    root: PathBuf,
}

impl World {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("toolchains-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("home")).unwrap();
        Self { root: root.canonicalize().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Our own folder in the depot.
    pub fn folder(&self) -> PathBuf {
        self.path("home/.julia/jlapp")
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A stand-in for Julia.
    pub fn julia(&self, name: &str, version: &str) -> PathBuf {
        let path = self.write(name, &script(version));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// juliaup's record, and a stand-in at the place of each version that it names. `channels` are entries as in the file.
    pub fn juliaup(&self, default: Option<&str>, versions: &[&str], channels: &str, rest: &str) {
        let installed: Vec<String> = versions
            .iter()
            .map(|version| {
                self.julia(&format!("home/.julia/juliaup/julia-{version}/bin/julia"), version);
                format!(r#""{version}": {{"Path": "./julia-{version}", "BinaryPath": "./julia-{version}/bin/julia"}}"#)
            })
            .collect();
        let default = default.map_or("null".to_owned(), |name| format!("\"{name}\""));
        let text = format!(
            r#"{{"Default": {default}, "InstalledVersions": {{{}}}, "InstalledChannels": {{{channels}}}{rest}}}"#,
            installed.join(", ")
        );
        self.write("home/.julia/juliaup/juliaup.json", &text);
    }

    /// Where [`World::juliaup`] puts a version.
    pub fn juliaups(&self, version: &str) -> PathBuf {
        self.path(&format!("home/.julia/juliaup/julia-{version}/bin/julia"))
    }

    /// `jlapp` with these arguments, in the home, without a terminal and with nothing else in its environment.
    pub fn jlapp(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_jlapp"), arguments)
    }

    /// The same with another program.
    pub fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", self.home()).env("PATH", "/usr/bin:/bin");
        // No conductor of the user's is asked what it runs.
        command.env("JULIA_DAEMON_SERVER", self.path("daemon.sock"));
        command.current_dir(self.home()).stdin(Stdio::null());
        command
    }

    /// Every file and link below a folder, by its path there.
    pub fn files_below(&self, folder: &Path) -> Vec<String> {
        let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).into_iter().flatten() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push(entry.path().strip_prefix(folder).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Answers `--version` as Julia does, and `show` with its own arguments.
pub fn script(version: &str) -> String {
    format!("#!/bin/sh\ncase $1 in --version) echo 'julia version {version}';; *) echo \"{version}:$*\";; esac\n")
}

/// What a finished command said.
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// Runs it to its end.
pub fn run(mut command: Command) -> Said {
    said(&command.output().unwrap())
}

pub fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Said { status: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A launch, as far as it decides about the Julia.
#[derive(Default, Clone)]
pub struct Launch {
    pub channel: Option<&'static str>,
    pub directory: PathBuf,
    pub project: Option<&'static str>,
    pub app: Option<App>,
    pub variables: BTreeMap<&'static str, OsString>,
}

impl Launch {
    pub fn in_home(world: &World) -> Self {
        let variables = [("HOME", world.home().into()), ("PATH", OsString::new())].into();
        Self { directory: world.home(), variables, ..Self::default() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    pub fn select(&self, toolchains: &mut Toolchains) -> Result<Selection, Error> {
        toolchains.select(&Request {
            channel: self.channel.map(AsRef::as_ref),
            directory: &self.directory,
            project: self.project.map(AsRef::as_ref),
            program: None,
            app: self.app.as_ref(),
            variable: &|name| self.variables.get(name).cloned(),
        })
    }
}
