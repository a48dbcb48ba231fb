//! Where packages come from: registries, URLs, folders.

use std::collections::BTreeMap;
use std::fs;

use crate::daemon_support::{Steps, depots, julia};
use crate::world::{DEP, Package, ROT, World, dep, rot};

#[test]
fn from_a_registry_a_url_and_a_folder() {
    let world = World::new("add");
    world.register(&dep("1.0.0"));
    let tree = world.register(&rot("0.1.0"));
    let mut steps = Steps::default();
    steps.step("a registered name", || {
        let said = world.does(&["add", "Rot"]);
        assert_eq!(said.out, "Rot 0.1.0 is added\n  rot\n  rot-sub\n");
        assert_eq!(world.runs("rot", &["a b"]), "rot 0.1.0 with dep 1.0.0 [\"a b\"]\n");
        assert_eq!(world.runs("rot-sub", &[]), "deep 1\n");
        let julia = julia().display();
        let expected = format!(
            "# This file is machine-generated - editing it directly is not advised\n\nmanifest_format = \"2.0\"\n\n[[deps.Rot]]\n\
             git-tree-sha1 = \"{tree}\"\nuuid = \"{ROT}\"\nversion = \"0.1.0\"\n\n[deps.Rot.apps.rot]\n\
             julia_command = \"{julia}\"\n\n[deps.Rot.apps.rot-sub]\njulia_command = \"{julia}\"\njulia_flags = [\"-O1\"]\n\
             submodule = \"Sub.Deep\"\n"
        );
        assert_eq!(world.record(), expected);
    });
    steps.step("Pkg's work in workers, and nowhere else", || {
        // With the flags of no app: one worker does it all.
        world.publish(&Package {
            name: "Solo",
            uuid: "7a0c1d0e-0000-4000-8000-000000000021",
            version: "1.0.0",
            apps: "solo = {}",
            body: "main(args) = println(\"solo\")".into(),
            ..Package::default()
        });
        let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), &["add", "./repos/Solo"]);
        let output = command.env("JULIA_DAEMON", "require").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(world.runs("solo", &[]), "solo\n");
    });
    steps.step("a newer version, when it is added again", || {
        world.register(&dep("1.1.0"));
        let newer = Package { apps: "rot = {}\nrot-new = {}", ..rot("0.2.0") };
        world.register(&newer);
        let said = world.does(&["add", "Rot"]);
        assert_eq!(said.out, "Rot 0.2.0 is added\n  rot\n  rot-new\n");
        assert_eq!(world.runs("rot-new", &[]), "rot 0.2.0 with dep 1.1.0 String[]\n");
        assert!(!world.path("depot/bin/rot-sub").exists());
        // As asked for, by version, by name and UUID, by UUID alone.
        assert_eq!(world.does(&["add", "Rot@0.1"]).out, "Rot 0.1.0 is added\n  rot\n  rot-sub\n");
        world.does(&["add", &format!("Rot={ROT}@0.2.0")]);
        world.does(&["add", ROT]);
        assert_eq!(world.runs("rot", &[]), "rot 0.2.0 with dep 1.1.0 String[]\n");
        world.does(&["rm", "Rot"]);
        assert!(!world.path("depot/environments/apps/Rot").exists());
    });
    steps.step("a repository, by its path and its URL", || {
        let folder = world.path("repos/Rot");
        let tree = world.git("repos/Rot", &["rev-parse", "HEAD^{tree}"]);
        let short = &tree[..7];
        let expected = format!("Rot 0.2.0 ({short}) is added\n  rot\n  rot-new\n");
        assert_eq!(world.does(&["add", "./repos/Rot"]).out, expected);
        let recorded = format!("repo-rev = \"main\"\nrepo-url = \"{}\"\n", folder.display());
        assert!(world.record().contains(&recorded), "{}", world.record());
        assert_eq!(world.runs("rot", &["x"]), "rot 0.2.0 with dep 1.1.0 [\"x\"]\n");
        // What is not committed does not come.
        let first = world.git("repos/Rot", &["rev-list", "--max-parents=0", "HEAD"]);
        let url = format!("file://{}", folder.display());
        world.does(&["add", &format!("{url}#{first}")]);
        assert!(
            world.record().contains(&format!("repo-rev = \"{first}\"\nrepo-url = \"{url}\"\n")),
            "{}",
            world.record()
        );
        assert_eq!(world.runs("rot-sub", &[]), "deep 1\n");
        world.does(&["add", "--rev", "main", &url]);
        assert_eq!(world.runs("rot-new", &[]), "rot 0.2.0 with dep 1.1.0 String[]\n");
    });
    steps.finish();
}

/// A package in a folder of its repository, with a sibling that no registry knows, or with a manifest of its own.
#[test]
fn where_the_package_says_its_dependencies_are() {
    let world = World::new("sources");
    world.register(&dep("1.0.0"));
    const SIDE: &str = "7a0c1d0e-0000-4000-8000-000000000002";
    let side =
        Package { name: "Side", uuid: SIDE, version: "0.3.0", body: "word() = \"side\"".into(), ..Package::default() };
    let main = Package {
        name: "Main1",
        uuid: "7a0c1d0e-0000-4000-8000-000000000003",
        version: "0.1.0",
        apps: "main1 = {}",
        deps: vec![("Side", SIDE), ("Dep", DEP)],
        tables: "\n[sources]\nSide = { path = \"../Side\" }\n".into(),
        body: "import Side, Dep\nmain(args) = println(Side.word(), \" \", Dep.word())".into(),
        ..Package::default()
    };
    let mut steps = Steps::default();
    steps.step("a relative source in the package, which moves with the depot", || {
        fs::create_dir_all(world.path("repos/Mono")).unwrap();
        // Only what is in the package's own tree comes along.
        let inner = Package { tables: main.tables.replace("../Side", "lib/Side"), ..main.clone() };
        inner.write(&world.path("repos/Mono/app"));
        side.write(&world.path("repos/Mono/app/lib/Side"));
        world.git("repos/Mono", &["init", "-q", "-b", "main"]);
        world.commit("repos/Mono");
        world.does(&["add", "--subdir", "app", "./repos/Mono"]);
        assert_eq!(world.runs("main1", &[]), "side dep 1.0.0\n");
        assert!(world.record().contains("repo-subdir = \"app\""), "{}", world.record());
        assert!(world.does(&["update"]).out.contains("Main1 is up to date"));
        fs::rename(world.path("depot"), world.path("moved")).unwrap();
        let mut command = world.command(world.path("moved/bin/main1"), &[]);
        let output = command.env("JULIA_DEPOT_PATH", depots(&world.path("moved"))).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "side dep 1.0.0\n", "{output:?}");
        fs::rename(world.path("moved"), world.path("depot")).unwrap();
    });
    steps.step("its own manifest", || {
        let old = world.git("repos/Dep", &["rev-parse", "HEAD^{tree}"]);
        world.register(&dep("1.1.0"));
        let manifest = format!("[[Dep]]\ngit-tree-sha1 = \"{old}\"\nuuid = \"{DEP}\"\nversion = \"1.0.0\"\n");
        let files = BTreeMap::from([("Manifest.toml".to_owned(), manifest)]);
        world.publish(&Package { files, ..rot("0.1.0") });
        world.does(&["add", "./repos/Rot"]);
        assert_eq!(world.runs("rot", &[]), "rot 0.1.0 with dep 1.1.0 String[]\n");
        world.does(&["add", "--bundle-manifest", "./repos/Rot"]);
        assert_eq!(world.runs("rot", &[]), "rot 0.1.0 with dep 1.0.0 String[]\n");
        // An update keeps to that; and the package itself may say so.
        world.publish(&rot("0.1.1"));
        world.does(&["update", "rot"]);
        assert_eq!(world.runs("rot", &[]), "rot 0.1.1 with dep 1.0.0 String[]\n");
        world.does(&["rm", "Rot"]);
        world.publish(&Package { head: "bundle_manifest = true\n", ..rot("0.1.2") });
        world.does(&["add", "./repos/Rot"]);
        assert_eq!(world.runs("rot", &[]), "rot 0.1.2 with dep 1.0.0 String[]\n");
        world.does(&["rm", "Rot", "Main1"]);
        world.refuses(
            &["add", "--bundle-manifest", "--subdir", "app", "./repos/Mono"],
            "has no Manifest.toml of its own",
        );
    });
    steps.finish();
}
