//! Depots and `PATH`: which app is found where, and what is said of others with its name.

use std::fs;
use std::process::Command;

use crate::daemon_support::{Steps, depots, julia};
use crate::world::{DEP, Package, Said, World, dep, rot};

fn tool(name: &'static str, uuid: &'static str, said: &str) -> Package {
    let body = format!("main(args) = println(\"{said}\")");
    Package { name, uuid, version: "1.0.0", apps: "tool = {}", body, ..Package::default() }
}

const TOOL: &str = "7a0c1d0e-0000-4000-8000-000000000051";
const OTHER: &str = "7a0c1d0e-0000-4000-8000-000000000052";

#[test]
fn names_on_path() {
    let world = World::new("on-path");
    tool("Tool", TOOL, "tool").write(&world.path("Tool"));
    fs::create_dir(world.path("others")).unwrap();
    let other = world.place.write_program("others/tool", "echo other");
    let (bin, others) = (world.path("depot/bin").display().to_string(), world.path("others").display().to_string());
    let julias = julia().parent().unwrap().display().to_string();
    let said = |path: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), &["dev", "./Tool"]);
        let path = [path, &[julias.as_str(), "/usr/bin", "/bin"]].concat().join(":");
        Said::from(command.env("PATH", path).output().unwrap()).err
    };
    let advice = format!(
        "jlapp: {bin} is not on PATH; add this to your shell's start-up file:\n  export PATH=\"{bin}:$PATH\"\n"
    );
    assert!(said(&[]).contains(&advice));
    let hidden = said(&[&others]);
    assert!(hidden.contains(&format!("tool on PATH is {}\n", other.display())) && hidden.contains(&advice), "{hidden}");
    let before = format!("jlapp: tool on PATH is {}, which comes before {bin}/tool\n", other.display());
    assert_eq!(said(&[&others, &bin]), before);
    let after = format!("jlapp: tool comes before {} on PATH from now on\n", other.display());
    assert_eq!(said(&[&bin, &others]), after);
    assert_eq!(said(&[&bin]), "");
}

#[test]
fn several_depots() {
    let world = World::new("depots");
    tool("Tool", TOOL, "of the first").write(&world.path("Tool"));
    tool("Other", OTHER, "of the second").write(&world.path("Other"));
    let second = world.path("second depot");
    let in_depots = |words: &[&str], list: &str| {
        let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), words);
        Said::from(command.env("JULIA_DEPOT_PATH", list).output().unwrap())
    };
    let (one, two) = (world.path("depot").display().to_string(), second.display().to_string());
    let both = format!("{one}:{two}:");
    assert_eq!(in_depots(&["dev", "./Other"], &format!("{two}:")).status, Some(0));
    let launched = || in_depots(&["launch", "tool"], &both).out;
    assert_eq!(launched(), "of the second\n");
    let listed = in_depots(&["status", "--json"], &both).out;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["package"], &listed[0]["depot"]), (&"Other".into(), &two.as_str().into()));
    let text = format!("tool is in {two}, which is not the first depot; JULIA_DEPOT_PATH={two} makes it that.");
    for words in [["rm", "tool"], ["pin", "tool"], ["update", "tool"]] {
        let said = in_depots(&words, &both);
        assert!(said.status == Some(1) && said.err.contains(&text), "{words:?}: {}", said.err);
    }
    // Of the same name in both: the first one's, but a shim is of its own depot.
    assert_eq!(in_depots(&["dev", "./Tool"], &both).status, Some(0));
    assert_eq!(launched(), "of the first\n");
    let mut shim = world.command(second.join("bin/tool"), &[]);
    let output = shim.env("JULIA_DEPOT_PATH", &both).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "of the second\n", "{output:?}");
    assert_eq!(in_depots(&["rm", "tool"], &both).out, "Tool is removed\n  tool\n");
    assert_eq!(launched(), "of the second\n");
}

#[test]
fn a_julia_that_is_gone() {
    let world = World::new("julia-gone");
    world.publish(&tool("Tool", TOOL, "tool"));
    world.does(&["add", "./repos/Tool"]);
    let real = julia().display().to_string();
    let gone = world.record().replace(&real, "/nowhere/julia-9.9.9/bin/julia");
    fs::write(world.path("depot/environments/apps/AppManifest.toml"), gone).unwrap();
    let text = "/nowhere/julia-9.9.9/bin/julia, recorded for the app tool, is gone; going on with the default Julia \
                (`jlapp julia add 9.9` gets one of its kind); `jlapp update tool` records that\n";
    let said = world.jlapp(&["launch", "tool"]);
    assert!(said.out == "tool\n" && said.err.ends_with(text), "{}", said.err);
    assert!(world.does(&["status"]).out.contains(text));
    let updated = world.does(&["update", "tool"]).out;
    assert!(updated.contains("Tool is updated\n  Julia is ") && world.record().contains("bin/julia"), "{updated}");
    assert!(!world.record().contains("/nowhere"), "{}", world.record());
    assert_eq!(world.jlapp(&["launch", "tool"]).err, "");
    assert_eq!(world.does(&["status"]).out.lines().count(), 2);
}

/// A package whose app is a file with dependencies of its own.
fn with_own_dependencies() -> Package {
    let files = [
        ("apps/Project.toml".to_owned(), format!("[deps]\nDep = \"{DEP}\"\n")),
        (
            "apps/tool.jl".to_owned(),
            "module ToolApp\nusing Dep, Filed\nmain(args) = println(Dep.word(), ' ', Filed.word())\nend\n".to_owned(),
        ),
    ];
    Package {
        name: "Filed",
        uuid: OTHER,
        version: "1.0.0",
        apps: "tool = { entry = \"tool.jl\" }",
        body: "word() = \"filed\"".into(),
        files: files.into(),
        ..Package::default()
    }
}

#[test]
fn a_depot_that_was_moved_or_copied() {
    let world = World::new("moved");
    world.register(&dep("1.0.0"));
    world.register(&rot("0.1.0"));
    world.publish(&with_own_dependencies());
    let mut steps = Steps::default();
    steps.step("added", || {
        world.does(&["add", "Rot", "./repos/Filed"]);
        assert_eq!(world.runs("tool", &[]), "dep 1.0.0 filed\n");
        assert!(world.does(&["update"]).out.contains("Filed is up to date"));
    });
    let in_copy = |words: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), words);
        Said::from(command.env("JULIA_DEPOT_PATH", depots(&world.path("the copy"))).output().unwrap())
    };
    steps.step("copied, with the first one gone", || {
        let done = Command::new("cp").arg("-a").args([world.path("depot"), world.path("the copy")]).status().unwrap();
        assert!(done.success());
        fs::rename(world.path("depot"), world.path("away")).unwrap();
        let tool = in_copy(&["launch", "tool"]);
        assert_eq!(tool.out, "dep 1.0.0 filed\n", "{}", tool.err);
        assert_eq!(in_copy(&["launch", "rot"]).out, "rot 0.1.0 with dep 1.0.0 String[]\n");
    });
    steps.step("its shims, made again", || {
        fs::remove_dir_all(world.path("the copy/bin")).unwrap();
        assert!(in_copy(&["shims"]).out.starts_with("3 shims in "));
        let mut shim = world.command(world.path("the copy/bin/tool"), &[]);
        let output = shim.env("JULIA_DEPOT_PATH", depots(&world.path("the copy"))).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "dep 1.0.0 filed\n", "{output:?}");
    });
    steps.step("and it is kept like the first", || {
        let said = in_copy(&["update"]);
        assert_eq!(said.out, "Filed is up to date\nRot is up to date\n", "{}", said.err);
        assert_eq!(in_copy(&["rm", "Filed"]).status, Some(0));
        assert!(!world.path("the copy/environments/jlapp/Filed").exists());
    });
    steps.finish();
}
