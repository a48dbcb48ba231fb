//! Julia keeps ten precompile files of a package: those of an app are not lost to others.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::daemon_support::{Steps, julia};
use crate::tested;
use crate::world::{DEP, World, dep, rot};

/// As Julia has it (`MAX_NUM_PRECOMPILE_FILES`, base/loading.jl).
const KEPT_BY_JULIA: usize = 10;

/// Precompile files of a package in a depot, by their numbers on the file system, with the times of their last change.
fn files(depot: &Path, package: &str) -> BTreeMap<u64, (PathBuf, i64)> {
    let versions = fs::read_dir(depot.join("compiled")).into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join(package));
    let entries = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let files = entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "ji"));
    files
        .map(|entry| {
            let found = entry.metadata().unwrap();
            (found.ino(), (entry.path(), found.mtime()))
        })
        .collect()
}

/// Another environment, with a version of Dep of its own; plain Julia loads that.
fn use_elsewhere(world: &World, number: usize) {
    let folder = world.path(&format!("other/{number}"));
    dep("9.9.9").write(&folder.join("Dep"));
    fs::write(folder.join("Project.toml"), format!("[deps]\nDep = \"{DEP}\"\n")).unwrap();
    let manifest = if format_2() {
        format!("manifest_format = \"2.0\"\n\n[[deps.Dep]]\npath = \"Dep\"\nuuid = \"{DEP}\"\nversion = \"9.9.9\"\n")
    } else {
        format!("[[Dep]]\npath = \"Dep\"\nuuid = \"{DEP}\"\nversion = \"9.9.9\"\n")
    };
    fs::write(folder.join("Manifest.toml"), manifest).unwrap();
    let project = format!("--project={}", folder.display());
    let mut command = world.command(julia(), &["--startup-file=no", &project, "-e", "using Dep; print(Dep.word())"]);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "dep 9.9.9", "{output:?}");
}

/// Julia reads manifests of the second format from 1.6.2 on.
fn format_2() -> bool {
    tested::version() >= (1, 6)
}

#[test]
fn an_apps_files_stay() {
    let world = World::new("precompiled");
    world.register(&dep("1.0.0"));
    world.register(&rot("0.1.0"));
    world.does(&["add", "Rot"]);
    let depot = world.path("depot");
    let own = world.path("depot/environments/jlapp/Rot/_precompiled");
    let kept = files(&own, "Dep");
    let mut steps = Steps::default();
    steps.step("they have another name", || {
        let shared = files(&depot, "Dep");
        assert!(!kept.is_empty() && kept.keys().all(|file| shared.contains_key(file)), "{kept:?} {shared:?}");
        assert!(!files(&own, "Rot").is_empty());
    });
    steps.step("others throw them out, and the app has them still", || {
        (0..=KEPT_BY_JULIA).for_each(|number| use_elsewhere(&world, number));
        let before = files(&depot, "Dep");
        assert!(kept.keys().any(|file| !before.contains_key(file)), "nothing was thrown out: {before:?}");
        assert_eq!(world.runs("rot", &["x"]), "rot 0.1.0 with dep 1.0.0 [\"x\"]\n");
        assert_eq!(files(&depot, "Dep"), before, "it was compiled again");
        assert_eq!(files(&own, "Dep").len(), kept.len());
    });
    steps.step("precompile makes them anew, an update those of the new version", || {
        fs::remove_dir_all(depot.join("compiled")).unwrap();
        fs::remove_dir_all(&own).unwrap();
        world.does(&["precompile", "Rot"]);
        assert!(!files(&own, "Dep").is_empty());
        world.register(&dep("1.1.0"));
        world.does(&["update"]);
        let (now, shared) = (files(&own, "Dep"), files(&depot, "Dep"));
        assert!(!now.is_empty() && now.keys().all(|file| shared.contains_key(file)), "{now:?} {shared:?}");
        assert_eq!(world.runs("rot", &[]), "rot 0.1.0 with dep 1.1.0 String[]\n");
    });
    steps.step("they go with the package", || {
        world.does(&["rm", "Rot"]);
        assert!(!world.path("depot/environments/jlapp/Rot").exists());
    });
    steps.finish();
}
