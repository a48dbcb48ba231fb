//! What decides about a launch's Julia, in its order.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use jlapp::toolchain::{App, Error, Toolchains};

use super::world::{Launch, World};

const CHANNELS: &str = r#"
    "release": {"Version": "1.12.2+0.x64.linux.gnu"}, "1.11.3": {"Version": "1.11.3+0.x64.linux.gnu"},
    "1.10": {"Version": "1.10.9+0.x64.linux.gnu"}, "lts": {"Version": "1.10.9+0.x64.linux.gnu"},
    "1.9~x86": {"Version": "1.9.4+0.x86.linux.gnu"},
    "r": {"Target": "1.10", "Args": ["--threads=2"]}, "rr": {"Target": "r", "Args": null},
    "dev": {"Command": "DEV", "Args": ["-O1"]}"#;
const VERSIONS: [&str; 4] =
    ["1.12.2+0.x64.linux.gnu", "1.11.3+0.x64.linux.gnu", "1.10.9+0.x64.linux.gnu", "1.9.4+0.x86.linux.gnu"];

/// A juliaup with every kind of channel, a project per version, and programs on `PATH`.
fn furnished() -> World {
    let world = World::new();
    let dev = world.julia("dev/julia", "1.14.0-DEV.1");
    let folder = world.path("home/overridden").display().to_string();
    let rest = format!(r#", "Overrides": [{{"Path": "{folder}", "Channel": "lts"}}]"#);
    world.juliaup(Some("release"), &VERSIONS, &CHANNELS.replace("DEV", &dev.display().to_string()), &rest);
    world.julia("elsewhere/julia", "1.8.5");
    for (project, version) in [("p11", "1.11.3"), ("p10", "1.10.2"), ("p7", "1.7.3")] {
        world.write(&format!("home/{project}/Project.toml"), "");
        world.write(
            &format!("home/{project}/Manifest.toml"),
            &format!("# made\njulia_version = \"{version}\"\nmanifest_format = \"2.0\"\n\n[[deps.A]]\nuuid = \"x\"\n"),
        );
    }
    fs::create_dir_all(world.path("home/overridden/below")).unwrap();
    world
}

/// Each row has everything that the rows below it have, and something that comes before it.
#[test]
fn scripts_in_order() {
    let world = furnished();
    let elsewhere = world.path("elsewhere/julia");
    let julia = |version: &str| world.juliaups(&format!("{version}+0.x64.linux.gnu"));
    let mut all =
        Launch::in_home(&world).with("JULIAUP_CHANNEL", "1.11.3").with("JULIA_PROJECT", world.path("home/p11"));
    all = all.with("JULIA_DAEMON_WORKER_EXECUTABLE", &elsewhere);
    all.channel = Some("1.10");
    all.directory = world.path("home/overridden/below");
    let mut toolchains = Toolchains::new();
    let mut expect = |launch: &Launch, binary: PathBuf, why: &str| {
        let found = launch.select(&mut toolchains).unwrap();
        assert_eq!((found.binary, found.why.to_string(), found.note), (binary, why.to_owned(), None));
    };

    expect(&all, julia("1.10.9"), "asked for by +channel");
    all.channel = None;
    expect(&all, julia("1.11.3"), "named by JULIAUP_CHANNEL");
    all.variables.remove("JULIAUP_CHANNEL");
    let overridden = format!("juliaup's override for {}", world.path("home/overridden").display());
    expect(&all, julia("1.10.9"), &overridden);
    all.directory = world.home();
    let manifest = format!("{} was resolved with Julia 1.11.3", world.path("home/p11/Manifest.toml").display());
    expect(&all, julia("1.11.3"), &manifest);
    all.variables.remove("JULIA_PROJECT");
    expect(&all, elsewhere, "named by JULIA_DAEMON_WORKER_EXECUTABLE");
    all.variables.remove("JULIA_DAEMON_WORKER_EXECUTABLE");
    expect(&all, julia("1.12.2"), "the default channel of juliaup");
    fs::remove_dir_all(world.path("home/.julia/juliaup")).unwrap();
    all.variables.insert("PATH", world.path("elsewhere").into());
    expect(&all, world.path("elsewhere/julia"), "no default channel is set; found on PATH");
    all.variables.insert("PATH", OsString::new());
    let message = all.select(&mut toolchains).unwrap_err().to_string();
    assert!(message.contains("`jlapp julia add release`"), "{message}");
}

#[test]
fn apps_in_order() {
    let world = furnished();
    let elsewhere = world.path("elsewhere/julia");
    let julia = |version: &str| world.juliaups(&format!("{version}+0.x64.linux.gnu"));
    let mut app = App {
        name: "rot13".into(),
        channel: "1.11.3".parse().ok(),
        julia_command: Some(world.path("elsewhere/julia")),
    };
    // What counts for scripts does not count here.
    let mut all =
        Launch::in_home(&world).with("JULIAUP_CHANNEL", "1.9~x86").with("JULIA_PROJECT", world.path("home/p11"));
    all = all.with("JULIA_APP_JULIA", "+1.10").with("JULIA_APPS_JULIA_CMD", &elsewhere);
    all = all.with("JULIA_DAEMON_WORKER_EXECUTABLE", "/nowhere/julia");
    all.channel = Some("release");
    all.directory = world.path("home/overridden/below");
    let mut toolchains = Toolchains::new();
    let mut expect = |launch: &Launch, app: &App, binary: PathBuf, why: &str| {
        let found = Launch { app: Some(app.clone()), ..launch.clone() }.select(&mut toolchains).unwrap();
        assert_eq!((found.binary, found.why.to_string()), (binary, why.to_owned()));
        found.note.map(|note| note.to_string())
    };

    expect(&all, &app, julia("1.12.2"), "asked for by +channel");
    all.channel = None;
    for word in ["+1.10", "julia +1.10"] {
        let launch = all.clone().with("JULIA_APP_JULIA", word);
        expect(&launch, &app, julia("1.10.9"), "named by JULIA_APP_JULIA");
    }
    let by_path = all.clone().with("JULIA_APP_JULIA", "../elsewhere/julia");
    let by_path = Launch { directory: world.home(), ..by_path };
    expect(&by_path, &app, world.home().join("../elsewhere/julia"), "named by JULIA_APP_JULIA");
    all.variables.insert("JULIA_APP_JULIA", OsString::new());
    expect(&all, &app, elsewhere.clone(), "named by JULIA_APPS_JULIA_CMD");
    all.variables.remove("JULIA_APPS_JULIA_CMD");
    expect(&all, &app, julia("1.11.3"), "recorded for the app rot13");
    app.channel = None;
    expect(&all, &app, elsewhere, "julia_command of the app rot13 in AppManifest.toml");
    app.julia_command = Some("/gone/julia".into());
    let note = expect(&all, &app, julia("1.12.2"), "the default channel of juliaup");
    assert!(note.unwrap().contains("/gone/julia, recorded for the app rot13, is gone"));
    // Where there is no other Julia at all.
    fs::remove_dir_all(world.path("home/.julia/juliaup")).unwrap();
    let named = all.with("PATH", "").with("JULIA_DAEMON_WORKER_EXECUTABLE", world.path("elsewhere/julia"));
    app.julia_command = None;
    expect(&named, &app, world.path("elsewhere/julia"), "named by JULIA_DAEMON_WORKER_EXECUTABLE");
}

/// juliaup has replaced the version that Pkg recorded, or taken its whole line away.
#[test]
fn an_apps_julia_that_an_update_took_away() {
    let world = furnished();
    let mut toolchains = Toolchains::new();
    let mut select = |command: PathBuf| {
        let app = App { name: "rot13".into(), channel: None, julia_command: Some(command) };
        let found = Launch { app: Some(app), ..Launch::in_home(&world) }.select(&mut toolchains).unwrap();
        (found.binary, found.why.to_string(), found.note.unwrap().to_string())
    };
    for folder in ["juliaup/julia-1.10.2+0.x64.linux.gnu", "jlapp/toolchains/1.10.2-x64", "julia-1.10.2"] {
        let gone = world.path("home/.julia").join(folder).join("bin/julia");
        let said = format!(
            "{}, recorded for the app rot13, is gone; going on with Julia 1.10.9 of channel lts; `jlapp update rot13` records that",
            gone.display()
        );
        let why = format!("in place of {}, which was recorded for the app rot13 and is gone", gone.display());
        assert_eq!(select(gone), (world.juliaups("1.10.9+0.x64.linux.gnu"), why, said));
    }
    let gone = world.juliaups("1.8.5+0.x64.linux.gnu");
    let said = format!(
        "{}, recorded for the app rot13, is gone; going on with the default Julia (`jlapp julia add 1.8` gets one of its kind); `jlapp update rot13` records that",
        gone.display()
    );
    let why = "the default channel of juliaup".to_owned();
    assert_eq!(select(gone), (world.juliaups("1.12.2+0.x64.linux.gnu"), why, said));
}

#[test]
fn projects_and_their_manifests() {
    let world = furnished();
    let mut toolchains = Toolchains::new();
    world.write("home/p11/deep/er/file", "");
    world.write("home/versions/JuliaProject.toml", "");
    world.write("home/versions/Manifest.toml", "julia_version = \"1.12.0\"\n");
    world.write("home/versions/Manifest-v1.10.toml", "julia_version = \"1.10.1\"\n");
    world.write("home/versions/Manifest-v1.11.toml", "julia_version = \"1.11.0\"\n");
    world.write("home/versions/Manifest-v1.30.toml", "julia_version = \"1.30.0\"\n");
    world.write("home/named/Project.toml", "manifest = \"../p10/Manifest.toml\"\n");
    world.write("home/space/Project.toml", "[workspace]\nprojects = [\"sub\"]\n");
    world.write("home/space/Manifest.toml", "julia_version = \"1.10.0\"\n");
    world.write("home/space/sub/Project.toml", "");
    world.write("home/old/Project.toml", "");
    world.write("home/old/Manifest.toml", "[[A]]\nuuid = \"x\"\n");
    world.write("home/pipe/Project.toml", "");
    mkfifo(&world.path("home/pipe/Manifest-v1.11.toml"));
    world.write("home/broken/Project.toml", "= manifest\n");
    world.write("home/broken/Manifest.toml", "julia_version = 1.10\n");
    world.write("home/.julia/environments/shared/Project.toml", "");
    world.write("home/.julia/environments/shared/Manifest.toml", "julia_version = \"1.10.0\"\n");
    let mut expect = |project: Option<&'static str>, variable: &str, directory: &str, version: &str| {
        let mut launch = Launch::in_home(&world).with("JULIA_PROJECT", variable);
        launch.project = project;
        launch.directory = world.path(directory);
        let found = launch.select(&mut toolchains).unwrap();
        assert_eq!(found.version.unwrap().to_string(), version, "{project:?} {variable} {directory}");
        found.note.map(|note| note.to_string()).unwrap_or_default()
    };
    expect(Some("p11"), "", "home", "1.11.3");
    expect(Some("p11/Project.toml"), "", "home", "1.11.3");
    expect(Some("~/p11"), "", "elsewhere", "1.11.3");
    expect(Some("@."), "", "home/p11/deep/er", "1.11.3");
    expect(None, "@.", "home/p11/deep/er", "1.11.3");
    expect(Some("@shared"), "", "home", "1.10.9");
    // Plain `julia` in a project does not use it.
    expect(None, "", "home/p11", "1.12.2");
    expect(Some(""), "p11", "home", "1.12.2");
    expect(Some("p10"), "p11", "home", "1.10.9"); // the same minor version will do
    expect(Some("named"), "", "home", "1.10.9");
    expect(Some("space/sub"), "", "home", "1.10.9");
    expect(Some("versions"), "", "home", "1.11.3"); // the newest that can be had
    for silent in ["old", "pipe", "broken", "nowhere", "@v1.12", "@temp", "@script"] {
        assert_eq!(expect(Some(silent), "", "home", "1.12.2"), "", "{silent}");
    }
    let note = expect(Some("p7"), "", "home", "1.12.2");
    assert!(
        note.contains("p7/Manifest.toml was resolved with Julia 1.7.3") && note.contains("`jlapp julia add 1.7.3`")
    );
}

fn mkfifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
}

/// Without any toolchain there is nothing to choose from, and so nothing to be said at each launch.
#[test]
fn a_manifest_means_nothing_to_the_only_julia() {
    let world = World::new();
    world.julia("elsewhere/julia", "1.8.5");
    world.write("home/p/Project.toml", "");
    world.write("home/p/Manifest.toml", "julia_version = \"1.7.3\"\n");
    let mut launch = Launch::in_home(&world).with("PATH", world.path("elsewhere"));
    launch.project = Some("p");
    let found = launch.select(&mut Toolchains::new()).unwrap();
    assert_eq!((found.binary, found.note), (world.path("elsewhere/julia"), None));
}

#[test]
fn aliases_and_links_bring_their_arguments() {
    let world = furnished();
    let mut toolchains = Toolchains::new();
    let mut select = |channel| Launch { channel: Some(channel), ..Launch::in_home(&world) }.select(&mut toolchains);
    let found = select("r").unwrap();
    assert_eq!(found.binary, world.juliaups("1.10.9+0.x64.linux.gnu"));
    assert_eq!(
        (found.arguments, found.version.unwrap().to_string()),
        (vec!["--threads=2".into()], "1.10.9".to_owned())
    );
    let found = select("dev").unwrap();
    assert_eq!((found.binary, found.arguments), (world.path("dev/julia"), vec!["-O1".into()]));
    assert!(select("rr").unwrap_err().to_string().contains("which is an alias itself"));
}

#[test]
fn what_is_not_there_says_how_to_get_it() {
    let world = furnished();
    let mut toolchains = Toolchains::new();
    let launch = Launch::in_home(&world);
    let mut message = |channel: Option<&'static str>, launch: &Launch| {
        Launch { channel, ..launch.clone() }.select(&mut toolchains).unwrap_err().to_string()
    };
    assert_eq!(
        message(Some("1.9"), &launch),
        "channel 1.9 is not installed (asked for by +channel); install it with `jlapp julia add 1.9`"
    );
    let misspelt = message(Some("relaese"), &launch);
    assert!(misspelt.contains("does not exist") && misspelt.contains("did you mean release?"), "{misspelt}");
    assert!(message(Some(""), &launch).contains("is empty"));
    let empty = launch.clone().with("JULIAUP_CHANNEL", "");
    assert!(message(None, &empty).contains("JULIAUP_CHANNEL"));
    let gone = world.juliaups("1.12.2+0.x64.linux.gnu");
    fs::remove_file(&gone).unwrap();
    let said = message(None, &launch);
    assert!(said.contains(&gone.display().to_string()) && said.contains("`juliaup add release`"), "{said}");
    world.write("elsewhere/text", "");
    let named = launch.clone().with("JULIA_DAEMON_WORKER_EXECUTABLE", world.path("elsewhere/text"));
    assert!(message(None, &named).contains("it is not executable"));
    let named = launch.with("JULIA_DAEMON_WORKER_EXECUTABLE", world.path("elsewhere"));
    assert!(message(None, &named).contains("it is a folder"));
}

/// juliaup's launcher would choose, ask and download by itself; `juliaclient` would lead back to where we are.
#[test]
fn launchers_are_not_run() {
    let world = furnished();
    let client = PathBuf::from(env!("CARGO_BIN_EXE_juliaclient"));
    world.julia("juliaup/bin/julialauncher", "0.0.0");
    symlink("julialauncher", world.path("juliaup/bin/julia")).unwrap();
    world.julia("copied/bin/julialauncher", "0.0.0");
    world.julia("copied/bin/juliaup", "0.0.0");
    world.julia("copied/bin/julia", "0.0.0");
    fs::create_dir_all(world.path("client")).unwrap();
    symlink(&client, world.path("client/julia")).unwrap();
    let mut toolchains = Toolchains::new();
    let release = world.juliaups("1.12.2+0.x64.linux.gnu");
    for folder in ["juliaup/bin", "copied/bin", "client"] {
        for named in [OsString::from("julia"), world.path(folder).join("julia").into()] {
            let launch = Launch::in_home(&world).with("JULIA_DAEMON_WORKER_EXECUTABLE", named);
            let folders = [world.path(folder), world.path("elsewhere")];
            let launch = launch.with("PATH", std::env::join_paths(folders).unwrap());
            let found = launch.select(&mut toolchains).unwrap().binary;
            // A name leads past the client to the next on PATH.
            let is_name = !launch.variables["JULIA_DAEMON_WORKER_EXECUTABLE"].to_str().unwrap().contains('/');
            let next = is_name && folder == "client";
            assert_eq!(found, if next { world.path("elsewhere/julia") } else { release.clone() }, "{folder}");
        }
    }
    fs::remove_dir_all(world.path("home/.julia/juliaup")).unwrap();
    let launch = Launch::in_home(&world).with("PATH", world.path("juliaup/bin"));
    let error = launch.select(&mut toolchains).unwrap_err();
    assert!(matches!(&error, Error::NoJulia { launcher: Some(_), .. }), "{error}");
    let past = [world.path("juliaup/bin"), world.path("elsewhere")];
    let launch = launch.with("PATH", std::env::join_paths(past).unwrap());
    assert_eq!(launch.select(&mut toolchains).unwrap().binary, world.path("elsewhere/julia"));
}
