//! Commands around apps: `new`, `path`, `completions`, and what `shims` and `export` leave when they are killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon_support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use daemon_support::{Place, depots, julia, skip};

struct Desk(Place);

impl Desk {
    fn new(name: &str) -> Self {
        Self(Place::new(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.0.command(program);
        command.args(arguments).env("JULIA_DEPOT_PATH", depots(&self.path("depot"))).env("JULIA_DAEMON", "off");
        command.env("PATH", format!("{}:/usr/bin:/bin", julia().parent().unwrap().display()));
        command.env("JULIA_PKG_SERVER", "").env_remove("JULIA_DAEMON_WORKER_EXECUTABLE").current_dir(self.path(""));
        command
    }

    fn says(&self, command: &mut Command) -> (String, String, Option<i32>) {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(output.stdout), text(output.stderr), output.status.code())
    }

    fn jlapp(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        self.says(&mut self.command(env!("CARGO_BIN_EXE_jlapp"), arguments))
    }
}

#[test]
fn a_new_package_runs_and_passes_its_tests() {
    let desk = Desk::new("new");
    let (out, err, status) = desk.jlapp(&["new", "MyTool"]);
    assert_eq!((out.as_str(), status), ("MyTool has the app mytool\n  jlapp dev MyTool\n", Some(0)), "{err}");
    let (_, err, status) = desk.jlapp(&["dev", "MyTool"]);
    assert_eq!(status, Some(0), "{err}");
    let app = desk.path("depot/bin/mytool");
    let (out, err, status) = desk.says(&mut desk.command(app.to_str().unwrap(), &["Ada", "Alan"]));
    assert_eq!((out.as_str(), status), ("Hello, Ada and Alan!\n", Some(0)), "{err}");
    // Pkg makes a sandbox for tests, and wants a registry for that.
    fs::create_dir_all(desk.path("depot/registries/Tests")).unwrap();
    let registry = "name = \"Tests\"\nuuid = \"23338594-aafe-5451-b93e-139f81909106\"\nrepo = \"none\"\n[packages]\n";
    fs::write(desk.path("depot/registries/Tests/Registry.toml"), registry).unwrap();
    let test = ["--startup-file=no", "--project=MyTool", "-e", "using Pkg; Pkg.test()"];
    let (out, err, status) = desk.says(&mut desk.command(julia().to_str().unwrap(), &test));
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(format!("{out}{err}").contains("tests passed"), "{out}{err}");
    // Each package is one of its own.
    fs::create_dir(desk.path("deep down")).unwrap();
    assert_eq!(
        desk.jlapp(&["new", "Other.jl", "--path", "deep down"]).0,
        "deep down has the app other\n  jlapp dev 'deep down'\n"
    );
    let uuid = |folder: &str| {
        let text = fs::read_to_string(desk.path(folder).join("Project.toml")).unwrap();
        text.lines().find(|line| line.starts_with("uuid = ")).unwrap().to_owned()
    };
    assert_ne!(uuid("MyTool"), uuid("deep down"));
    for (words, text) in
        [(["new", "MyTool"], "MyTool is there and not empty"), (["new", "my-tool"], "a name is letters")]
    {
        let (out, err, status) = desk.jlapp(&words);
        assert!(out.is_empty() && status == Some(1) && err.contains(text), "{err}");
    }
    let strays = fs::read_dir(desk.path(""))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().contains(".new"));
    assert_eq!(strays.count(), 0);
}

#[test]
fn start_up_files_change_and_change_back() {
    let desk = Desk::new("path");
    let home = |name: &str| desk.path("home").join(name);
    let bin = desk.path("depot/bin");
    let (out, _, status) = desk.jlapp(&["path"]);
    assert!(out.starts_with(&format!("{} is not on PATH\n", bin.display())) && status == Some(1), "{out}");
    // A link to a file elsewhere, with a mode of its own, bytes that are no text, and no end of its last line.
    let bashrc = b"export A=\xff\r\n\n# end".to_vec();
    fs::create_dir_all(home("dotfiles")).unwrap();
    fs::write(home("dotfiles/bashrc"), &bashrc).unwrap();
    fs::set_permissions(home("dotfiles/bashrc"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("dotfiles/bashrc", home(".bashrc")).unwrap();
    fs::write(home(".bash_login"), "echo login\n").unwrap();
    fs::write(home(".zshenv"), "").unwrap();
    fs::create_dir_all(home(".config/fish")).unwrap();
    assert_eq!(desk.jlapp(&["path", "--install"]).2, Some(0));
    assert!(home(".bashrc").symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::metadata(home(".bashrc")).unwrap().mode() & 0o777, 0o640);
    let first = fs::read(home(".bashrc")).unwrap();
    assert!(first.starts_with(&bashrc), "nothing of it is lost");
    assert!(!home(".profile").exists(), "bash reads .bash_login, and then not .profile");
    // Once.
    assert_eq!(desk.jlapp(&["path", "--install"]).0.lines().next(), Some("nothing to change"));
    assert_eq!(fs::read(home(".bashrc")).unwrap(), first);
    // What bash makes of it, also where one shell starts another.
    let shell = ". ~/.bashrc; . ~/.bashrc; echo \"$PATH\"";
    let (out, err, _) = desk.says(desk.command("/bin/bash", &["--norc", "-c", shell]).env("PATH", "/usr/bin:/bin"));
    assert_eq!((out, err), (format!("{}:/usr/bin:/bin\n", bin.display()), String::new()));
    assert_eq!(desk.says(desk.command(env!("CARGO_BIN_EXE_jlapp"), &["path"]).env("PATH", &bin)).2, Some(0));
    let fish = fs::read_to_string(home(".config/fish/conf.d/jlapp.fish")).unwrap();
    assert!(fish.contains(&format!("set -gx PATH '{}' $PATH", bin.display())), "{fish}");
    // The user goes on writing; then all of ours goes, and nothing else.
    let more = [first.as_slice(), b"alias x=y\n"].concat();
    fs::write(home("dotfiles/bashrc"), more).unwrap();
    assert_eq!(desk.jlapp(&["path", "--uninstall"]).2, Some(0));
    assert_eq!(fs::read(home(".bashrc")).unwrap(), [bashrc.as_slice(), b"alias x=y\n"].concat());
    assert_eq!(fs::read(home(".bash_login")).unwrap(), b"echo login\n");
    assert_eq!(fs::read(home(".zshenv")).unwrap(), b"");
    assert!(!home(".config/fish/conf.d/jlapp.fish").exists() && !desk.path("depot/config/jlapp-env.sh").exists());
    assert_eq!(desk.jlapp(&["path", "--uninstall"]).0, "nothing to change\n");
    // Files that we have made go again.
    fs::remove_file(home(".bashrc")).unwrap();
    desk.jlapp(&["path", "--install"]);
    assert!(home(".bashrc").exists());
    desk.jlapp(&["path", "--uninstall"]);
    assert!(!home(".bashrc").exists());
    for name in [".bash_login", ".zshenv", "dotfiles/bashrc"] {
        fs::remove_file(home(name)).unwrap();
    }
    assert_eq!(
        fs::read_dir(desk.path("home"))
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().contains("jlapp"))
            .count(),
        0
    );
}

#[test]
fn what_stands_before_an_app_is_said() {
    let desk = Desk::new("shadow");
    desk.jlapp(&["new", "MyTool"]);
    desk.jlapp(&["dev", "MyTool"]);
    fs::create_dir(desk.path("other")).unwrap();
    let other = desk.0.write_program("other/mytool", "echo other");
    let (bin, folder) = (desk.path("depot/bin"), desk.path("other"));
    for (path, line) in [
        (format!("{}:{}", folder.display(), bin.display()), Some(format!("  mytool is {}", other.display()))),
        (format!("{}:{}", bin.display(), folder.display()), None),
    ] {
        let (out, _, status) = desk.says(desk.command(env!("CARGO_BIN_EXE_jlapp"), &["path"]).env("PATH", path));
        assert_eq!((out.lines().nth(1).map(str::to_owned), status), (line, Some(0)), "{out}");
    }
}

/// A real bash asks what words may become.
#[test]
fn bash_completes() {
    let desk = Desk::new("complete");
    desk.jlapp(&["new", "MyTool"]);
    desk.jlapp(&["dev", "MyTool"]);
    for shell in ["zsh", "fish"] {
        let (out, err, status) = desk.jlapp(&["completions", shell]);
        assert!(status == Some(0) && out.contains("JLAPP_COMPLETE"), "{out}{err}");
        if Command::new(shell).arg("--version").output().is_err() {
            skip(&format!("a real {shell}"), "it is not installed");
        }
    }
    let script = desk.path("complete.sh");
    let text = r#"
source <("$JLAPP" completions bash)
function_of() { local words; words=($(complete -p jlapp)); while [[ ${words[0]} != -F ]]; do words=("${words[@]:1}"); done; echo "${words[1]}"; }
COMP_WORDS=(jlapp "$@"); COMP_CWORD=$#; COMP_LINE="jlapp $*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
"$(function_of)" jlapp "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"#;
    fs::write(&script, text).unwrap();
    let completes = |words: &[&str]| {
        let all = [&["--norc", script.to_str().unwrap()], words].concat();
        let (out, err, _) = desk.says(desk.command("/bin/bash", &all).env("JLAPP", env!("CARGO_BIN_EXE_jlapp")));
        out.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join(" ") + &err
    };
    assert_eq!(completes(&["launch", "my"]), "mytool");
    assert_eq!(completes(&["rm", "M"]), "MyTool");
    assert_eq!(completes(&["status", "m"]), "mytool");
    assert_eq!(completes(&["laun"]), "launch");
    assert_eq!(completes(&["completions", ""]), "bash zsh fish --help --version");
}

/// Pkg's own shims give way where that is wanted, and come back; what is no shim stays.
#[test]
fn shims_of_pkgs_are_adopted_and_released() {
    let desk = Desk::new("adopt");
    desk.jlapp(&["new", "MyTool"]);
    desk.jlapp(&["dev", "MyTool"]);
    let shim = desk.path("depot/bin/mytool");
    let pkgs = "#!/bin/sh\n# Pkg's\nexec \"${JULIA_APPS_JULIA_CMD:-/nowhere}\" -m MyTool\n";
    fs::write(&shim, pkgs).unwrap();
    let (out, _, _) = desk.jlapp(&["shims"]);
    assert!(out.contains("Pkg's own stay: mytool; `jlapp shims --adopt` replaces them"), "{out}");
    assert_eq!(fs::read_to_string(&shim).unwrap(), pkgs);
    assert!(desk.jlapp(&["shims", "--adopt"]).0.starts_with("1 shims in "));
    let (out, err, _) = desk.says(&mut desk.command(shim.to_str().unwrap(), &[]));
    assert_eq!(out, "Hello, world!\n", "{err}");
    assert!(desk.jlapp(&["shims", "--release"]).0.starts_with("1 shims of Pkg's are back"));
    assert_eq!(fs::read_to_string(&shim).unwrap(), pkgs);
    assert!(desk.jlapp(&["shims", "--release"]).0.starts_with("0 shims"));
    fs::write(&shim, "#!/bin/sh\necho mine\n").unwrap();
    let (_, err, _) = desk.jlapp(&["shims", "--adopt"]);
    assert!(err.contains("mytool is no shim and stays"), "{err}");
    assert_eq!(fs::read_to_string(&shim).unwrap(), "#!/bin/sh\necho mine\n");
}

/// Where no first line can hold the path of `jlshim` the shim is a copy, which finds the other programs.
#[test]
fn shims_of_a_folder_with_a_space() {
    let desk = Desk::new("copy");
    let folder = desk.path("my programs");
    fs::create_dir(&folder).unwrap();
    for program in [
        env!("CARGO_BIN_EXE_jlapp"),
        env!("CARGO_BIN_EXE_jlshim"),
        env!("CARGO_BIN_EXE_juliaclient"),
        env!("CARGO_BIN_EXE_jlconductor"),
    ] {
        let place = folder.join(PathBuf::from(program).file_name().unwrap());
        fs::hard_link(program, &place).or_else(|_| fs::copy(program, &place).map(drop)).unwrap();
    }
    let jlapp = folder.join("jlapp").display().to_string();
    desk.says(&mut desk.command(&jlapp, &["new", "MyTool"]));
    let (_, err, status) = desk.says(&mut desk.command(&jlapp, &["dev", "MyTool"]));
    assert_eq!(status, Some(0), "{err}");
    let shim = desk.path("depot/bin/mytool");
    assert!(fs::read(&shim).unwrap().starts_with(b"\x7fELF"));
    let path = format!("{}:/usr/bin:/bin", desk.path("depot/bin").display());
    for daemon in ["off", "require"] {
        let mut command = desk.command("mytool", &["a b"]);
        let (out, err, status) =
            desk.says(command.env("PATH", &path).env("JULIA_DAEMON", daemon).env("JULIA_APP_JULIA", julia()));
        assert_eq!((out.as_str(), status), ("Hello, a b!\n", Some(0)), "{daemon}: {err}");
    }
    assert!(desk.says(&mut desk.command(&jlapp, &["shims"])).0.starts_with("1 shims in "), "a copy is known as one");
    desk.says(&mut desk.command(&jlapp, &["rm", "mytool"]));
    assert!(!shim.exists());
}

/// A record of two apps with shims of Pkg's.
fn with_shims_of_pkgs(desk: &Desk) -> Vec<(PathBuf, String)> {
    let folder = desk.path("depot/environments/apps");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(desk.path("depot/bin")).unwrap();
    let app = |name: &str| format!("    [deps.Two.apps.{name}]\n    julia_command = \"{}\"\n", julia().display());
    let entry = "[[deps.Two]]\nuuid = \"43ef800a-eac4-47f4-949b-25107b932e8f\"\nversion = \"0.1.0\"\n\n";
    let record = format!("manifest_format = \"2.0\"\n\n{entry}{}{}", app("one"), app("two"));
    fs::write(folder.join("AppManifest.toml"), record).unwrap();
    let shim = |name: &str| {
        let (path, text) =
            (desk.path("depot/bin").join(name), format!("#!/bin/sh\n# {name}\nexec \"$JULIA_APPS_JULIA_CMD\"\n"));
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (path, text)
    };
    ["one", "two"].into_iter().map(shim).collect()
}

fn is_killed_at(desk: &Desk, words: &[&str], point: &str) {
    let mut command = desk.command(env!("CARGO_BIN_EXE_jlapp"), words);
    let output = command.env("JLAPP_CRASH_AT", point).output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{words:?} does not come by {point}: {output:?}");
    // Pkg's lock is still his, for ten seconds more.
    if let Ok(lock) = fs::File::options().write(true).open(desk.path("depot/environments/apps/.pid")) {
        lock.set_modified(SystemTime::now() - Duration::from_secs(11)).unwrap();
    }
}

#[test]
fn shims_are_never_half_written() {
    if !cfg!(debug_assertions) {
        return skip("shims that are killed", "only builds with debug assertions have points to be killed at");
    }
    for point in ["file-begun one", "file-written one", "file-replaced one", "file-begun two", "file-written two"] {
        let desk = Desk::new("half-shim");
        let shims = with_shims_of_pkgs(&desk);
        is_killed_at(&desk, &["shims", "--adopt"], point);
        for (path, pkgs) in &shims {
            let text = fs::read_to_string(path).unwrap();
            assert!(text == *pkgs || text.ends_with("/jlshim\n"), "{point}: {text}");
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o755, "{point}");
        }
        let entries = fs::read_dir(desk.path("depot/bin")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        assert_eq!(
            names.filter(|name| !name.starts_with('.')).count(),
            2,
            "{point}: something else that can be called"
        );
        assert_eq!(desk.jlapp(&["shims", "--adopt"]).2, Some(0));
        assert_eq!(fs::read_dir(desk.path("depot/bin")).unwrap().count(), 2, "{point}: what was left is gone");
        assert_eq!(desk.jlapp(&["shims", "--release"]).2, Some(0));
        for (path, pkgs) in &shims {
            assert_eq!(fs::read_to_string(path).unwrap(), *pkgs, "{point}");
        }
    }
}

#[test]
fn a_lock_file_is_never_half_written() {
    if !cfg!(debug_assertions) {
        return skip("an export that is killed", "only builds with debug assertions have points to be killed at");
    }
    let desk = Desk::new("half-lock");
    with_shims_of_pkgs(&desk);
    let (words, path) = (["export", "-o", "lock.toml"], desk.path("lock.toml"));
    let _ = desk.jlapp(&words);
    let new = fs::read_to_string(&path).unwrap();
    for (point, is_new) in
        [("file-begun lock.toml", false), ("file-written lock.toml", false), ("file-replaced lock.toml", true)]
    {
        fs::write(&path, "what was there").unwrap();
        is_killed_at(&desk, &words, point);
        let expected = if is_new { new.as_str() } else { "what was there" };
        assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{point}");
    }
}
