//! Where packages come from: registries, URLs, folders.

use crate::daemon_support::{Steps, julia};
use crate::world::{Package, World};

const DEP: &str = "7a0c1d0e-0000-4000-8000-000000000001";
const ROT: &str = "43ef800a-eac4-47f4-949b-25107b932e8f";

fn dep(version: &'static str) -> Package {
    Package { name: "Dep", uuid: DEP, version, body: format!("word() = \"dep {version}\""), ..Package::default() }
}

fn rot(version: &'static str) -> Package {
    Package {
        name: "Rot",
        uuid: ROT,
        version,
        apps: "rot = {}\nrot-sub = { submodule = \"Sub.Deep\", julia_flags = [\"-O1\"] }",
        deps: vec![("Dep", DEP)],
        body: format!(
            "import Dep\nmain(args) = println(\"rot {version} with \", Dep.word(), \" \", args)\n\
             module Sub\nmodule Deep\nmain(args) = println(\"deep \", Base.JLOptions().opt_level)\nend\nend"
        ),
        ..Package::default()
    }
}

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
        assert!(world.record().contains(&format!("repo-rev = \"{first}\"\nrepo-url = \"{url}\"\n")), "{}", world.record());
        assert_eq!(world.runs("rot-sub", &[]), "deep 1\n");
        world.does(&["add", "--rev", "main", &url]);
        assert_eq!(world.runs("rot-new", &[]), "rot 0.2.0 with dep 1.1.0 String[]\n");
    });
    steps.finish();
}
