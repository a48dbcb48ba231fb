//! Bad input: each a clear word with what to do, and nothing changed.

use std::fs;

use crate::daemon_support::Steps;
use crate::tested;
use crate::world::{Package, World, dep, rot};

#[test]
fn refused_and_nothing_changed() {
    let world = World::new("add-refused");
    world.register(&dep("1.0.0"));
    world.register(&rot("0.1.0"));
    world.does(&["add", "Rot"]);
    let odd = |apps: &'static str| Package {
        name: "Odd",
        uuid: "7a0c1d0e-0000-4000-8000-00000000000c",
        version: "0.1.0",
        apps,
        body: "module Sub\nend\nnumber = 1\nmain(args) = println(\"odd\")".into(),
        ..Package::default()
    };
    let mut steps = Steps::default();
    steps.step("words that name nothing", || {
        world.refuses(&["add", "Rot.jl"], "Rot.jl names no package: ");
        world.refuses(&["add", "Rot@0.1", "--rev", "main"], "has a version and a revision");
        world.refuses(&["add", "./nowhere"], "nowhere");
        dep("1.0.0").write(&world.path("Plain"));
        world.refuses(&["add", "./Plain"], "it is no git repository; `jlapp dev ./Plain`");
    });
    steps.step("unknown packages, versions and revisions; the others of the command do not come either", || {
        world.publish(&odd("odd = {}"));
        world.refuses(&["add", "./repos/Odd", "Rto"], "did you mean Rot?");
        world.refuses(&["add", "Rot@7"], "Rot");
        world.refuses(&["add", "./repos/Odd#nowhere"], "Did not find rev nowhere");
        world.refuses(&["add", "--subdir", "nowhere", "./repos/Odd"], "Did not find subdirectory `nowhere`");
        let url = format!("file://{}", world.path("repos/Nowhere").display());
        world.refuses(&["add", &url], "nothing was changed");
    });
    steps.step("packages without apps, or with such that cannot be", || {
        world.refuses(&["add", "Dep"], "Dep has no apps: there is no [apps] in it");
        world.refuses(&["add", "./repos/Dep"], "Dep has no apps: there is no [apps] in it");
        world.publish(&odd("odd = { entry = \"nowhere.jl\" }"));
        world.refuses(&["add", "./repos/Odd"], "Project.toml:6: the app odd: there is no apps/nowhere.jl");
        world.publish(&odd("o-1 = {}\n1o = {}"));
        world.refuses(&["add", "./repos/Odd"], "Project.toml:7: the app 1o: a name is letters, digits, _ and -");
        world.publish(&odd("odd = 1"));
        // Pkg of 1.12 and later finds it first.
        let is_pkgs = tested::version() >= (1, 12);
        let ours = "Project.toml:6: the app odd: it is no table";
        let words = if is_pkgs { "Expected value for app `odd` to be a dictionary" } else { ours };
        world.refuses(&["add", "./repos/Odd"], words);
        world.publish(&odd(
            "o1 = { submodule = \"Sub\" }\no2 = { submodule = \"Sup\" }\no3 = { submodule = \"number\" }",
        ));
        let said = world
            .refuses(&["add", "./repos/Odd"], "the app o1 of Odd cannot run: there is no function main in Odd.Sub");
        assert!(said.err.contains("the app o2 of Odd cannot run: there is no module Sup in Odd\n"), "{}", said.err);
        assert!(said.err.contains("the app o3 of Odd cannot run: number in Odd is no module\n"), "{}", said.err);
        world.publish(&Package { body: "error(\"broken\")".into(), ..odd("odd = {}") });
        world.refuses(&["add", "./repos/Odd"], "broken");
    });
    steps.step("names that are taken", || {
        world.publish(&odd("rot = {}\ntool = {}"));
        world.refuses(&["add", "./repos/Odd"], "rot is an app of Rot");
        fs::write(world.path("depot/bin/tool"), "#!/bin/sh\n").unwrap();
        world.refuses(&["add", "./repos/Odd"], "bin/tool is there and no shim of tool");
        world.does(&["add", "--force", "./repos/Odd"]);
        assert_eq!(world.runs("rot", &[]), "odd\n");
        assert_eq!(world.runs("rot-sub", &[]), "deep 1\n");
        world.does(&["rm", "Odd"]);
    });
    steps.step("names of apps that there are not, in every command", || {
        world.does(&["add", "Rot"]);
        for words in [
            &["rm", "rto"][..],
            &["rm", "Rot", "rto"],
            &["update", "rto"],
            &["update", "--dry-run", "rto"],
            &["pin", "rto"],
            &["unpin", "rto"],
            &["precompile", "rto"],
            &["export", "rto"],
            &["status", "rto"],
            &["status", "--outdated", "rto"],
        ] {
            world.refuses(words, "there is no package or app rto; did you mean Rot or rot?");
        }
        world.refuses(&["rm", "something-else"], "`jlapp status` lists all");
        let said = world.jlapp(&["launch", "rto"]);
        assert!(said.status == Some(127) && said.err.contains("did you mean rot?"), "{}", said.err);
    });
    steps.step("a record that cannot be read, in every command: its line, and it is left as it is", || {
        let path = world.path("depot/environments/apps/AppManifest.toml");
        let good = fs::read(&path).unwrap();
        odd("odd = {}").write(&world.path("Odd"));
        for (text, problem) in [
            ("[[deps.Rot]\n", "AppManifest.toml:1: "),
            ("\n[[deps.Rot]]\nversion = \"1\"\n", "AppManifest.toml:2: the package Rot has no uuid"),
            ("[deps.Rot]\nuuid = \"1\"\n", "AppManifest.toml:1: deps.Rot is no array of tables"),
        ] {
            fs::write(&path, text).unwrap();
            for words in [
                &["add", "Rot"][..],
                &["dev", "./Odd"],
                &["update"],
                &["rm", "rot"],
                &["pin", "Rot"],
                &["status"],
                &["status", "--outdated"],
                &["precompile"],
                &["export"],
                &["shims"],
                &["launch", "rot"],
            ] {
                world.refuses(words, problem);
            }
        }
        fs::write(&path, good).unwrap();
        assert_eq!(world.runs("rot-sub", &[]), "deep 1\n");
    });
    steps.finish();
}
