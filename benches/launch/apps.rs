//! Apps: an installed one warm and cold beside its shim as Pkg writes it, a native one beside its bare executable, and
//! the list of a hundred.

use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::place::Place;
use crate::sample::Sample;

const UUID: &str = "43ef800a-eac4-47f4-949b-25107b932e8f";
const TREE: &str = "cccccccccccccccccccccccccccccccccccccccc";
const ROUNDS: usize = 25;
const COLD_ROUNDS: usize = 5;
const PACKAGES: usize = 100;

/// What was measured of apps.
#[derive(Default)]
pub struct Apps {
    pub warm: Sample,
    /// The same Julia's `juliaclient -e nothing`, in turns with it.
    pub nothing: Sample,
    pub cold: Sample,
    /// As Pkg of Julia 1.12 launches it: a shell script that starts Julia.
    pub pkg_shim: Sample,
    pub native: Sample,
    pub bare: Sample,
    /// `jlapp status` with a hundred apps.
    pub status: Sample,
}

impl Apps {
    pub fn rows(&self) -> [(&'static str, &Sample); 7] {
        [
            ("app, its shim as Pkg writes it", &self.pkg_shim),
            ("app, nothing running", &self.cold),
            ("app, warm", &self.warm),
            ("juliaclient -e nothing, warm", &self.nothing),
            ("native app", &self.native),
            ("its executable, bare", &self.bare),
            ("jlapp status, 100 apps", &self.status),
        ]
    }
}

pub fn apps(place: &Place) -> Result<Apps, Box<dyn Error>> {
    let (depot, many) = (place.path("depot"), place.path("many"));
    one_app(place, &depot)?;
    let bare = native(place, &depot)?;
    record(&many, (0..PACKAGES).map(|number| format!("Pack{number}")), &place.julia)?;
    let app = |program: &Path, daemon: &str| in_depot(place.command::<&str>(program, &[]), &depot, daemon);
    let shim = |name: &str| depot.join("bin").join(name);
    let mut figures = Apps::default();
    // Both have their workers then, and the package its precompile files.
    Sample::default().add(app(&shim("pkgs"), "off"))?;
    // What has been launched twice gets a branch; the second one compiles what the first one's launches still had to.
    for _ in 0..2 {
        for _ in 0..2 {
            Sample::default().add(app(&shim("noop"), "require"))?;
        }
        place.wait_for_branch_of("noop")?;
    }
    for _ in 0..ROUNDS {
        place.wait_for_branch_of("noop")?;
        figures.warm.add(app(&shim("noop"), "require"))?;
        place.wait_for_spares()?;
        figures.nothing.add(place.warm(&["-e".into(), "nothing".into()]))?;
        figures.native.add(app(&shim("native"), "on"))?;
        figures.bare.add(app(&bare, "on"))?;
        let status = place.command(&place.program("jlapp"), &["status"]);
        figures.status.add(in_depot(status, &many, "on"))?;
    }
    // Each of these leaves nothing running.
    for _ in 0..COLD_ROUNDS {
        figures.pkg_shim.add(app(&shim("pkgs"), "off"))?;
        place.stop()?;
        figures.cold.add(app(&shim("noop"), "on"))?;
    }
    Ok(figures)
}

fn in_depot(mut command: Command, depot: &Path, daemon: &str) -> Command {
    command.env("JULIA_DEPOT_PATH", depot).env("JULIA_DAEMON", daemon);
    command
}

fn program(path: &Path, text: &str) -> io::Result<()> {
    write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    fs::write(path, text)
}

/// Pkg's record of packages with one app each, that is called as they are, in small letters.
fn record(depot: &Path, packages: impl Iterator<Item = String>, julia: &Path) -> io::Result<()> {
    let entry = |name: String| {
        let app = name.to_lowercase();
        format!(
            "[[deps.{name}]]\nuuid = \"{UUID}\"\nversion = \"0.1.0\"\n\n    [deps.{name}.apps.{app}]\n    julia_command = \"{}\"\n\n",
            julia.display()
        )
    };
    let entries: Vec<String> = packages.map(entry).collect();
    write(
        &depot.join("environments/apps/AppManifest.toml"),
        &format!("manifest_format = \"2.0\"\n\n{}", entries.concat()),
    )
}

/// An app that does nothing, with our shim and with one like those of Pkg 1.12.
fn one_app(place: &Place, depot: &Path) -> io::Result<()> {
    let environment = depot.join("environments/apps/Noop");
    write(&environment.join("Project.toml"), &format!("name = \"Noop\"\nuuid = \"{UUID}\"\n"))?;
    write(&environment.join("src/Noop.jl"), "module Noop\nmain(args) = 0\nend\n")?;
    record(depot, ["Noop".to_owned()].into_iter(), &place.julia)?;
    program(&depot.join("bin/noop"), &format!("#!{}\n", place.program("jlshim").display()))?;
    // `-m` came with Julia 1.12.
    let run = "using Noop; exit(Noop.main(ARGS))";
    let text = format!(
        "#!/bin/sh\nset -eu\nexport JULIA_LOAD_PATH='{}'\nexec \"${{JULIA_APPS_JULIA_CMD:-{}}}\" --startup-file=no -e '{run}' -- \"$@\"\n",
        environment.display(),
        place.julia.display()
    );
    program(&depot.join("bin/pkgs"), &text)
}

/// A JLL package whose one program is the system's `true`; returns that.
fn native(place: &Place, depot: &Path) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let executable = depot.join("artifacts").join(TREE).join("bin/native");
    write(&executable, "")?;
    fs::copy(fs::canonicalize("/bin/true")?, &executable)?;
    let source = depot.join("source");
    let arch = std::env::consts::ARCH;
    let artifacts =
        format!("[[Native]]\narch = \"{arch}\"\ngit-tree-sha1 = \"{TREE}\"\nlibc = \"glibc\"\nos = \"linux\"\n");
    write(&source.join("Artifacts.toml"), &artifacts)?;
    let wrapper = "JLLWrappers.@generate_init_header()\nJLLWrappers.@init_executable_product(native, \"bin/native\")\n";
    write(&source.join(format!("src/wrappers/{arch}-linux-gnu.jl")), wrapper)?;
    let manifest = format!("[[Native_jll]]\npath = \"../../../source\"\nuuid = \"{UUID}\"\n");
    write(&depot.join("environments/apps/Native_jll/Manifest.toml"), &manifest)?;
    let julia = place.julia.display();
    let record = format!("[Native_jll]\nuuid = \"{UUID}\"\njulia = \"{julia}\"\napps = [\"native\"]\n");
    write(&depot.join("environments/apps/jlls.toml"), &record)?;
    program(&depot.join("bin/native"), &format!("#!{}\n", place.program("jlshim").display()))?;
    Ok(executable)
}
