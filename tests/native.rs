//! Executables of JLL packages: real programs, linked with a shared library that only the computed path finds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use daemon_support::{Place, julia, wait_until};
use jlapp::apps::{App, Declared, Edit, Entry, jll};
use jlapp::toolchain::{self, Selection, Why};

const TOOL: (&str, &str) = ("Tool_jll", "11111111-52a7-4c1f-9d0a-3d1f6b2f0c4e");
const WORDS: (&str, &str) = ("Words_jll", "22222222-52a7-4c1f-9d0a-3d1f6b2f0c4e");

/// A depot with the package `Tool_jll`, whose programs need a library of `Words_jll`.
struct Depot {
    place: Place,
}

fn machine(more: &str) -> String {
    let arch = std::env::consts::ARCH;
    format!("{arch}-linux-gnu{more}")
}

impl Depot {
    fn new(name: &str) -> Self {
        let depot = Self { place: Place::new(name) };
        let environment = format!(
            "[[{t}]]\ndeps = [\"{w}\", \"Libdl\"]\npath = \"../../../source/{t}\"\nuuid = \"{}\"\nversion = \"1.2.3+0\"\n\n[[{w}]]\npath = \"../../../source/{w}\"\nuuid = \"{}\"\n\n[[Libdl]]\nuuid = \"8f399da3-3557-5675-b5ff-fb832c97cbdb\"\n",
            TOOL.1,
            WORDS.1,
            t = TOOL.0,
            w = WORDS.0
        );
        depot.write("environments/apps/Tool_jll/Manifest.toml", &environment);
        depot.package(WORDS, "a", "JLLWrappers.@generate_init_header()\nJLLWrappers.@init_library_product(\n    libwords,\n    \"lib/libwords.so\",\n    0,\n)\n");
        let programs = "using Words_jll\nJLLWrappers.@generate_init_header(Words_jll)\nJLLWrappers.@init_executable_product(\n    tool,\n    \"bin/tool\",\n)\nJLLWrappers.@init_executable_product(tool2, \"bin/tool\")\n";
        depot.package(TOOL, "b", programs);
        depot.compile();
        depot
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path("depot").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn tree(letter: &str) -> String {
        letter.repeat(40)
    }

    /// Its Artifacts.toml holds other machines' too, and one of this machine that is not here.
    fn package(&self, (name, _): (&str, &str), letter: &str, wrapper: &str) {
        let base = name.strip_suffix("_jll").unwrap();
        let entry = |arch: &str, os: &str, tree: &str, more: &str| {
            format!("[[{base}]]\narch = \"{arch}\"\ngit-tree-sha1 = \"{tree}\"\nos = \"{os}\"\n{more}\n")
        };
        let (arch, glibc) = (std::env::consts::ARCH, "libc = \"glibc\"");
        let artifacts = entry("aarch64", "macos", &Self::tree("0"), "")
            + &entry("riscv64", "linux", &Self::tree("1"), glibc)
            + &entry(arch, "linux", &Self::tree("2"), "libc = \"musl\"")
            + &entry(arch, "linux", &Self::tree("3"), &format!("{glibc}\nvariant = \"z\""))
            + &entry(arch, "linux", &Self::tree(letter), &format!("{glibc}\nvariant = \"a\""));
        self.write(&format!("source/{name}/Artifacts.toml"), &artifacts);
        self.write(&format!("source/{name}/src/wrappers/{}.jl", machine("-variant+a")), wrapper);
        self.write(&format!("source/{name}/src/wrappers/{}.jl", machine("-variant+z")), "JLLWrappers.@wrong()");
        self.write(&format!("source/{name}/src/wrappers/aarch64-apple-darwin.jl"), "JLLWrappers.@wrong()");
    }

    fn artifact(&self, letter: &str) -> PathBuf {
        self.path("artifacts").join(Self::tree(letter))
    }

    fn compile(&self) {
        let (library, program) = (self.artifact("a").join("lib"), self.artifact("b").join("bin"));
        fs::create_dir_all(&library).unwrap();
        fs::create_dir_all(&program).unwrap();
        let words = "#include <stdio.h>\n#include <stdlib.h>\nint words(int n, char **v) { for (int i = 1; i < n; i++) printf(\"<%s>\", v[i]); printf(\"\\n%s\\n%s\\n\", getenv(\"PATH\"), getenv(\"LD_LIBRARY_PATH\")); return 7; }\n";
        self.write("words.c", words);
        self.write("tool.c", "int words(int, char **);\nint main(int n, char **v) { return words(n, v); }\n");
        let compile = |arguments: &[&str]| {
            let output = Command::new("cc").args(arguments).output().expect("a C compiler, which cargo needs as well");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let library_file = text(&library.join("libwords.so"));
        // Linked by its name, not by where it lay.
        compile(&["-shared", "-fPIC", "-Wl,-soname,libwords.so", "-o", &library_file, &text(&self.path("words.c"))]);
        compile(&["-o", &text(&program.join("tool")), &text(&self.path("tool.c")), "-L", &text(&library), "-lwords"]);
        let bare = Command::new(program.join("tool")).output().unwrap();
        assert!(
            !bare.status.success() && String::from_utf8_lossy(&bare.stderr).contains("libwords.so"),
            "it would run anyway: {bare:?}"
        );
    }

    /// As `jlapp add` does once Pkg has made the environment.
    fn install(&self) -> Result<Vec<String>, String> {
        let said = |error: toolchain::Error| error.to_string();
        let (depot, staged) = (self.path(""), self.path("environments/apps/.staged"));
        fs::create_dir_all(&staged).unwrap();
        fs::copy(self.path("environments/apps/Tool_jll/Manifest.toml"), staged.join("Manifest.toml")).unwrap();
        let programs = jll::programs(&depot, &staged, TOOL.0, julia()).map_err(said)?;
        let mut edit = Edit::begin(&depot, |_| {}).map_err(said)?;
        let declared = Declared {
            name: TOOL.0.into(),
            uuid: TOOL.1.into(),
            version: Some("1.2.3+0".into()),
            apps: programs.iter().map(|name| App { name: name.clone(), ..App::default() }).collect(),
            native: true,
            has_dependencies: true,
            bundle_manifest: false,
        };
        let conflicts = edit.conflicts(&declared);
        if !conflicts.is_empty() {
            return Err(format!("{conflicts:?}"));
        }
        let (binary, why) = (julia().to_owned(), Why::Asked);
        let julia = Selection { binary, arguments: vec![], version: None, channel: None, why, note: None };
        edit.install(&declared, &Entry::default(), &staged, false, &julia);
        edit.commit().map_err(said)?;
        // A test's own program is not beside the others.
        for app in &programs {
            fs::write(self.path("bin").join(app), format!("#!{}\n", env!("CARGO_BIN_EXE_jlshim"))).unwrap();
        }
        Ok(programs)
    }

    fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = self.place.command(program.as_ref());
        command.args(arguments).env("JULIA_DEPOT_PATH", self.path("")).env("PATH", "/usr/bin:/bin");
        // A Julia that starts would be seen.
        command.env("JULIA_APP_JULIA", "/nowhere/julia").env("JULIA_DAEMON", "off");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(self.path("bin/tool"), arguments).output().unwrap()
    }
}

fn lines(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn programs_run_natively_with_their_libraries() {
    let depot = Depot::new("native");
    assert_eq!(depot.install().unwrap(), ["tool", "tool2"]);
    let said = lines(&depot.run(&["a b", "", "--"]));
    assert_eq!(said[0], "<a b><><-->");
    assert_eq!(said[1], format!("{}:/usr/bin:/bin", depot.artifact("b").join("bin").display()));
    let library_path: Vec<&str> = said[2].split(':').collect();
    assert_eq!(library_path[0], depot.artifact("a").join("lib").to_str().unwrap());
    assert!(library_path.len() > 1 && Path::new(library_path[1]).is_dir(), "Julia's own come last: {said:?}");
    let users =
        depot.command(depot.path("bin/tool"), &[]).env("LD_LIBRARY_PATH", "/mine").env("A", "b").output().unwrap();
    assert_eq!(lines(&users)[1..], [said[1].clone(), format!("{}:/mine", said[2])]);
    // Before the user's; by name as well; whatever the daemon is said to do.
    let mut command = depot.command(env!("CARGO_BIN_EXE_jlapp"), &["launch", "tool2", "x"]);
    let output = command.env("LD_LIBRARY_PATH", "/mine").env("JULIA_DAEMON", "require").output().unwrap();
    assert!(lines(&output)[2].ends_with(":/mine"), "{output:?}");
    let trace = depot.place.path("trace");
    depot.command(depot.path("bin/tool"), &[]).env("JULIA_DAEMON_TRACE", &trace).output().unwrap();
    assert!(fs::read_to_string(&trace).unwrap().starts_with("juliaclient: native "), "no conductor and no Julia");
    assert!(!depot.place.socket().exists());
    let listed = depot.command(env!("CARGO_BIN_EXE_jlapp"), &["status"]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed, "Tool_jll 1.2.3+0\n  tool\n  tool2\n");
}

#[test]
fn what_was_worked_out_follows_what_it_was_made_from() {
    let depot = Depot::new("native-again");
    depot.install().unwrap();
    lines(&depot.run(&[]));
    // Another artifact: through an override, as the artifacts of Pkg have them.
    let instead = depot.place.path("instead");
    fs::create_dir_all(instead.join("bin")).unwrap();
    let other = instead.join("bin/tool");
    fs::write(&other, "#!/bin/sh\necho other\n").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
    depot.write("artifacts/Overrides.toml", &format!("{} = \"{}\"\n", Depot::tree("b"), instead.display()));
    let manifest = depot.path("environments/apps/Tool_jll/Manifest.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.clone() + "\n# changed\n").unwrap();
    assert_eq!(String::from_utf8_lossy(&depot.run(&[]).stdout), "other\n");
    // Without a plan it is found again, by its shim and by its name.
    fs::remove_dir_all(depot.path("environments/jlapp")).unwrap();
    assert_eq!(String::from_utf8_lossy(&depot.run(&[]).stdout), "other\n");
    fs::remove_file(depot.path("artifacts/Overrides.toml")).unwrap();
    lines(&depot.run(&[]));
    // A depot that was moved.
    let moved = depot.place.path("moved");
    fs::rename(depot.path(""), &moved).unwrap();
    let output = depot.command(moved.join("bin/tool"), &["x"]).output().unwrap();
    assert!(lines(&output)[1].starts_with(moved.to_str().unwrap()), "{output:?}");
    fs::rename(&moved, depot.path("")).unwrap();
    lines(&depot.run(&[]));
    // What is missing is said, with the file, and what to do.
    fs::rename(depot.artifact("a"), depot.artifact("9")).unwrap();
    let output = depot.run(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("is not there") && said.contains("Artifacts.toml"),
        "{said}"
    );
    fs::rename(depot.artifact("9"), depot.artifact("a")).unwrap();
    lines(&depot.run(&[]));
    wait_until("nothing is left running", 10, || !depot.place.socket().exists());
}

#[test]
fn refused_and_nothing_changed() {
    let depot = Depot::new("native-refused");
    let artifacts = depot.path("source/Tool_jll/Artifacts.toml");
    let text = fs::read_to_string(&artifacts).unwrap();
    fs::write(&artifacts, text.replace(&format!("arch = \"{}\"", std::env::consts::ARCH), "arch = \"powerpc64le\""))
        .unwrap();
    let said = depot.install().unwrap_err();
    assert!(said.contains("it has nothing for this machine, ") && said.contains("Artifacts.toml"), "{said}");
    fs::write(&artifacts, &text).unwrap();
    let wrapper = depot.path(&format!("source/Tool_jll/src/wrappers/{}.jl", machine("-variant+a")));
    let programs = fs::read_to_string(&wrapper).unwrap();
    fs::write(&wrapper, "JLLWrappers.@generate_init_header(Words_jll)\n").unwrap();
    let said = depot.install().unwrap_err();
    assert!(said.contains("it has no executables"), "{said}");
    fs::write(&wrapper, programs).unwrap();
    depot.write("bin/tool", "mine\n");
    let said = depot.install().unwrap_err();
    assert!(said.contains("File") && said.contains("bin/tool"), "{said}");
    assert!(!depot.path("environments/apps/jlls.toml").exists() && !depot.path("environments/jlapp").exists());
    assert_eq!(fs::read_to_string(depot.path("bin/tool")).unwrap(), "mine\n");
    fs::remove_file(depot.path("bin/tool")).unwrap();
    // One program goes, then the package with its last one.
    depot.install().unwrap();
    let rm = |name: &str| {
        let output = depot.command(env!("CARGO_BIN_EXE_jlapp"), &["rm", name]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    assert_eq!(rm("tool2"), "  tool2\n");
    assert!(!depot.path("bin/tool2").exists() && depot.path("bin/tool").exists());
    assert_eq!(rm("Tool_jll"), "Tool_jll is removed\n  tool\n");
    assert!(!depot.path("bin/tool").exists() && !depot.path("environments/apps/Tool_jll").exists());
}

/// The whole way, by Pkg: from a repository, again over what is there, and away.
#[test]
fn added_by_pkg() {
    let depot = Depot::new("native-add");
    let source = depot.place.path("Solo_jll");
    let write = |name: &str, text: &str| {
        fs::create_dir_all(source.join(name).parent().unwrap()).unwrap();
        fs::write(source.join(name), text).unwrap();
    };
    write(
        "Project.toml",
        "name = \"Solo_jll\"\nuuid = \"33333333-52a7-4c1f-9d0a-3d1f6b2f0c4e\"\nversion = \"2.0.0+1\"\n",
    );
    write("src/Solo_jll.jl", "module Solo_jll\nend\n");
    let arch = std::env::consts::ARCH;
    let tree = "c".repeat(40);
    write(
        "Artifacts.toml",
        &format!("[[Solo]]\narch = \"{arch}\"\ngit-tree-sha1 = \"{tree}\"\nlibc = \"glibc\"\nos = \"linux\"\n"),
    );
    let wrapper = format!("src/wrappers/{}.jl", machine(""));
    write(
        &wrapper,
        "JLLWrappers.@generate_init_header()\nJLLWrappers.@init_executable_product(\n    solo,\n    \"bin/solo\",\n)\n",
    );
    let program = depot.artifact("c").join("bin/solo");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::copy(fs::canonicalize("/bin/echo").unwrap(), &program).unwrap();
    depot.write(
        "registries/Tests/Registry.toml",
        "name = \"Tests\"\nuuid = \"23338594-aafe-5451-b93e-139f81909106\"\nrepo = \"none\"\n[packages]\n",
    );
    let git = |words: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@x"])
            .args(words)
            .current_dir(&source)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "1"]);
    let jlapp = |words: &[&str]| {
        let mut command = depot.command(env!("CARGO_BIN_EXE_jlapp"), words);
        command
            .env("JULIA_APP_JULIA", julia())
            .env("JULIA_DEPOT_PATH", daemon_support::depots(&depot.path("")))
            .env("JULIA_PKG_SERVER", "")
            .current_dir(depot.place.path(""));
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code())
    };
    for _ in 0..2 {
        let (out, err, status) = jlapp(&["add", "./Solo_jll"]);
        assert!(
            out.starts_with("Solo_jll 2.0.0+1") && out.ends_with(" is added\n  solo\n") && status == Some(0),
            "{out}{err}"
        );
        let output = depot.command(depot.path("bin/solo"), &["native", "x"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "native x\n", "{output:?}");
    }
    // Nothing for Pkg to stumble over.
    let record = fs::read_to_string(depot.path("environments/apps/AppManifest.toml")).unwrap_or_default();
    assert!(!record.contains("Solo"), "{record}");
    // A version that cannot serve leaves the one that does.
    write(&wrapper, "JLLWrappers.@generate_init_header()\n");
    git(&["commit", "-qam", "2"]);
    let (out, err, status) = jlapp(&["add", "./Solo_jll"]);
    assert!(out.is_empty() && status == Some(1) && err.contains("it has no executables"), "{out}{err}");
    let output = depot.command(depot.path("bin/solo"), &["still"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "still\n", "{output:?}");
    assert_eq!(jlapp(&["rm", "solo"]).0, "Solo_jll is removed\n  solo\n");
}
