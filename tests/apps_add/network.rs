//! What comes from elsewhere and does not, or is not what it should be: Pkg's own word, what to do, and nothing changed.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::daemon_support::{Steps, skip};
use crate::served::{archive, publish, serve};
use crate::world::{DEP, ROT, Said, TOOL, World, dep, jll, rot, tree};

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A world from which no road leads to the public registry.
fn secluded(name: &str) -> World {
    let world = World::new(name);
    let config = format!("[url \"{}/\"]\n\tinsteadOf = https://\n", nobody());
    fs::write(world.path("home/.gitconfig"), config).unwrap();
    world
}

fn refuses(world: &World, command: &mut Command, texts: &[&str]) {
    let before = world.everything();
    let said = Said::from(command.output().unwrap());
    assert_eq!((said.out.as_str(), said.status), ("", Some(1)), "{}", said.err);
    for text in texts {
        assert!(said.err.contains(text), "no {text}: {}", said.err);
    }
    assert!(world.everything() == before, "something was changed: {}", said.err);
}

#[test]
fn nothing_answers() {
    let world = secluded("no-network");
    world.register(&dep("1.0.0"));
    world.register(&rot("0.1.0"));
    let jlapp = |words: &[&str]| world.command(env!("CARGO_BIN_EXE_jlapp"), words);
    let mut steps = Steps::default();
    steps.step("a repository and a registry that cannot be reached", || {
        let url = format!("{}/Rot.jl", nobody());
        let texts = [url.as_str(), "nothing was changed"];
        refuses(&world, &mut jlapp(&["add", &url]), &texts);
        refuses(&world, &mut jlapp(&["dev", &url]), &texts);
        refuses(&world, &mut jlapp(&["run", "--from", &url, "rot"]), &texts);
        refuses(&world, &mut jlapp(&["add", "--registry", &url, "Rot"]), &texts);
    });
    steps.step("a Pkg server that cannot be reached: what is there already serves", || {
        fs::rename(world.path("repos"), world.path("gone")).unwrap();
        let mut command = jlapp(&["add", "Rot"]);
        refuses(&world, command.env("JULIA_PKG_SERVER", nobody()), &["nothing was changed"]);
        fs::rename(world.path("gone"), world.path("repos")).unwrap();
        world.does(&["add", "Rot"]);
    });
    steps.step("versions that exclude each other, in Pkg's words", || {
        fs::write(world.path("registry/Rot/Compat.toml"), "[\"0.2\"]\nDep = \"2\"\n").unwrap();
        world.register(&rot("0.2.0"));
        refuses(
            &world,
            &mut jlapp(&["add", "Rot@0.2"]),
            &["Unsatisfiable requirements detected for package", "Dep", "nothing was changed"],
        );
        assert_eq!(world.runs("rot", &[]), "rot 0.1.0 with dep 1.0.0 String[]\n");
    });
    steps.step("a registry that is broken", || {
        let path = world.path("depot/registries/Test/Registry.toml");
        let good = fs::read(&path).unwrap();
        fs::write(&path, "name = \n").unwrap();
        refuses(
            &world,
            &mut jlapp(&["add", "Rot"]),
            &["Registry.toml:1: ", "this registry is broken: remove it", "nothing was changed"],
        );
        fs::write(&path, good).unwrap();
        fs::remove_dir_all(world.path("registry")).unwrap();
        let said = world.does(&["add", "Rot@0.1"]);
        assert!(said.err.contains("Rot"), "what was fetched before serves: {}", said.err);
    });
    steps.step("no registry at all", || {
        fs::remove_dir_all(world.path("depot/registries")).unwrap();
        let texts = ["there is no registry in any depot", "`jlapp add --registry`", "nothing was changed"];
        refuses(&world, &mut jlapp(&["add", "Rot"]), &texts);
        world.does(&["rm", "Rot"]);
    });
    fs::remove_file(world.path("home/.gitconfig")).unwrap();
    steps.finish();
}

#[test]
fn not_what_it_should_be() {
    let world = secluded("bad-archives");
    let trees = [(DEP, "Dep", world.register(&dep("1.0.0"))), (ROT, "Rot", world.register(&rot("0.1.0")))];
    let tool = world.register(&jll("1.0.0+0"));
    for (uuid, name, tree) in &trees {
        archive(&world, &format!("repos/{name}"), tree, &format!("served/package/{uuid}/{tree}"));
    }
    archive(&world, "repos/Tool_jll", &tool, &format!("served/package/{TOOL}/{tool}"));
    // Another tree under this one's name: of a package, and of an artifact.
    archive(&world, "repos/Dep", &trees[0].2, &format!("served/package/{ROT}/{}", trees[1].2));
    archive(&world, "repos/Dep", &trees[0].2, &format!("served/artifact/{}", tree("1.0.0+0")));
    publish(&world);
    fs::rename(world.path("repos"), world.path("no-repos")).unwrap();
    let (url, _) = serve(world.path("served"));
    let jlapp = |words: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), words);
        command.env("JULIA_PKG_SERVER", &url);
        command
    };
    let mut steps = Steps::default();
    steps.step("a package's archive", || {
        refuses(&world, &mut jlapp(&["add", "Rot"]), &["Rot", "nothing was changed"]);
        let packages = world.path("depot/packages/Rot");
        assert_eq!(fs::read_dir(packages).into_iter().flatten().count(), 0, "it was kept");
    });
    steps.step("an artifact", || {
        refuses(&world, &mut jlapp(&["add", "Tool_jll"]), &["it was not what it should be", "nothing was changed"]);
        assert!(!world.path("depot/artifacts").join(tree("1.0.0+0")).exists(), "it was kept");
        assert!(!world.path("depot/bin/tool").exists());
    });
    fs::remove_file(world.path("home/.gitconfig")).unwrap();
    steps.finish();
}

/// In a mount namespace of its own (`user_namespaces(7)`), since root may write wherever a file system can be written to.
#[test]
fn a_depot_that_cannot_be_written_to() {
    let world = World::new("read-only");
    world.publish(&rot("0.1.0"));
    let depot = world.path("depot").display().to_string();
    let read_only = |words: &[&str]| {
        let mount =
            format!("set -e; mount --bind '{depot}' '{depot}'; mount -o remount,ro,bind '{depot}'; exec \"$@\"");
        let head = ["--map-root-user", "--mount", "sh", "-c", &mount, "sh", env!("CARGO_BIN_EXE_jlapp")];
        world.command("unshare", &[&head, words].concat())
    };
    match read_only(&["status"]).output() {
        Ok(output) if output.status.success() => {}
        refused => {
            return skip("a depot that cannot be written to", &format!("nothing can be mounted here: {refused:?}"));
        }
    }
    let next = "apps lie in the first depot; set JULIA_DEPOT_PATH to a folder that you can write to";
    for words in [&["add", "./repos/Rot"][..], &["dev", "./repos/Rot"], &["run", "--from", "./repos/Rot", "rot"]] {
        refuses(&world, &mut read_only(words), &["Read-only file system", next]);
    }
    fs::create_dir_all(world.path("depot/environments/apps")).unwrap();
    for words in [&["add", "./repos/Rot"][..], &["update"], &["shims"]] {
        refuses(&world, &mut read_only(words), &["Read-only file system", next]);
    }
}
