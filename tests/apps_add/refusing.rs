//! Bad input: each a clear word with what to do, and nothing changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::daemon_support::{Steps, is_root, skip};
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
        world.publish(&odd("odd = 1"));
        world.refuses(&["add", "./repos/Odd"], "Project.toml:6: the app odd: it is no table");
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
    steps.step("a record that cannot be read, a depot that cannot be written to", || {
        let path = world.path("depot/environments/apps/AppManifest.toml");
        let good = fs::read(&path).unwrap();
        fs::write(&path, "[[deps.Rot]\n").unwrap();
        world.refuses(&["add", "Rot"], "AppManifest.toml:1: ");
        world.refuses(&["update"], "AppManifest.toml:1: ");
        fs::write(&path, good).unwrap();
        let folder = world.path("depot/environments/apps");
        if is_root() {
            skip("a depot that cannot be written to", "root may write everywhere");
            return;
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
        world.refuses(&["add", "Rot"], "cannot make");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    });
    steps.step("a registry that is broken", || {
        let path = world.path("depot/registries/Test/Registry.toml");
        let good = fs::read(&path).unwrap();
        fs::write(&path, "name = \n").unwrap();
        world.refuses(&["add", "Rot"], "nothing was changed");
        fs::write(&path, good).unwrap();
    });
    steps.finish();
}
