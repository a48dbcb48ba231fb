//! A new package with an app: complete, with tests, ready for `jlapp dev`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::rand::{GetRandomFlags, getrandom};
use uuid::Builder;

use super::project::is_identifier;
use crate::toolchain::Error;

/// Files by their places; `{Name}`, `{app}` and `{uuid}` stand for the package's own.
const FILES: [(&str, &str); 5] = [
    ("Project.toml", include_str!("template/Project.toml")),
    ("src/{Name}.jl", include_str!("template/Name.jl")),
    ("test/runtests.jl", include_str!("template/runtests.jl")),
    ("README.md", include_str!("template/README.md")),
    (".gitignore", include_str!("template/gitignore")),
];

/// What was made.
#[derive(Debug, PartialEq, Eq)]
pub struct New {
    pub folder: PathBuf,
    /// The name of its app.
    pub app: String,
}

/// Makes the package `name` in `folder`, which must be empty or not be there.
///
/// # Errors
/// The name cannot be a package's, the folder has something in it, or it cannot be written.
pub fn new_package(name: &str, folder: &Path) -> Result<New, Error> {
    // A checkout is often named so.
    let name = name.strip_suffix(".jl").unwrap_or(name);
    let doing = || format!("cannot make the package {name}");
    if !is_identifier(name) {
        let cause = "a name is letters, digits and _, and begins with a letter";
        return Err(Error::failed(doing(), cause, "packages are named like MyTool"));
    }
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let cause = format!("{} is there and not empty", folder.display());
        return Err(Error::failed(doing(), cause, "name another folder with --path; nothing was changed"));
    }
    let app = name.to_lowercase();
    let uuid = random_uuid().map_err(|error| Error::failed(doing(), error, "try again"))?;
    let fill = |text: &str| text.replace("{Name}", name).replace("{app}", &app).replace("{uuid}", &uuid);
    write(folder, fill).map_err(|error| Error::app_file("cannot write", folder, &error))?;
    Ok(New { folder: folder.to_owned(), app })
}

/// Beside its place first: nobody sees half a package.
fn write(folder: &Path, fill: impl Fn(&str) -> String) -> io::Result<()> {
    let mut beside = folder.as_os_str().to_owned();
    beside.push(format!(".new-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = FILES.iter().try_for_each(|(place, text)| {
        let path = beside.join(fill(place));
        fs::create_dir_all(path.parent().unwrap_or(&beside))?;
        fs::write(path, fill(text))
    });
    // Takes the place of an empty folder as well (rename(2)).
    let written = written.and_then(|()| fs::rename(&beside, folder));
    if written.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    written
}

/// As `uuid4()` makes them.
fn random_uuid() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(Builder::from_random_bytes(bytes).into_uuid().to_string())
}
