//! A depot, packages in git repositories, and a registry that names them: all on disk, all the test's own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::daemon_support::{Place, depots, julia};

/// What a package's version holds.
#[derive(Clone, Default)]
pub struct Package {
    pub name: &'static str,
    pub uuid: &'static str,
    pub version: &'static str,
    /// Further lines at the top of Project.toml.
    pub head: &'static str,
    /// The lines of `[apps]`.
    pub apps: &'static str,
    /// Further lines of Project.toml, tables only.
    pub tables: String,
    /// Names and UUIDs.
    pub deps: Vec<(&'static str, &'static str)>,
    /// The body of its module.
    pub body: String,
    /// Further files.
    pub files: BTreeMap<String, String>,
}

impl Package {
    pub fn project(&self) -> String {
        let deps: String = self.deps.iter().map(|(name, uuid)| format!("{name} = \"{uuid}\"\n")).collect();
        let deps = if deps.is_empty() { deps } else { format!("\n[deps]\n{deps}") };
        let apps = if self.apps.is_empty() { String::new() } else { format!("\n[apps]\n{}\n", self.apps) };
        format!(
            "name = \"{}\"\nuuid = \"{}\"\nversion = \"{}\"\n{}{deps}{apps}{}",
            self.name, self.uuid, self.version, self.head, self.tables
        )
    }

    /// Writes it into a folder, in place of what was there.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("Project.toml"), self.project()).unwrap();
        let text = format!("module {}\n{}\nend\n", self.name, self.body);
        fs::write(folder.join("src").join(format!("{}.jl", self.name)), text).unwrap();
        for (name, text) in &self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
}

pub struct World {
    pub place: Place,
}

impl World {
    /// An empty depot and an empty registry that is installed in it.
    pub fn new(name: &str) -> Self {
        let world = Self { place: Place::new(name) };
        for folder in ["repos", "registry", "depot/registries"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        let head = "name = \"Test\"\nuuid = \"23338594-aafe-5451-b93e-139f81909106\"\n";
        let head = format!("{head}repo = \"{}\"\n\n[packages]\n", world.path("registry").display());
        fs::write(world.path("registry/Registry.toml"), head).unwrap();
        world.git("registry", &["init", "-q", "-b", "main"]);
        world.commit("registry");
        world.git("depot/registries", &["clone", "-q", world.path("registry").to_str().unwrap(), "Test"]);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// Runs git in a folder; its output.
    pub fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.path(folder)).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path("home"));
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Test").env(format!("GIT_{who}_EMAIL"), "test@localhost");
        }
        let output = command.output().expect("git is needed");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits everything in a folder.
    pub fn commit(&self, folder: &str) {
        self.git(folder, &["add", "-A"]);
        self.git(folder, &["commit", "-q", "--allow-empty", "-m", "as it is"]);
    }

    /// A package as the newest commit of its repository; the hash of its tree.
    pub fn publish(&self, package: &Package) -> String {
        let folder = format!("repos/{}", package.name);
        let path = self.path(&folder);
        if path.exists() {
            for part in ["src", "apps"] {
                let _ = fs::remove_dir_all(path.join(part));
            }
        } else {
            fs::create_dir_all(&path).unwrap();
            self.git(&folder, &["init", "-q", "-b", "main"]);
        }
        package.write(&path);
        self.commit(&folder);
        self.git(&folder, &["rev-parse", "HEAD^{tree}"])
    }

    /// The same, as a version that the registry knows; depots learn of it when they next update theirs.
    pub fn register(&self, package: &Package) -> String {
        let tree = self.publish(package);
        let folder = self.path("registry").join(package.name);
        let append = |name: &str, text: &str| {
            let path = folder.join(name);
            let before = fs::read_to_string(&path).unwrap_or_default();
            fs::write(path, before + text).unwrap();
        };
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            let repo = self.path("repos").join(package.name);
            append(
                "Package.toml",
                &format!("name = \"{}\"\nuuid = \"{}\"\nrepo = \"{}\"\n", package.name, package.uuid, repo.display()),
            );
            let path = self.path("registry/Registry.toml");
            let line = format!("{} = {{ name = \"{name}\", path = \"{name}\" }}\n", package.uuid, name = package.name);
            fs::write(&path, fs::read_to_string(&path).unwrap() + &line).unwrap();
        }
        append("Versions.toml", &format!("[\"{}\"]\ngit-tree-sha1 = \"{tree}\"\n\n", package.version));
        let deps: String = package.deps.iter().map(|(name, uuid)| format!("{name} = \"{uuid}\"\n")).collect();
        if !deps.is_empty() {
            append("Deps.toml", &format!("[\"{}\"]\n{deps}\n", package.version));
        }
        self.commit("registry");
        tree
    }

    /// The artifact of such a version of `Tool_jll`, as Pkg would have got it.
    pub fn artifact(&self, version: &str) {
        let program = self.path("depot/artifacts").join(tree(version)).join("bin/tool");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, format!("#!/bin/sh\necho tool {version} \"$@\"\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A command of ours, in this depot, as plain Julia, without the network.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = self.place.command(program);
        command.args(arguments).current_dir(self.path("")).env("JULIA_DAEMON", "off");
        command.env("JULIA_DEPOT_PATH", depots(&self.path("depot"))).env("JULIAUP_DEPOT_PATH", self.path("up"));
        command.env("JULIA_PKG_SERVER", "").env_remove("JULIA_DAEMON_WORKER_EXECUTABLE");
        let path = [julia().parent().unwrap(), Path::new("/usr/local/bin"), Path::new("/usr/bin"), Path::new("/bin")];
        command.env("PATH", std::env::join_paths(path).unwrap());
        command
    }

    pub fn jlapp(&self, arguments: &[&str]) -> Said {
        self.command(env!("CARGO_BIN_EXE_jlapp"), arguments).output().unwrap().into()
    }

    /// `jlapp` succeeds; what it said.
    #[track_caller]
    pub fn does(&self, arguments: &[&str]) -> Said {
        let said = self.jlapp(arguments);
        assert_eq!(said.status, Some(0), "jlapp {arguments:?}\n{}{}", said.out, said.err);
        said
    }

    /// `jlapp` fails with a word about why, and changes nothing.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str], text: &str) -> Said {
        let before = self.everything();
        let said = self.jlapp(arguments);
        assert_eq!((said.out.as_str(), said.status), ("", Some(1)), "jlapp {arguments:?}\n{}", said.err);
        assert!(said.err.contains(text), "jlapp {arguments:?}\n{}", said.err);
        assert_eq!(self.everything(), before, "jlapp {arguments:?} has changed something");
        said
    }

    /// What an app prints when it is run by its shim.
    #[track_caller]
    pub fn runs(&self, app: &str, arguments: &[&str]) -> String {
        let said = self.jlapp(&[&["launch", app], arguments].concat());
        assert_eq!(said.status, Some(0), "{}", said.err);
        let by_shim = self.command(self.path("depot/bin").join(app), arguments).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&by_shim.stdout), said.out);
        said.out
    }

    pub fn record(&self) -> String {
        fs::read_to_string(self.path("depot/environments/apps/AppManifest.toml")).unwrap_or_default()
    }

    /// Every file of the apps with its text: record, environments, shims.
    pub fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = Vec::new();
        let mut folders = vec![self.path("depot/environments"), self.path("depot/bin")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                match entry.file_type().unwrap().is_dir() {
                    // Locks of `jlapp run` stay.
                    false if name.to_str().is_some_and(|name| name.ends_with(".lock")) => {}
                    // Names of precompile files are made from places that are other ones each time.
                    true if name == "_precompiled" => {}
                    true => folders.push(entry.path()),
                    // Holds times and numbers of files.
                    false if entry.path().parent().unwrap().ends_with("_native") => {
                        all.push((entry.path(), Vec::new()));
                    }
                    false => all.push((entry.path(), fs::read(entry.path()).unwrap())),
                }
            }
        }
        all.sort();
        all
    }
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub status: Option<i32>,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { out: text(output.stdout), err: text(output.stderr), status: output.status.code() }
    }
}

pub const DEP: &str = "7a0c1d0e-0000-4000-8000-000000000001";
pub const ROT: &str = "43ef800a-eac4-47f4-949b-25107b932e8f";

pub const TOOL: &str = "11111111-52a7-4c1f-9d0a-3d1f6b2f0c4e";

/// The name of an artifact's tree, which nobody compares with what is in it once it is there.
pub fn tree(version: &str) -> String {
    version.bytes().cycle().take(20).map(|byte| format!("{byte:02x}")).collect()
}

/// A JLL package with one program, of this machine or of another one.
pub fn jll_for(version: &'static str, arch: &str) -> Package {
    let artifacts = format!(
        "[[Tool]]\narch = \"{arch}\"\ngit-tree-sha1 = \"{}\"\nlibc = \"glibc\"\nos = \"linux\"\n",
        tree(version)
    );
    let wrapper =
        "JLLWrappers.@generate_init_header()\nJLLWrappers.@init_executable_product(\n    tool,\n    \"bin/tool\",\n)\n";
    let files =
        [("Artifacts.toml".to_owned(), artifacts), (format!("src/wrappers/{arch}-linux-gnu.jl"), wrapper.to_owned())];
    Package { name: "Tool_jll", uuid: TOOL, version, files: files.into(), ..Package::default() }
}

pub fn jll(version: &'static str) -> Package {
    jll_for(version, std::env::consts::ARCH)
}

/// A package that others use.
pub fn dep(version: &'static str) -> Package {
    Package { name: "Dep", uuid: DEP, version, body: format!("word() = \"dep {version}\""), ..Package::default() }
}

/// A package with two apps, one of them inside and with a flag, that uses it.
pub fn rot(version: &'static str) -> Package {
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
