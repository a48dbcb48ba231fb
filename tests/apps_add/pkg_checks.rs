//! What Pkg's own tests of apps check (test/apps.jl of Pkg of Julia 1.13), by the commands of `jlapp`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::daemon_support::{Steps, depots};
use crate::world::{Package, Said, World};

const UUID: &str = "7a0c1d0e-0000-4000-8000-000000000062";

/// The package of those tests: apps by `main`, by a submodule, by a nested one, and with flags.
fn rot13() -> Package {
    let body = r#"
rot(letter) = islowercase(letter) ? 'a' + (letter - 'a' + 13) % 26 : letter
main(args) = (foreach(word -> println(map(rot, word)), args); 0)
module CLI
import ..rot
main(args) = (foreach(word -> println("CLI: ", map(rot, word)), args); 0)
module Nested
import ...rot
main(args) = (foreach(word -> println("Nested: ", map(rot, word)), args); 0)
end
end
module FlagsDemo
main(args) = println(Threads.nthreads(), " ", Base.JLOptions().opt_level, " ", args)
end"#;
    Package {
        name: "Rot13",
        uuid: UUID,
        version: "0.1.0",
        apps: "juliarot13 = {}\njuliarot13cli = { submodule = \"CLI\" }\njuliarot13nested = { submodule = \"CLI.Nested\" }\n\
               juliarot13flags = { submodule = \"FlagsDemo\", julia_flags = [\"--threads=2\", \"--optimize=3\"] }",
        body: body.into(),
        ..Package::default()
    }
}

const APPS: [&str; 4] = ["juliarot13", "juliarot13cli", "juliarot13flags", "juliarot13nested"];

/// An app that is found on `PATH`, as a shell finds it.
fn on_path(world: &World, line: &str) -> Command {
    let mut command = world.command("/bin/sh", &["-c", line]);
    let path = std::env::join_paths([world.path("depot/bin"), "/usr/bin".into(), "/bin".into()]).unwrap();
    command.env("PATH", path);
    command
}

#[track_caller]
fn prints(world: &World, line: &str, expected: &str) {
    let said = Said::from(on_path(world, line).output().unwrap());
    assert_eq!((said.out.as_str(), said.status), (expected, Some(0)), "{line}: {}", said.err);
}

fn all_run(world: &World) {
    for app in APPS {
        prints(world, &format!("command -v {app}"), &format!("{}\n", world.path("depot/bin").join(app).display()));
    }
    prints(world, "juliarot13 test", "grfg\n");
    prints(world, "juliarot13cli test", "CLI: grfg\n");
    prints(world, "juliarot13nested test", "Nested: grfg\n");
    prints(world, "juliarot13flags x", "2 3 [\"x\"]\n");
    // Not more than this machine may have, which Julia 1.5 would make fewer of.
    prints(world, "juliarot13flags --threads=1 -- x", "1 3 [\"x\"]\n");
}

fn shims(world: &World) -> Vec<PathBuf> {
    fs::read_dir(world.path("depot/bin")).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[test]
fn as_pkg_has_it() {
    let world = World::new("pkg-checks");
    rot13().write(&world.path("checkout/Rot13"));
    let environment = world.path("depot/environments/apps/Rot13");
    let mut steps = Steps::default();
    steps.step("developed by a path, a dot and a relative path", || {
        let absolute = world.path("checkout/Rot13").display().to_string();
        world.does(&["dev", &absolute]);
        all_run(&world);
        world.does(&["rm", "Rot13"]);
        let mut dot = world.command(env!("CARGO_BIN_EXE_jlapp"), &["dev", "."]);
        assert!(dot.current_dir(world.path("checkout/Rot13")).output().unwrap().status.success());
        prints(&world, "juliarot13 test", "grfg\n");
        world.does(&["dev", "./checkout/Rot13"]);
        prints(&world, "juliarot13 test", "grfg\n");
        assert!(!environment.exists(), "a checkout is its own environment");
        let path = format!("path = \"{absolute}\"");
        assert!(world.record().contains(&path), "{}", world.record());
    });
    steps.step("an edit is seen at once", || {
        let file = world.path("checkout/Rot13/src/Rot13.jl");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("CLI: ", "Edited: ")).unwrap();
        prints(&world, "juliarot13cli test", "Edited: grfg\n");
        fs::write(&file, text).unwrap();
    });
    steps.step("arguments as they are, with another Julia", || {
        let mock = world.place.write_program("mock", "for word; do printf '<%s>' \"$word\"; done; echo");
        let runs = |line: &str| {
            let mut command = on_path(&world, line);
            let output = command.env("JULIA_APPS_JULIA_CMD", &mock).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let said = runs("juliarot13 'a b' '' '*'");
        assert!(said.starts_with("<--startup-file=no>") && said.ends_with("<--><a b><><*>\n"), "{said}");
        let said = runs("juliarot13flags '--project=a b' -- x -- y");
        assert!(said.contains("<--threads=2><--optimize=3><--project=a b>"), "{said}");
        assert!(said.ends_with("<--><x><--><y>\n"), "only the first parts them: {said}");
    });
    steps.step("removed: the package with every shim, or app by app", || {
        assert_eq!(shims(&world).len(), 4);
        world.does(&["rm", "Rot13"]);
        assert_eq!(shims(&world), Vec::<PathBuf>::new());
        world.does(&["dev", "./checkout/Rot13"]);
        for app in APPS {
            world.does(&["rm", app]);
        }
        assert_eq!(shims(&world), Vec::<PathBuf>::new());
        assert!(!world.record().contains("Rot13"), "{}", world.record());
        world.refuses(&["rm", "Rot13"], "there is no package or app Rot13");
        for words in [&["add"][..], &["dev"]] {
            let said = world.jlapp(words);
            assert!(said.status == Some(2) && said.err.contains("required"), "{}", said.err);
        }
    });
    steps.step("added from a repository, in the same way", || {
        world.publish(&rot13());
        world.does(&["add", "./repos/Rot13"]);
        all_run(&world);
        assert!(environment.join("Manifest.toml").exists());
    });
    steps.step("a copy of the depot's folders for apps runs", || {
        for folder in ["bin", "environments", "packages"] {
            fs::create_dir_all(world.path("copy")).unwrap();
            let to = world.path("copy").join(folder);
            let done = Command::new("cp").arg("-a").args([world.path("depot").join(folder), to]).status().unwrap();
            assert!(done.success());
        }
        fs::rename(world.path("depot"), world.path("away")).unwrap();
        let copied = |program: PathBuf, words: &[&str]| {
            let mut command = world.command(program, words);
            let said = Said::from(command.env("JULIA_DEPOT_PATH", depots(&world.path("copy"))).output().unwrap());
            assert_eq!(said.out, "grfg\n", "{}", said.err);
        };
        copied(world.path("copy/bin/juliarot13"), &["test"]);
        copied(env!("CARGO_BIN_EXE_jlapp").into(), &["launch", "juliarot13", "test"]);
        fs::rename(world.path("away"), world.path("depot")).unwrap();
    });
    steps.step("an update takes the new commit, and what is gone goes", || {
        world.publish(&Package { version: "0.2.0", apps: "juliarot13 = {}\nrotten = {}", ..rot13() });
        let said = world.does(&["update", "juliarot13cli"]);
        assert!(said.out.contains("app juliarot13cli goes") && said.out.contains("app rotten comes"), "{}", said.out);
        prints(&world, "rotten test", "grfg\n");
        assert_eq!(shims(&world).len(), 2);
        world.refuses(&["update", "juliarot13cli"], "there is no package or app juliarot13cli");
    });
    steps.step("developed after it was added", || {
        world.does(&["dev", "./checkout/Rot13"]);
        all_run(&world);
        assert!(!environment.exists(), "what it was added with is gone");
        assert!(!world.path("depot/bin/rotten").exists());
    });
    steps.finish();
}

const EXTRA: &str = "7a0c1d0e-0000-4000-8000-000000000061";

fn extra() -> Package {
    Package { name: "Extra", uuid: EXTRA, version: "1.0.0", body: "word() = \"extra\"".into(), ..Package::default() }
}

/// Dependencies of a checkout are there after `dev`: in its own manifest, as Pkg has it.
#[test]
fn dependencies_of_a_checkout() {
    let world = World::new("dev-deps");
    world.register(&crate::world::dep("1.0.0"));
    crate::world::rot("0.1.0").write(&world.path("Rot"));
    world.does(&["dev", "./Rot"]);
    assert!(world.path("Rot/Manifest.toml").exists());
    assert_eq!(world.runs("rot", &["x"]), "rot 0.1.0 with dep 1.0.0 [\"x\"]\n");
    // One more that is written into it later: an update, or `dev` again, gets that.
    world.register(&extra());
    let more = crate::world::rot("0.1.0");
    let deps = [more.deps.clone(), vec![("Extra", EXTRA)]].concat();
    let body = more.body.replace("import Dep\n", "import Dep, Extra\n").replace("\"rot ", "Extra.word(), \" ");
    Package { deps, body, ..more }.write(&world.path("Rot"));
    let said = world.jlapp(&["launch", "rot"]);
    assert!(said.status == Some(1) && said.err.contains("Extra"), "{}", said.err);
    let project = fs::read(world.path("Rot/Project.toml")).unwrap();
    world.does(&["update", "rot"]);
    assert_eq!(fs::read(world.path("Rot/Project.toml")).unwrap(), project, "it is the user's");
    assert_eq!(world.runs("rot", &["x"]), "extra 0.1.0 with dep 1.0.0 [\"x\"]\n");
    world.does(&["dev", "./Rot"]);
    // A checkout that has gone stays recorded, and the others are updated all the same.
    fs::rename(world.path("Rot"), world.path("Elsewhere")).unwrap();
    world.publish(&rot13());
    world.does(&["add", "./repos/Rot13"]);
    world.publish(&Package { version: "0.2.0", ..rot13() });
    let said = world.jlapp(&["update"]);
    assert!(
        said.status == Some(1) && said.err.contains("could not be updated, and stays as it is: Rot\n"),
        "{}",
        said.err
    );
    assert!(said.out.contains("Rot13 is updated\n"), "{}", said.out);
    let gone = format!("its folder {} is gone", world.path("Rot").display());
    assert!(world.does(&["status", "Rot"]).out.contains(&gone));
    let said = world.jlapp(&["launch", "rot"]);
    assert!(said.status == Some(1) && said.err.contains(&gone), "{}", said.err);
    fs::rename(world.path("Elsewhere"), world.path("Rot")).unwrap();
    world.does(&["rm", "Rot"]);
    assert!(world.path("Rot/src/Rot.jl").exists() && world.path("Rot/Manifest.toml").exists(), "it is the user's");
}
