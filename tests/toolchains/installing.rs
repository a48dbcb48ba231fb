//! Installing, updating and removing, on a server that does what it should.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use super::archive::Archive;
use super::server::{Reply, Server};
use super::world::{Said, World, run};

/// A world whose `jlapp` asks the server.
pub struct Shop {
    pub world: World,
    pub server: Server,
}

impl Shop {
    pub fn new() -> Self {
        Self { world: World::new(), server: Server::start() }
    }

    /// With these releases.
    pub fn with(versions: &[&str]) -> Self {
        let shop = Self::new();
        for version in versions {
            shop.server.release(version, &Archive::of_julia(version).bytes());
        }
        shop
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        self.asking(self.world.jlapp(&[&["julia"], arguments].concat()))
    }

    /// `juliaclient`, without a daemon.
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = self.asking(self.world.program(env!("CARGO_BIN_EXE_juliaclient"), arguments));
        command.env("JULIA_DAEMON", "off");
        command
    }

    /// It asks this server and no other.
    fn asking(&self, mut command: Command) -> Command {
        let url = self.server.url();
        command.env("JULIAUP_SERVER", &url).env("JULIAUP_NIGHTLY_SERVER", &url).env("JULIAUP_PR_SERVER", &url);
        command.env("GITHUB_API_URL", &url).env("JLAPP_HTTP_TIMEOUT", "10");
        command
    }

    pub fn julia(&self, arguments: &[&str]) -> Said {
        run(self.command(arguments))
    }

    /// Succeeds, and returns what was printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let said = self.julia(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    /// Fails, and returns the last line that was said.
    pub fn fails(&self, arguments: &[&str]) -> String {
        failed(&self.julia(arguments))
    }

    /// Nothing of an install is left but what was there before any.
    pub fn assert_nothing_installed(&self) {
        let left = self.world.files_below(&self.world.folder());
        let expected = ["toolchains.lock", "versions.etag", "versions.json"];
        assert!(left.iter().all(|file| expected.contains(&file.as_str())), "{left:?}");
    }

    /// The binary that a launch gets.
    pub fn which(&self, arguments: &[&str]) -> String {
        self.ok(&[&["which"], arguments].concat()).lines().next().unwrap().to_owned()
    }

    pub fn tree(&self, name: &str) -> String {
        let name = format!("{name}-{}", jlapp::name::Architecture::own().unwrap());
        self.world.folder().join("toolchains").join(name).display().to_string()
    }
}

pub fn failed(said: &Said) -> String {
    assert_eq!((said.status, said.out.as_str()), (1, ""), "{}", said.err);
    said.err.lines().last().unwrap().to_owned()
}

#[test]
fn a_release_is_installed_listed_and_run() {
    let shop = Shop::with(&["1.10.4", "1.11.3"]);
    let tree = shop.tree("1.10.4");
    let said = shop.julia(&["add", "1.10"]);
    assert_eq!(
        said.out,
        format!("installed 1.10 (Julia 1.10.4) in {tree}\n1.10 is the default now: there was no Julia before\n"),
        "{}",
        said.err
    );
    assert!(said.err.lines().all(|line| line.starts_with("downloading http://127.0.0.1:")), "{}", said.err);
    let listed = format!("* 1.10  1.10.4  jlapp  {tree}/bin/julia\n* the default\n");
    assert_eq!(shop.ok(&["list"]), listed);
    let which = format!("{tree}/bin/julia\n  channel 1.10, Julia 1.10.4: the default channel of jlapp\n");
    assert_eq!(shop.ok(&["which"]), which);
    let output = Command::new(format!("{tree}/bin/julia")).arg("--version").output().unwrap();
    assert_eq!(output.stdout, b"julia version 1.10.4\n");
    assert_eq!(fs::read_link(format!("{tree}/lib/julia/libjulia.so")).unwrap().to_str(), Some("../libjulia.so.1"));
    // Julia compares the times of its own sources with what it compiled from them.
    assert_eq!(fs::metadata(format!("{tree}/lib/libjulia.so.1")).unwrap().mtime(), 1_700_000_000);
    assert_eq!(shop.ok(&["add", "1.10"]), "1.10 is installed already (Julia 1.10.4)\n");
    assert!(shop.world.files_below(&shop.world.folder().join("staging")).is_empty());
}

#[test]
fn a_version_is_downloaded_once() {
    let shop = Shop::new();
    let path = shop.server.release("1.10.4", &Archive::of_julia("1.10.4").bytes());
    for channel in ["1.10.4", "lts", "release", "1"] {
        shop.ok(&["add", channel]);
    }
    assert_eq!(shop.server.asked_for(&path).len(), 1);
    let listed: serde_json::Value = serde_json::from_str(&shop.ok(&["list", "--json"])).unwrap();
    let rows = listed.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["version"] == "1.10.4" && row["origin"] == "jlapp" && row["present"] == true));
}

#[test]
fn an_update_leaves_the_old_julia_to_gc() {
    let shop = Shop::with(&["1.10.4"]);
    shop.ok(&["add", "1.10", "1.10.4"]);
    assert_eq!(shop.ok(&["update"]), "1.10 is up to date (Julia 1.10.4)\n");
    shop.server.release("1.10.5", &Archive::of_julia("1.10.5").bytes());
    shop.ok(&["list", "--available"]);
    assert!(shop.ok(&["list"]).contains("(1.10.5 is out)"));
    assert_eq!(shop.ok(&["update"]), format!("updated 1.10 to Julia 1.10.5 in {}\n", shop.tree("1.10.5")));
    assert_eq!(shop.which(&["+1.10"]), format!("{}/bin/julia", shop.tree("1.10.5")));
    assert_eq!(shop.ok(&["gc"]), "nothing to remove\n"); // the channel 1.10.4 has it
    shop.ok(&["default", "1.10"]);
    assert_eq!(shop.ok(&["rm", "1.10.4"]), format!("removed channel 1.10.4\nremoved {}\n", shop.tree("1.10.4")));
    assert!(shop.fails(&["update", "1.9"]).contains("channel 1.9 is not installed"));
}

#[test]
fn nightlies_change_under_one_name() {
    let shop = Shop::new();
    let name = jlapp::name::Architecture::own().unwrap().triplet_name();
    let path = format!("/bin/linux/{name}/julia-latest-linux-{name}.tar.gz");
    let older = format!("/bin/linux/{name}/1.12/julia-latest-linux-{name}.tar.gz");
    let build =
        |version: &str, etag: &str| Reply { etag: Some(etag.into()), ..Reply::of(Archive::of_julia(version).bytes()) };
    shop.server.reply(&path, vec![build("1.14.0-DEV.9", "\"a\"")]);
    shop.server.reply(&older, vec![build("1.12.3-DEV.1", "\"a\"")]);
    assert!(shop.ok(&["add", "nightly", "1.12-nightly"]).contains("installed 1.12-nightly (Julia 1.12.3-DEV.1)"));
    let first = shop.which(&["+nightly"]);
    assert_eq!(shop.ok(&["update", "nightly"]), "nightly is up to date (Julia 1.14.0-DEV.9)\n");
    shop.server.reply(&path, vec![build("1.14.0-DEV.10", "\"b\"")]);
    assert!(shop.ok(&["update", "nightly"]).starts_with("updated nightly to Julia 1.14.0-DEV.10"));
    let second = shop.which(&["+nightly"]);
    assert_ne!(first, second);
    // The one that a launch may be running stays until it is collected.
    assert!(fs::exists(&first).unwrap());
    shop.ok(&["gc"]);
    assert!(!fs::exists(&first).unwrap() && fs::exists(&second).unwrap());
}

#[test]
fn a_pull_request_is_found_by_its_commit() {
    let shop = Shop::new();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let name = jlapp::name::Architecture::own().unwrap().triplet_name();
    shop.server
        .reply("/repos/JuliaLang/julia/pulls/123", vec![Reply::of(format!(r#"{{"head": {{"sha": "{commit}"}}}}"#))]);
    let path = format!("/bin/{commit}/julia-0123456789-linux-{name}.tar.gz");
    shop.server.reply(&path, vec![Reply::of(Archive::of_julia("1.14.0-DEV.7").bytes())]);
    assert!(shop.ok(&["add", "pr123"]).starts_with("installed pr123 (Julia 1.14.0-DEV.7)"));
    assert!(shop.fails(&["add", "pr124"]).contains("/repos/JuliaLang/julia/pulls/124: the server answered 404"));
}

#[test]
fn juliaups_channels_are_used_and_left_alone() {
    let shop = Shop::with(&["1.10.4", "1.12.2"]);
    let channels = r#""release": {"Version": "1.12.2+0.x64.linux.gnu"}"#;
    shop.world.juliaup(Some("release"), &["1.12.2+0.x64.linux.gnu"], channels, "");
    let before = fs::read(shop.world.path("home/.julia/juliaup/juliaup.json")).unwrap();
    assert_eq!(shop.ok(&["add", "release"]), "release is juliaup's already, and used as it is\n");
    assert!(shop.ok(&["add", "lts"]).starts_with("installed lts (Julia 1.10.4)"));
    let listed = shop.ok(&["list"]);
    assert!(
        listed.contains("  lts      1.10.4  jlapp    ") && listed.contains("* release  1.12.2  juliaup  "),
        "{listed}"
    );
    assert!(shop.ok(&["which"]).contains("channel release, Julia 1.12.2: the default channel of juliaup"));
    shop.ok(&["default", "lts"]);
    assert!(shop.ok(&["which"]).contains("channel lts, Julia 1.10.4: the default channel of jlapp"));
    assert!(shop.fails(&["rm", "release"]).contains("it is juliaup's; `juliaup remove release` does it"));
    assert!(shop.fails(&["link", "release", "/bin/sh"]).contains("juliaup has a channel of that name"));
    assert_eq!(shop.ok(&["update", "release"]), "release is juliaup's; `juliaup update release` updates it\n");
    shop.ok(&["gc"]);
    assert_eq!(fs::read(shop.world.path("home/.julia/juliaup/juliaup.json")).unwrap(), before);
    assert!(shop.world.juliaups("1.12.2+0.x64.linux.gnu").exists());
}

/// Where juliaup gets a channel that was installed here before, juliaup's is used, and ours can still be removed.
#[test]
fn a_channel_that_both_have_is_juliaups() {
    let shop = Shop::with(&["1.10.4"]);
    shop.ok(&["add", "lts"]);
    shop.world.juliaup(Some("lts"), &["1.10.9+0.x64.linux.gnu"], r#""lts": {"Version": "1.10.9+0.x64.linux.gnu"}"#, "");
    assert_eq!(shop.which(&["+lts"]), shop.world.juliaups("1.10.9+0.x64.linux.gnu").display().to_string());
    assert_eq!(shop.ok(&["list"]).matches("lts").count(), 1);
    let julia = shop.world.julia("julia", "1.0.0");
    shop.ok(&["link", "mine", julia.to_str().unwrap()]);
    shop.ok(&["default", "mine"]);
    assert_eq!(shop.ok(&["rm", "lts"]), format!("removed channel lts\nremoved {}\n", shop.tree("1.10.4")));
}

#[test]
fn links_and_aliases() {
    let shop = Shop::with(&["1.10.4"]);
    let julia = shop.world.julia("own/bin/julia", "1.14.0-DEV.1");
    let link = |arguments: &[&str]| shop.ok(&[&["link"], arguments].concat());
    assert_eq!(
        link(&["dev", julia.to_str().unwrap(), "-O1", "--threads=2"]),
        format!("dev stands for {}\n", julia.display())
    );
    assert_eq!(link(&["tree", "../own"]), "tree stands for ../own\n");
    shop.ok(&["add", "lts"]);
    link(&["l", "+lts", "--check-bounds=yes"]);
    assert_eq!(shop.which(&["+tree"]), julia.display().to_string());
    let which = shop.ok(&["which", "+dev"]);
    assert!(which.contains("  with the arguments -O1 --threads=2\n"), "{which}");
    assert!(shop.ok(&["list"]).contains("l     1.10.4  jlapp  = lts --check-bounds=yes\n"), "{}", shop.ok(&["list"]));
    for (arguments, problem) in [
        (["x", "../nowhere"], "cannot link "),
        (["x", ".."], "it has no bin/julia"),
        (["x", ".julia/jlapp/toolchains.json"], "it is not executable"),
        (["x", "+ll"], "channel ll does not exist; did you mean l?"),
        (["x", "+l"], "that is an alias itself"),
        (["lts", "../own"], "jlapp has a channel of that name"),
    ] {
        let message = shop.fails(&[&["link"], &arguments[..]].concat());
        assert!(message.contains(problem), "{arguments:?}: {message}");
    }
    shop.ok(&["default", "dev"]);
    assert!(shop.fails(&["unlink", "dev"]).contains("it is the default"));
    assert!(shop.fails(&["rm", "lts"]).contains("l is an alias of it"));
    assert!(shop.fails(&["rm", "tree"]).contains("`jlapp julia unlink tree` removes it"));
    assert!(shop.fails(&["unlink", "lts"]).contains("`jlapp julia rm lts` removes it"));
    assert_eq!(shop.ok(&["unlink", "l", "tree"]), "removed channel l\nremoved channel tree\n");
    assert!(julia.exists());
}

/// By a channel, by an app that Pkg recorded, and by a program that runs.
#[test]
fn what_is_used_is_not_collected() {
    let shop = Shop::with(&["1.9.4", "1.10.4", "1.11.3"]);
    shop.ok(&["add", "1.9", "1.10", "1.11"]);
    let tree = |version| shop.tree(version);
    fs::copy("/bin/sleep", format!("{}/bin/sleep", tree("1.10.4"))).unwrap();
    let mut program =
        Command::new(format!("{}/bin/sleep", tree("1.10.4"))).arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let manifest = format!(
        "manifest_format = \"2.0\"\n\n[[deps.A]]\nuuid = \"x\"\n\n[deps.A.apps.a]\njulia_command = \"{}/bin/julia\"\n",
        tree("1.11.3")
    );
    shop.world.write("home/.julia/environments/apps/AppManifest.toml", &manifest);
    assert!(shop.ok(&["which", "a"]).ends_with("  julia_command of the app a in AppManifest.toml\n"));
    assert!(shop.fails(&["which", "b"]).contains("there is no app b; did you mean a?"));
    let julia = shop.world.julia("julia", "1.0.0");
    shop.ok(&["link", "mine", julia.to_str().unwrap()]);
    shop.ok(&["default", "mine"]);
    let removed = shop.ok(&["rm", "1.9", "1.10", "1.11"]);
    assert!(removed.contains(&format!("removed {}\n", tree("1.9.4"))), "{removed}");
    for kept in ["1.10.4", "1.11.3"] {
        assert!(removed.contains(&format!("kept {}: an app or a running program uses it\n", tree(kept))), "{removed}");
    }
    program.kill().unwrap();
    program.wait().unwrap();
    shop.world.write("home/.julia/environments/apps/AppManifest.toml", "manifest_format = \"2.0\"\n[deps");
    assert!(shop.fails(&["gc"]).contains("AppManifest.toml:2: "), "what cannot be read may use anything");
    shop.world.write("home/.julia/environments/apps/AppManifest.toml", "manifest_format = \"2.0\"\n");
    let removed = shop.ok(&["gc"]);
    assert_eq!(removed, format!("removed {}\nremoved {}\n", tree("1.10.4"), tree("1.11.3")));
}

#[test]
fn a_missing_channel_is_installed_where_that_is_wanted() {
    let shop = Shop::with(&["1.10.4"]);
    let message = shop.fails(&["default", "1.10"]);
    assert_eq!(message, "jlapp: channel 1.10 is not installed; install it with `jlapp julia add 1.10`");
    assert_eq!(shop.ok(&["config", "auto-install"]), "default\n");
    shop.ok(&["config", "auto-install", "yes"]);
    assert_eq!(shop.ok(&["config", "auto-install"]), "yes\n");
    assert!(shop.ok(&["default", "1.10"]).ends_with("1.10 is the default now\n"));
    assert_eq!(shop.ok(&["default"]), "1.10 (set in jlapp)\n");
}

/// The two sides of a terminal: the test's and the program's.
#[allow(unsafe_code, reason = "openpty(3) has no safe wrapper among our crates")]
fn terminal() -> (fs::File, fs::File) {
    let (mut controller, mut program) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: both numbers outlive the call, and the other pointers may be null.
    let done = unsafe { libc::openpty(&raw mut controller, &raw mut program, null, null.cast(), null.cast()) };
    assert_eq!(done, 0, "openpty: {}", std::io::Error::last_os_error());
    // SAFETY: both are new and ours.
    let own = |number| unsafe { std::os::fd::OwnedFd::from_raw_fd(number) };
    let (controller, program) = (own(controller), own(program));
    // Programs that other tests start meanwhile would hold the terminal open.
    for side in [&controller, &program] {
        rustix::io::fcntl_setfd(side, rustix::io::FdFlags::CLOEXEC).unwrap();
    }
    (controller.into(), program.into())
}

/// Standard input and error are a terminal, where somebody types.
pub fn on_a_terminal(mut command: Command, typed: &str) -> (bool, String) {
    let (mut controller, program) = terminal();
    command.stdin(program.try_clone().unwrap()).stderr(program).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command); // which holds the terminal open as well
    controller.write_all(typed.as_bytes()).unwrap();
    let mut shown = Vec::new();
    // Linux says EIO when nobody has the other side open any more.
    let _ = controller.read_to_end(&mut shown);
    (child.wait().unwrap().success(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
pub fn on_a_terminal_a_missing_channel_is_asked_about() {
    let shop = Shop::with(&["1.10.4"]);
    let wish = || shop.command(&["default", "1.10"]);
    let (done, shown) = on_a_terminal(wish(), "n\n");
    assert!(!done && shown.contains("Install it now? [Y/n]") && shown.contains("`jlapp julia add 1.10`"), "{shown}");
    shop.assert_nothing_installed();
    shop.ok(&["config", "auto-install", "no"]);
    let (done, shown) = on_a_terminal(wish(), "y\n");
    assert!(!done && !shown.contains("Install it now?"), "{shown}");
    shop.ok(&["config", "auto-install", "default"]);
    let (done, shown) = on_a_terminal(wish(), "y\n");
    assert!(done, "{shown}");
    assert_eq!(shop.which(&[]), format!("{}/bin/julia", shop.tree("1.10.4")));
}

#[test]
fn manifests_can_be_switched_off() {
    let shop = Shop::with(&["1.10.4", "1.11.3"]);
    shop.ok(&["add", "1.10", "1.11"]);
    shop.world.write("home/p/Project.toml", "");
    shop.world.write("home/p/Manifest.toml", "julia_version = \"1.11.1\"\n");
    assert!(shop.ok(&["which", "--project=p"]).contains("p/Manifest.toml was resolved with Julia 1.11.1"));
    shop.ok(&["config", "manifest", "no"]);
    assert!(shop.ok(&["which", "--project=p"]).contains("the default channel"));
}

#[test]
fn proxies_are_used() {
    let shop = Shop::with(&["1.10.4"]);
    let mut command = shop.command(&["add", "1.10"]);
    command.env("JULIAUP_SERVER", "http://julia.invalid").env("HTTP_PROXY", shop.server.url());
    let said = run(command);
    assert_eq!(said.status, 0, "{}", said.err);
}
