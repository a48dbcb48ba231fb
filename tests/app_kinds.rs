//! What an app can be: the package's `main`, a submodule, a file with or without dependencies of its own.
//!
//! The packages are developed by `jlapp dev` into a depot of the test's own, and each app runs by its shim.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use daemon_support::{Place, depots, julia};

struct Workshop(Place);

impl Workshop {
    fn new(name: &str) -> Self {
        Self(Place::new(name))
    }

    fn depot(&self) -> PathBuf {
        self.0.path("depot")
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, program: impl AsRef<Path>, arguments: &[&str], daemon: &str) -> Output {
        let mut command = self.0.command(program.as_ref());
        command.args(arguments).env("JULIA_DEPOT_PATH", depots(&self.depot())).env("JULIA_DAEMON", daemon);
        command.env("PATH", format!("{}:/usr/bin:/bin", julia().parent().unwrap().display()));
        command.env("JULIA_PKG_SERVER", "").env_remove("JULIA_DAEMON_WORKER_EXECUTABLE").current_dir(self.0.path(""));
        command.output().unwrap()
    }

    fn jlapp(&self, arguments: &[&str]) -> Output {
        self.run(env!("CARGO_BIN_EXE_jlapp"), arguments, "off")
    }

    fn dev(&self, package: &str) {
        let output = self.jlapp(&["dev", package]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn app(&self, app: &str, arguments: &[&str], daemon: &str) -> Output {
        self.run(self.depot().join("bin").join(app), arguments, daemon)
    }

    fn prints(&self, app: &str, arguments: &[&str], daemon: &str, stdout: &str, status: i32) {
        let output = self.app(app, arguments, daemon);
        let said = (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code());
        assert_eq!(said, (stdout.to_owned(), Some(status)), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn fails(&self, app: &str, text: &str) {
        let output = self.app(app, &[], "off");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{stderr}");
        assert!(stderr.contains(text), "{stderr}");
    }
}

/// Folders of precompile files of a module in a depot.
fn compiled(depot: &Path, module: &str) -> bool {
    let versions = fs::read_dir(depot.join("compiled")).into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join(module).is_dir())
}

#[test]
fn the_example_has_one_of_each_kind() {
    let shop = Workshop::new("kinds");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/Rot13");
    shop.dev(example.to_str().unwrap());
    for daemon in ["off", "require"] {
        shop.prints("rot13", &["Hello"], daemon, "Uryyb\n", 0);
        shop.prints("invrot13", &["Uryyb"], daemon, "Hello\n", 0);
        shop.prints("rot13-count", &["Hello, 1!"], daemon, "5\n", 0);
        shop.prints("rot26", &["Hello"], daemon, "Hello\n", 0);
    }
    shop.prints("rot13-flags", &[], "off", "optimize 1, depwarn error\n", 0);
    shop.prints("rot13-flags", &["-O2", "--"], "off", "optimize 2, depwarn error\n", 0);
    assert!(compiled(&shop.depot(), "Rot26"), "the file was not precompiled");
    let record = fs::read_to_string(shop.depot().join("environments/apps/AppManifest.toml")).unwrap();
    assert!(record.contains("submodule = \"Tools.Count\"") && !record.contains("rot26.jl"), "{record}");
    assert!(!example.join("Manifest.toml").exists() && !example.join("apps/Manifest.toml").exists());
    // What Pkg would have made of it: it knows no `entry`.
    fs::write(
        shop.depot().join("environments/apps/AppManifest.toml"),
        record.replace("submodule = \"Tools.Count\"\n", ""),
    )
    .unwrap();
    shop.prints("rot13-count", &["Hello, 1!"], "off", "5\n", 0);
    // A moved depot.
    let moved = shop.0.path("moved");
    fs::rename(shop.depot(), &moved).unwrap();
    let output = shop.run(moved.join("bin/rot26"), &["x"], "off");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "x\n", "{output:?}");
}

const UUID: &str = "uuid = \"5a1c7e13-52a7-4c1f-9d0a-3d1f6b2f0c4e\"";

#[test]
fn files_follow_their_source() {
    let shop = Workshop::new("files");
    shop.write(
        "Pack/Project.toml",
        &format!(
            "name = \"Pack\"\n{UUID}\n[apps]\nnamed = {{ entry = \"deep/named.jl\" }}\nusual = {{}}\nplain = {{}}\n"
        ),
    );
    shop.write("Pack/src/Pack.jl", "module Pack\nword() = \"first\"\nend\n");
    let named = "module Named\nusing Pack\nmain(args) = (println(Pack.word(), ' ', args, ' ', isdefined(Main, :app)); 7)\nend\n";
    shop.write("Pack/apps/deep/named.jl", named);
    shop.write(
        "Pack/app/Usual/usual.jl",
        "\"Has no entry.\"\nmodule Usual\nimport Pack\nmain(args) = println(\"usual \", Pack.word())\nend\n",
    );
    shop.dev("Pack");
    shop.prints("named", &["a b"], "off", "first [\"a b\"] false\n", 7);
    shop.prints("usual", &[], "off", "usual first\n", 0);
    shop.fails("plain", "jlapp: cannot run plain: there is no main in Pack");
    // Edits are seen: of the package, of the file, and of the module's name.
    shop.write("Pack/src/Pack.jl", "module Pack\nword() = \"second\"\nmain(args) = println(\"of the package\")\nend\n");
    shop.write("Pack/apps/deep/named.jl", &named.replace("Named", "Other").replace("7", "8"));
    shop.prints("named", &[], "off", "second String[] false\n", 8);
    shop.prints("usual", &[], "off", "of the package\n", 0);
    shop.prints("plain", &[], "off", "of the package\n", 0);
    shop.write("Pack/apps/deep/named.jl", "println(1)\n");
    shop.fails("named", "named.jl: it holds no module");
    fs::remove_file(shop.0.path("Pack/apps/deep/named.jl")).unwrap();
    shop.fails("named", "there is no apps/deep/named.jl in");
    shop.write("Pack/app/deep/named.jl", "module Named\nend\n");
    shop.fails("named", "there is no main in Named");
    // What is left of it goes with the package.
    assert!(shop.depot().join("environments/jlapp/Pack").exists());
    assert!(shop.jlapp(&["rm", "Pack"]).status.success());
    assert!(!shop.depot().join("environments/jlapp/Pack").exists());
}

#[test]
fn entries_that_cannot_be() {
    let shop = Workshop::new("entries");
    shop.write("Pack/src/Pack.jl", "module Pack\nend\n");
    shop.write("Pack/apps/empty.jl", "1\n");
    for (app, text) in [
        ("{ entry = \"nowhere.jl\" }", "Project.toml:4: the app x: there is no apps/nowhere.jl"),
        ("{ entry = \"empty.jl\" }", "empty.jl holds no module"),
        ("{ entry = \"../src/Pack.jl\" }", "does not lie in the package's folder apps"),
        ("{ entry = \"Sub\" }", "does not begin with the package, as Pack.Sub would"),
        ("{ entry = \"Pack.Sub\", submodule = \"Sub\" }", "entry and submodule say the same thing"),
        ("{ entry = 1 }", "entry is no text"),
    ] {
        shop.write("Pack/Project.toml", &format!("name = \"Pack\"\n{UUID}\n[apps]\nx = {app}\n"));
        let output = shop.jlapp(&["dev", "Pack"]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && stderr.contains(text), "{app}: {stderr}");
        assert!(!shop.depot().join("environments/apps/AppManifest.toml").exists());
    }
}

/// `apps/Project.toml`: what only the app's file needs, here a package in the user's folder that the Manifest leads to.
#[test]
fn dependencies_that_only_the_app_has() {
    let shop = Workshop::new("own-deps");
    let uuid = "7c3d1b2a-52a7-4c1f-9d0a-3d1f6b2f0c4e";
    shop.write(
        "depot/registries/Tests/Registry.toml",
        "name = \"Tests\"\nuuid = \"23338594-aafe-5451-b93e-139f81909106\"\nrepo = \"none\"\n[packages]\n",
    );
    shop.write("Extra/Project.toml", &format!("name = \"Extra\"\nuuid = \"{uuid}\"\nversion = \"0.1.0\"\n"));
    shop.write("Extra/src/Extra.jl", "module Extra\nword() = \"extra\"\nend\n");
    shop.write(
        "Pack/Project.toml",
        &format!("name = \"Pack\"\n{UUID}\nversion = \"0.1.0\"\n[apps]\nx = {{ entry = \"x.jl\" }}\nplain = {{}}\n"),
    );
    let has_extra = "try; Base.require(@__MODULE__, :Extra); true; catch; false; end";
    shop.write("Pack/src/Pack.jl", &format!("module Pack\nmain(args) = println({has_extra})\nend\n"));
    shop.write("Pack/apps/Project.toml", &format!("[deps]\nExtra = \"{uuid}\"\n"));
    shop.write(
        "Pack/apps/Manifest.toml",
        &format!("[[Extra]]\npath = \"../../Extra\"\nuuid = \"{uuid}\"\nversion = \"0.1.0\"\n"),
    );
    shop.write(
        "Pack/apps/x.jl",
        "module X\nusing Pack, Extra\nmain(args) = println(Extra.word(), ' ', nameof(Pack))\nend\n",
    );
    shop.dev("Pack");
    shop.prints("x", &[], "off", "extra Pack\n", 0);
    shop.prints("plain", &[], "off", "false\n", 0);
    let entries: Vec<_> = fs::read_dir(shop.depot().join("environments/jlapp/Pack")).unwrap().flatten().collect();
    assert_eq!(entries.len(), 2, "something was left: {entries:?}");
    assert!(!shop.0.path("Pack/Manifest.toml").exists(), "the user's folder is his own");
}
