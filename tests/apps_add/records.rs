//! Records as Pkg of several versions writes them: read, changed in one place, and everything else left as it was.

use std::fs;
use std::process::Command;

use crate::daemon_support::{depots, julia, skip};
use crate::world::{Package, World};

const HEAD: &str = "# This file is machine-generated - editing it directly is not advised\n\n";

/// Julia 1.12.2: format 2.0.
const V1_12_2: &str = r#"manifest_format = "2.0"

[[deps.Aside]]
path = "/nowhere/Aside"
uuid = "43ef800a-eac4-47f4-949b-25107b932e80"

    [deps.Aside.apps.aside]
    julia_command = "/abs/julia/bin/julia"

[[deps.Rot13]]
entryfile = "/nowhere/packages/Rot13/abcde/src/Rot13.jl"
git-tree-sha1 = "0123456789012345678901234567890123456789"
repo-rev = "main"
repo-url = "https://example.org/Rot13.jl"
uuid = "43ef800a-eac4-47f4-949b-25107b932e8f"
version = "0.1.0"

    [deps.Rot13.apps.juliarot13]
    julia_command = "/abs/julia/bin/julia"

    [deps.Rot13.apps.juliarot13flags]
    julia_command = "/abs/julia/bin/julia"
    julia_flags = ["--threads=2", "--optimize=3"]
    submodule = "FlagsDemo"
"#;

/// Julia 1.12.6: a package that was added has the path of its environment, as seen from there.
const V1_12_6: &str = r#"manifest_format = "2.0"

[[deps.Aside]]
path = "/nowhere/Aside"
uuid = "43ef800a-eac4-47f4-949b-25107b932e80"

    [deps.Aside.apps.aside]
    julia_command = "/abs/julia/bin/julia"

[[deps.Rot13]]
deps = ["TOML"]
path = "."
uuid = "43ef800a-eac4-47f4-949b-25107b932e8f"
version = "0.1.0"
weakdeps = ["Dates"]

    [deps.Rot13.apps.juliarot13]
    julia_command = "/abs/julia/bin/julia"

    [deps.Rot13.apps.juliarot13flags]
    julia_command = "/abs/julia/bin/julia"
    julia_flags = ["--threads=2", "--optimize=3"]
    submodule = "FlagsDemo"

    [deps.Rot13.extensions]
    DatesExt = "Dates"
"#;

/// Julia 1.13: format 2.1, with registries and syntax versions.
const V1_13: &str = r#"manifest_format = "2.1"

[[deps.Aside]]
path = "/nowhere/Aside"
uuid = "43ef800a-eac4-47f4-949b-25107b932e80"

    [deps.Aside.apps.aside]
    julia_command = "/abs/julia/bin/julia"

    [deps.Aside.syntax]
    julia_version = "1.13.0"

[[deps.Rot13]]
entryfile = "packages/Rot13/abcde/src/Rot13.jl"
git-tree-sha1 = "0123456789012345678901234567890123456789"
registries = "General"
uuid = "43ef800a-eac4-47f4-949b-25107b932e8f"
version = "0.1.0"

    [deps.Rot13.apps.juliarot13]
    julia_command = "/abs/julia/bin/julia"

    [deps.Rot13.apps.juliarot13flags]
    julia_command = "/abs/julia/bin/julia"
    julia_flags = ["--threads=2", "--optimize=3"]
    submodule = "Flags.Demo"

    [deps.Rot13.syntax]
    julia_version = "1.13.0"

[registries.General]
url = "https://github.com/JuliaRegistries/General.git"
uuid = "23338594-aafe-5451-b93e-139f81909106"
"#;

fn with_record(name: &str, text: &str) -> World {
    let world = World::new(name);
    fs::create_dir_all(world.path("depot/environments/apps/Rot13")).unwrap();
    fs::write(world.path("depot/environments/apps/AppManifest.toml"), format!("{HEAD}{text}")).unwrap();
    let bin = world.path("depot/bin");
    fs::create_dir_all(&bin).unwrap();
    for app in ["aside", "juliarot13", "juliarot13flags"] {
        fs::write(bin.join(app), "#!/bin/sh\nset -eu\nexec \"${JULIA_APPS_JULIA_CMD:-/abs}\" -m Rot13 \"$@\"\n")
            .unwrap();
    }
    let own = Package {
        name: "Mine",
        uuid: "7a0c1d0e-0000-4000-8000-000000000041",
        version: "1.0.0",
        apps: "mine = {}",
        body: "main(args) = println(\"mine\")".into(),
        ..Package::default()
    };
    own.write(&world.path("Mine"));
    world
}

/// The record without a part that must be there once.
fn without(text: &str, part: &str) -> String {
    assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
    text.replacen(part, "", 1)
}

fn round_trip(name: &str, text: &str) {
    let world = with_record(name, text);
    let original = world.record();
    // What every change of ours repairs.
    let sound = original.replace("path = \".\"\n", "");
    let said = world.does(&["status"]).out;
    for line in ["Aside", "  aside", "Rot13 0.1.0", "  juliarot13", "  juliarot13flags"] {
        assert!(said.lines().any(|found| found.starts_with(line)), "{line}: {said}");
    }
    assert_eq!(world.record(), original, "reading changes nothing");
    world.does(&["pin", "juliarot13"]);
    assert_eq!(without(&world.record(), "pinned = true\n"), sound);
    world.does(&["unpin", "Rot13"]);
    assert_eq!(world.record(), sound);
    world.does(&["dev", "./Mine"]);
    let mine = format!(
        "[[deps.Mine]]\npath = \"{}\"\nuuid = \"7a0c1d0e-0000-4000-8000-000000000041\"\nversion = \"1.0.0\"\n\n\
         [deps.Mine.apps.mine]\njulia_command = \"{}\"\n\n",
        world.path("Mine").display(),
        julia().display()
    );
    assert_eq!(without(&world.record(), &mine), sound);
    assert_pkg_reads_it(&world, &original);
    world.does(&["rm", "Mine"]);
    assert_eq!(world.record(), sound);
    world.does(&["rm", "juliarot13"]);
    let app = "    [deps.Rot13.apps.juliarot13]\n    julia_command = \"/abs/julia/bin/julia\"\n\n";
    assert_eq!(world.record(), without(&sound, app));
    assert!(!world.path("depot/bin/juliarot13").exists() && world.path("depot/bin/juliarot13flags").exists());
    world.does(&["rm", "juliarot13flags", "aside"]);
    let left = world.record();
    assert!(!left.contains("deps.") && left.starts_with(&sound[..sound.find("\n[[").unwrap()]), "{left}");
    assert_eq!(left.contains("registries.General"), text.contains("registries.General"));
    assert!(!world.path("depot/environments/apps/Rot13").exists());
    assert_eq!(fs::read_dir(world.path("depot/bin")).unwrap().count(), 0);
}

/// `Pkg.Apps` lists what we have written, where it can read what Pkg itself has written: that of 1.12.5 cannot read all of it.
fn assert_pkg_reads_it(world: &World, original: &str) {
    let (said, success) = pkg_status(world);
    if said.contains("no Apps") {
        return skip("Pkg.Apps reads what jlapp has written", "this Julia's Pkg has no apps");
    }
    if !success && !reads(world, original) {
        return skip("Pkg.Apps reads what jlapp has written", "this Julia's Pkg cannot read what Pkg itself wrote");
    }
    assert!(success, "{said}");
    for name in ["Aside", "aside", "Rot13", "juliarot13flags", "Mine", "mine"] {
        assert!(said.contains(name), "{name}: {said}");
    }
}

/// What Pkg says of the apps, and whether it succeeds.
fn pkg_status(world: &World) -> (String, bool) {
    let program = "using Pkg; isdefined(Pkg, :Apps) ? Pkg.Apps.status() : println(\"no Apps\")";
    let output = Command::new(julia())
        .args(["--startup-file=no", "-e", program])
        .env_clear()
        .env("HOME", world.path("home"))
        .env("JULIA_DEPOT_PATH", depots(&world.path("depot")))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (said, output.status.success())
}

/// Whether Pkg can read this record.
fn reads(world: &World, text: &str) -> bool {
    let (record, ours) = (world.path("depot/environments/apps/AppManifest.toml"), world.record());
    fs::write(&record, text).unwrap();
    let success = pkg_status(world).1;
    fs::write(&record, ours).unwrap();
    success
}

#[test]
fn of_julia_1_12_2() {
    round_trip("record-1-12-2", V1_12_2);
}

#[test]
fn of_julia_1_12_6() {
    round_trip("record-1-12-6", V1_12_6);
}

#[test]
fn of_julia_1_13() {
    round_trip("record-1-13", V1_13);
}
