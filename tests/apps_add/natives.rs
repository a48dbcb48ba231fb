//! JLL packages by all commands: their executables are apps like others.

use std::fs;

use crate::daemon_support::{Steps, julia};
use crate::world::{Package, TOOL, World, jll, jll_for};

/// A Julia package that has an app of the same name.
fn namesake() -> Package {
    Package {
        name: "Other",
        uuid: "7a0c1d0e-0000-4000-8000-000000000031",
        version: "1.0.0",
        apps: "tool = {}",
        body: "main(args) = println(\"other \", args)".into(),
        ..Package::default()
    }
}

#[test]
fn kept_like_others() {
    let world = World::new("natives");
    world.register(&jll("1.0.0+0"));
    world.artifact("1.0.0+0");
    let mut steps = Steps::default();
    steps.step("added", || {
        assert_eq!(world.does(&["add", "Tool_jll"]).out, "Tool_jll 1.0.0+0 is added\n  tool\n");
        assert_eq!(world.runs("tool", &[]), "tool 1.0.0+0\n");
        assert!(!world.record().contains("Tool_jll"), "Pkg would stumble over it");
        assert_eq!(world.does(&["status", "--outdated"]).out, "everything is up to date\n");
        assert_eq!(world.does(&["update"]).out, "Tool_jll is up to date\n");
        assert_eq!(world.does(&["precompile"]).out, "Tool_jll needs no precompiling\n");
    });
    steps.step("pinned", || {
        world.register(&jll("2.0.0+0"));
        world.artifact("2.0.0+0");
        assert_eq!(world.does(&["pin", "tool"]).out, "Tool_jll is now pinned at 1.0.0+0\n");
        assert_eq!(world.does(&["status"]).out, "Tool_jll 1.0.0+0 pinned\n  tool\n");
        assert_eq!(
            world.does(&["status", "--outdated"]).out,
            "Tool_jll is pinned; `jlapp unpin Tool_jll` lets it go\neverything is up to date\n"
        );
        assert!(world.does(&["update"]).out.contains("Tool_jll is pinned at 1.0.0+0"));
        assert_eq!(world.runs("tool", &[]), "tool 1.0.0+0\n");
        assert_eq!(world.does(&["unpin", "Tool_jll"]).out, "Tool_jll is now not pinned at 1.0.0+0\n");
    });
    steps.step("updated, and what would be said before", || {
        let before = world.everything();
        assert_eq!(world.does(&["status", "--outdated"]).out, "Tool_jll\n  Tool_jll 1.0.0+0 → 2.0.0+0\n");
        let json: serde_json::Value =
            serde_json::from_str(&world.does(&["status", "--outdated", "--json", "tool"]).out).unwrap();
        assert_eq!(json[0]["package"], "Tool_jll");
        assert_eq!(json[0]["versions"][0]["to"], "2.0.0+0");
        assert_eq!(world.everything(), before);
        world.refuses(&["status", "--outdated", "tol"], "did you mean tool?");
        assert_eq!(world.does(&["update", "tool"]).out, "Tool_jll is updated\n  Tool_jll 1.0.0+0 → 2.0.0+0\n");
        assert_eq!(world.runs("tool", &[]), "tool 2.0.0+0\n");
    });
    steps.step("a version without this machine stays away", || {
        world.register(&jll_for("3.0.0+0", "powerpc64le"));
        let before = world.everything();
        let said = world.jlapp(&["update"]);
        assert_eq!(said.status, Some(1));
        assert!(
            said.err.contains("it has nothing for this machine") && said.err.contains("stays as it is: Tool_jll"),
            "{}",
            said.err
        );
        assert_eq!(world.everything(), before);
        let said = world.jlapp(&["status", "--outdated"]);
        assert!(said.status == Some(1) && said.err.contains("could not be looked up: Tool_jll"), "{}", said.err);
        world.refuses(&["add", "Tool_jll"], "it has nothing for this machine");
        assert_eq!(world.runs("tool", &[]), "tool 2.0.0+0\n");
    });
    steps.step("taken elsewhere", || {
        world.does(&["pin", "tool"]);
        world.does(&["export", "-o", "lock.toml"]);
        world.does(&["rm", "tool"]);
        assert!(!world.path("depot/bin/tool").exists() && !world.path("depot/environments/apps/Tool_jll").exists());
        assert_eq!(world.does(&["import", "lock.toml"]).out, "Tool_jll 2.0.0+0 is added\n  tool\n");
        assert_eq!(world.runs("tool", &[]), "tool 2.0.0+0\n");
        assert_eq!(world.does(&["export"]).out, fs::read_to_string(world.path("lock.toml")).unwrap());
    });
    steps.step("run without installing it", || {
        world.does(&["rm", "tool"]);
        for words in
            [&["run", "Tool_jll@2.0", "--", "x", "--"][..], &["run", "--from", "Tool_jll@2.0", "tool", "x", "--"]]
        {
            assert_eq!(world.does(words).out, "tool 2.0.0+0 x --\n");
        }
        assert!(!world.path("depot/bin/tool").exists());
        world.refuses(&["run", "--from", "Tool_jll@2.0", "toll"], "Tool_jll has no app toll");
        world.refuses(&["run", "Tool_jll"], "it has nothing for this machine");
        world.does(&["import", "lock.toml"]);
    });
    steps.step("its name taken by an app that starts Julia, and back", || {
        world.publish(&namesake());
        world.refuses(&["add", "./repos/Other"], "tool is an app of Tool_jll");
        world.does(&["add", "--force", "./repos/Other"]);
        assert_eq!(world.runs("tool", &["x"]), "other [\"x\"]\n");
        assert!(!world.path("depot/environments/apps/Tool_jll").exists(), "its last app is gone");
        assert_eq!(world.does(&["status"]).out.lines().count(), 2);
        world.refuses(&["add", "Tool_jll@2.0"], "tool is an app of Other");
        world.does(&["add", "--force", "Tool_jll@2.0"]);
        assert_eq!(world.runs("tool", &["x"]), "tool 2.0.0+0 x\n");
        assert!(!world.record().contains("Other") && !world.path("depot/environments/apps/Other").exists());
    });
    steps.step("its Julia gone", || {
        let path = world.path("depot/environments/apps/jlls.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&julia().display().to_string(), "/nowhere/bin/julia")).unwrap();
        world.does(&["shims"]);
        let gone = "/nowhere/bin/julia, recorded for the app tool, is gone";
        assert!(world.does(&["status"]).out.contains(gone));
        assert_eq!(world.jlapp(&["launch", "tool"]).out, "tool 2.0.0+0\n", "it needs none");
    });
    steps.step("a record that cannot be read", || {
        let path = world.path("depot/environments/apps/jlls.toml");
        fs::write(&path, format!("[Tool_jll]\nuuid = \"{TOOL}\"\napps = 1\n")).unwrap();
        for words in [&["status"][..], &["rm", "tool"], &["update"], &["shims"]] {
            world.refuses(words, "jlls.toml:1: Tool_jll has no uuid, no julia or no apps; repair it");
        }
    });
    steps.finish();
}
