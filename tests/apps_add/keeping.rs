//! What is installed: updated, pinned, precompiled, taken elsewhere; and what is run without that.

use std::fs;

use crate::daemon_support::{Steps, julia};
use crate::world::{Package, World, dep, rot};

#[test]
fn updated_and_pinned() {
    let world = World::new("update");
    world.register(&dep("1.0.0"));
    world.register(&rot("0.1.0"));
    let own = Package {
        name: "Own",
        uuid: "7a0c1d0e-0000-4000-8000-00000000000a",
        version: "1.0.0",
        apps: "own = {}",
        body: "main(args) = println(\"own\")".into(),
        ..Package::default()
    };
    let repo = Package {
        name: "Repo",
        uuid: "7a0c1d0e-0000-4000-8000-00000000000b",
        apps: "repo = {}\nold = {}",
        ..own.clone()
    };
    own.write(&world.path("Own"));
    world.publish(&repo);
    world.does(&["add", "Rot", &format!("file://{}", world.path("repos/Repo").display())]);
    world.does(&["dev", "./Own"]);
    let mut steps = Steps::default();
    steps.step("nothing new", || {
        let before = world.everything();
        let said = world.does(&["update", "Rot", "repo"]);
        assert_eq!(said.out, "Repo is up to date\nRot is up to date\n");
        assert_eq!(world.everything(), before);
    });
    steps.step("new versions, new commits, new apps", || {
        world.register(&dep("1.2.0"));
        world.register(&Package { apps: "rot = {}\nrot-new = {}", ..rot("0.2.0") });
        world.publish(&Package { apps: "repo = {}", body: "main(args) = println(\"newer\")".into(), ..repo.clone() });
        let before = world.everything();
        let said = world.does(&["update", "--dry-run"]);
        assert!(said.out.contains("Rot would be updated\n  Dep 1.0.0 → 1.2.0\n  Rot 0.1.0 → 0.2.0\n"), "{}", said.out);
        assert!(said.out.contains("  app rot-sub goes\n  app rot-new comes\n"), "{}", said.out);
        assert_eq!(world.everything(), before, "a dry run has changed something");
        Package { apps: "own = {}\nown-two = {}", ..own.clone() }.write(&world.path("Own"));
        let said = world.does(&["status", "--outdated"]);
        assert!(said.out.starts_with("Own\n  app own-two comes\nRepo\n  Repo 1.0.0 ("), "{}", said.out);
        let rot = "Rot\n  Dep 1.0.0 → 1.2.0\n  Rot 0.1.0 → 0.2.0\n  app rot-sub goes\n  app rot-new comes\n";
        assert!(said.out.ends_with(rot), "{}", said.out);
        let json: serde_json::Value =
            serde_json::from_str(&world.does(&["status", "--outdated", "--json", "rot"]).out).unwrap();
        assert_eq!((json.as_array().unwrap().len(), &json[0]["apps_come"][0]), (1, &"rot-new".into()));
        assert_eq!(
            (&json[0]["versions"][0]["from"], &json[0]["versions"][0]["to"]),
            (&"1.0.0".into(), &"1.2.0".into())
        );
        assert_eq!(world.everything(), before, "looking has changed something");
        world.does(&["pin", "repo"]);
        let said = world.does(&["update"]);
        assert!(said.out.contains("Repo is pinned at 1.0.0 ("), "{}", said.out);
        assert!(said.out.contains("Rot is updated\n") && said.out.contains("Own is under development"), "{}", said.out);
        assert_eq!(world.runs("rot-new", &[]), "rot 0.2.0 with dep 1.2.0 String[]\n");
        assert_eq!(world.runs("own-two", &[]), "own\n");
        assert!(!world.path("depot/bin/rot-sub").exists() && world.path("depot/bin/old").exists());
        assert!(world.record().contains("pinned = true"));
        world.does(&["unpin", "Repo"]);
        assert!(!world.record().contains("pinned"));
        let said = world.does(&["update", "Repo"]);
        assert!(said.out.contains("  app old goes\n"), "{}", said.out);
        assert_eq!(world.runs("repo", &[]), "newer\n");
    });
    steps.step("one that cannot be had leaves the others alone, and stays", || {
        world.register(&dep("1.3.0"));
        fs::rename(world.path("repos/Repo"), world.path("repos/Gone")).unwrap();
        let said = world.jlapp(&["update"]);
        assert_eq!(said.status, Some(1));
        assert!(said.err.contains("could not be updated, and stays as it is: Repo\n"), "{}", said.err);
        assert!(said.out.contains("Rot is updated\n  Dep 1.2.0 → 1.3.0\n"), "{}{}", said.out, said.err);
        assert_eq!(world.runs("repo", &[]), "newer\n");
    });
    steps.step("one that does not load any more stays, too", || {
        world.register(&Package { body: "error(\"broken\")".into(), deps: vec![], ..rot("0.3.0") });
        let before = world.everything();
        let said = world.jlapp(&["update", "Rot"]);
        assert_eq!(said.status, Some(1));
        assert!(said.err.contains("broken") && said.err.contains("stays as it is: Rot"), "{}", said.err);
        assert_eq!(world.everything(), before);
        assert_eq!(world.runs("rot", &[]), "rot 0.2.0 with dep 1.3.0 String[]\n");
    });
    steps.step("precompiled with the flags of each app", || {
        fs::remove_dir_all(world.path("depot/compiled")).unwrap();
        let said = world.does(&["precompile", "Rot", "own"]);
        assert_eq!(said.out, "Own is precompiled\nRot is precompiled\n");
        assert!(world.path("depot/compiled/v1.5/Rot").is_dir() || !world.path("depot/compiled/v1.5").exists());
        world.refuses(&["precompile", "rto"], "there is no package or app rto; did you mean Rot or rot?");
        world.refuses(&["update", "rto"], "there is no package or app rto; did you mean Rot or rot?");
        world.refuses(&["pin", "Own"], "Own is under development");
    });
    steps.finish();
}

#[test]
fn exported_imported_and_run_without_installing() {
    let world = World::new("export");
    world.register(&dep("1.0.0"));
    world.register(&rot("0.1.0"));
    let mut steps = Steps::default();
    steps.step("run: its environment is kept, until it is to be refreshed", || {
        let run = |words: &[&str]| world.does(&[&["run"], words].concat());
        let from = ["--from", "Rot", "rot"];
        assert_eq!(run(&[&from[..], &["--", "x", "-v"]].concat()).out, "rot 0.1.0 with dep 1.0.0 [\"x\", \"-v\"]\n");
        assert_eq!(world.record(), "", "nothing is installed");
        assert!(!world.path("depot/bin").exists());
        world.register(&rot("0.2.0"));
        let again = run(&["Rot", "--x"]);
        assert_eq!((again.out.as_str(), again.err.as_str()), ("rot 0.1.0 with dep 1.0.0 [\"--x\"]\n", ""));
        assert_eq!(run(&["--from", "Rot", "rot-sub", "-O3", "--"]).out, "deep 3\n");
        assert_eq!(run(&["--refresh", "Rot"]).out, "rot 0.2.0 with dep 1.0.0 String[]\n");
        world.refuses(&["run", "--from", "Rot", "rto"], "Rot has no app rto");
        world.refuses(&["run", "Dep"], "there is no [apps] in it");
    });
    steps.step("the same in another depot, in the same versions", || {
        let folder = world.path("up/juliaup");
        fs::create_dir_all(&folder).unwrap();
        let text = format!(
            r#"{{"Default": null, "InstalledVersions": {{}}, "InstalledChannels": {{"own": {{"Command": "{}", "Args": []}}}}}}"#,
            julia().display()
        );
        fs::write(folder.join("juliaup.json"), text).unwrap();
        world.publish(&rot("0.3.0"));
        let name = format!("{}#main", world.path("repos/Rot").display());
        world.does(&["add", "--julia", "+own", &name]);
        world.does(&["pin", "rot"]);
        dep("9.0.0").write(&world.path("Dev"));
        fs::write(world.path("Dev/Project.toml"), Package { apps: "dev = {}", name: "Devd", ..dep("1.0.0") }.project()).unwrap();
        world.does(&["dev", "./Dev"]);
        world.does(&["export", "-o", "lock.toml"]);
        assert_eq!(world.does(&["export"]).out, fs::read_to_string(world.path("lock.toml")).unwrap());
        // Newer versions are not taken where it is imported.
        world.register(&dep("2.0.0"));
        world.publish(&rot("0.4.0"));
        fs::rename(world.path("depot"), world.path("first")).unwrap();
        fs::create_dir_all(world.path("depot/registries")).unwrap();
        world.git("depot/registries", &["clone", "-q", world.path("registry").to_str().unwrap(), "Test"]);
        let said = world.does(&["import", "lock.toml"]);
        assert!(said.out.contains("Rot 0.3.0 (") && said.out.contains("Devd is under development in "), "{}", said.out);
        assert_eq!(world.runs("rot", &[]), "rot 0.3.0 with dep 1.0.0 String[]\n");
        assert_eq!(world.does(&["status", "Rot"]).out.lines().nth(1), Some("  rot  +own"));
        let first = fs::read_to_string(world.path("first/environments/apps/AppManifest.toml")).unwrap();
        assert_eq!(world.record(), first);
        assert_eq!(world.does(&["export"]).out, fs::read_to_string(world.path("lock.toml")).unwrap());
        fs::write(world.path("bad.toml"), "format = 1\n[[package]]\n").unwrap();
        world.refuses(&["import", "bad.toml"], "bad.toml:2: a package has no uuid");
    });
    steps.finish();
}
