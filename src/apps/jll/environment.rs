//! The environment of a JLL package: which packages there are, where they lie, and their artifacts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use super::platform::Platform;
use super::wrapper::Wrapper;
use crate::apps::source::slug;
use crate::toolchain::Error;

/// A package of a Manifest.toml.
#[derive(Debug, Clone, Default)]
struct Entry {
    uuid: String,
    path: Option<PathBuf>,
    tree: Option<String>,
}

/// Packages by their names; JLL packages have each their own.
pub(super) struct Environment<'a> {
    entries: BTreeMap<String, Entry>,
    folder: PathBuf,
    depots: &'a [PathBuf],
    host: &'a Platform,
}

/// What the programs of a package need.
#[derive(Debug, Default)]
pub(super) struct Products {
    /// Names and paths of the package's own programs.
    pub(super) executables: Vec<(String, PathBuf)>,
    pub(super) path: Vec<PathBuf>,
    pub(super) library_path: Vec<PathBuf>,
    /// Files that the rest was read from, and could be replaced without a new Manifest.
    pub(super) sources: Vec<PathBuf>,
}

fn read(path: &Path) -> Result<Document<String>, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::app_file("cannot read", path, &error))?;
    Document::parse(text.clone()).map_err(|error| Error::BadFile {
        path: path.to_owned(),
        line: error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1),
        problem: error.message().to_owned(),
        remedy: "add the package again".into(),
    })
}

impl<'a> Environment<'a> {
    /// # Errors
    /// Its Manifest.toml cannot be read.
    pub(super) fn read(folder: &Path, depots: &'a [PathBuf], host: &'a Platform) -> Result<Self, Error> {
        let document = read(&folder.join("Manifest.toml"))?;
        let top: &dyn TableLike = document.as_table();
        let packages =
            if top.contains_key("manifest_format") { top.get("deps").and_then(Item::as_table_like) } else { Some(top) };
        let mut entries = BTreeMap::new();
        for (name, item) in packages.into_iter().flat_map(TableLike::iter) {
            let Some(table) = item.as_array_of_tables().and_then(|tables| tables.get(0)) else { continue };
            let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
            let entry = Entry {
                uuid: text("uuid").unwrap_or_default(),
                path: text("path").map(|path| folder.join(path)),
                tree: text("git-tree-sha1"),
            };
            entries.insert(name.to_owned(), entry);
        }
        Ok(Self { entries, folder: folder.to_owned(), depots, host })
    }

    /// Where a package lies; `None` for those of the standard library.
    fn package(&self, name: &str) -> Result<Option<(PathBuf, String)>, Error> {
        let missing = |what: &str| {
            let manifest = self.folder.join("Manifest.toml");
            Error::failed(
                format!("cannot use {name}"),
                format!("{what} ({})", manifest.display()),
                "add its package again",
            )
        };
        let entry = self.entries.get(name).ok_or_else(|| missing("its environment does not list it"))?;
        let folder = match (&entry.path, &entry.tree) {
            (Some(path), _) => Some(path.clone()),
            (None, None) => return Ok(None),
            (None, Some(tree)) => {
                let slug = slug(&entry.uuid, tree).ok_or_else(|| missing("its tree hash is none"))?;
                self.depots
                    .iter()
                    .map(|depot| depot.join("packages").join(name).join(&slug))
                    .find(|folder| folder.is_dir())
            }
        };
        Ok(Some((folder.ok_or_else(|| missing("its files are not in any depot"))?, entry.uuid.clone())))
    }

    /// What a package and all that it depends on have for this machine.
    ///
    /// # Errors
    /// A package or an artifact is not there, or there is none for this machine.
    pub(super) fn products(&self, package: &str) -> Result<Products, Error> {
        let mut products = Products::default();
        self.collect(package, &mut BTreeSet::new(), &mut products)?;
        // What was added last is the package's own.
        for list in [&mut products.path, &mut products.library_path] {
            let mut seen = BTreeSet::new();
            list.retain(|folder| seen.insert(folder.clone()));
        }
        Ok(products)
    }

    /// A dependency's folders come before those of what needs it (`@generate_init_header`, JLLWrappers).
    fn collect(&self, package: &str, seen: &mut BTreeSet<String>, products: &mut Products) -> Result<(), Error> {
        if !seen.insert(package.to_owned()) {
            return Ok(());
        }
        let Some((folder, uuid)) = self.package(package)? else { return Ok(()) };
        let Some((wrapper, artifact)) = self.artifact(package, &folder, &uuid, products)? else { return Ok(()) };
        for dependency in &wrapper.dependencies {
            self.collect(dependency, seen, products)?;
        }
        let parent = |path: &Path| path.parent().map(Path::to_owned).into_iter();
        products.executables =
            wrapper.executables.iter().map(|(name, path)| (name.clone(), artifact.join(path))).collect();
        products.path.extend(products.executables.iter().flat_map(|(_, path)| parent(path)));
        products.library_path.extend(wrapper.libraries.iter().flat_map(|path| parent(&artifact.join(path))));
        Ok(())
    }

    /// The wrapper and the artifact of a package; nothing where it has no artifacts at all.
    fn artifact(
        &self,
        package: &str,
        folder: &Path,
        uuid: &str,
        products: &mut Products,
    ) -> Result<Option<(Wrapper, PathBuf)>, Error> {
        let files = ["JuliaArtifacts.toml", "Artifacts.toml"].map(|name| folder.join(name));
        let Some(file) = files.into_iter().find(|file| file.is_file()) else { return Ok(None) };
        let name = package.strip_suffix("_jll").unwrap_or(package);
        let document = read(&file)?;
        let bad = |cause: &str| {
            Error::failed(
                format!("cannot use {package}"),
                format!("{cause} ({})", file.display()),
                "another version of it may do",
            )
        };
        let item = document.as_table().get(name).ok_or_else(|| bad(&format!("it has no artifact {name}")))?;
        let tree = |table: &dyn TableLike| table.get("git-tree-sha1").and_then(Item::as_str).map(str::to_owned);
        let wrappers = folder.join("src/wrappers");
        let own = folder.join("override");
        let (wrapper, path) = if let Some(tables) = item.as_array_of_tables() {
            let mut found: Vec<(Platform, PathBuf)> = Vec::new();
            for table in tables {
                let platform = platform(table);
                if let Some(tree) = tree(table).filter(|_| platform.matches(self.host)) {
                    found.push((platform, self.place(name, uuid, &tree, products)));
                }
            }
            if found.is_empty() {
                return Err(bad(&format!("it has nothing for this machine, {}", self.host.triplet())));
            }
            // Pkg has got the one that this Julia wants, which packages may choose by tags of their own.
            if found.iter().any(|(_, path)| path.is_dir()) {
                found.retain(|(_, path)| path.is_dir());
            }
            found.sort_by_key(|(platform, _)| platform.triplet());
            let (platform, path) = found.pop().unwrap_or_default();
            (self::wrapper(&wrappers, &platform), path)
        } else {
            let tree = item.as_table_like().and_then(tree).ok_or_else(|| bad("it is malformed"))?;
            (Some(wrappers.join("any.jl")), self.place(name, uuid, &tree, products))
        };
        let path = if own.is_dir() { own } else { path };
        if !path.is_dir() {
            return Err(bad(&format!(
                "{} is not there; Pkg could not get it, or it was not what it should be",
                path.display()
            )));
        }
        let wrapper = wrapper.ok_or_else(|| bad("it has no wrapper for this machine"))?;
        let text = fs::read_to_string(&wrapper).map_err(|error| Error::app_file("cannot read", &wrapper, &error))?;
        products.sources.push(path.clone());
        Ok(Some((Wrapper::parse(&text), path)))
    }

    /// Where a tree of files lies, unless a depot's Overrides.toml says otherwise (stdlib/Artifacts, `load_overrides`).
    fn place(&self, name: &str, uuid: &str, tree: &str, products: &mut Products) -> PathBuf {
        for depot in self.depots {
            let file = depot.join("artifacts/Overrides.toml");
            let Ok(document) = read(&file) else { continue };
            if !products.sources.contains(&file) {
                products.sources.push(file);
            }
            let table = document.as_table();
            let of_package = table.get(uuid).and_then(Item::as_table_like).and_then(|table| table.get(name));
            if let Some(instead) = of_package.or_else(|| table.get(tree)).and_then(Item::as_str) {
                return if instead.starts_with('/') { instead.into() } else { self.in_depots(instead) };
            }
        }
        self.in_depots(tree)
    }

    fn in_depots(&self, tree: &str) -> PathBuf {
        let places: Vec<PathBuf> = self.depots.iter().map(|depot| depot.join("artifacts").join(tree)).collect();
        places.iter().find(|place| place.is_dir()).or(places.first()).cloned().unwrap_or_default()
    }
}

fn platform(table: &dyn TableLike) -> Platform {
    let is_tag = |name: &str| !["git-tree-sha1", "lazy", "download"].contains(&name);
    let tags = table.iter().filter(|(name, _)| is_tag(name));
    Platform(tags.filter_map(|(name, item)| Some((name.to_owned(), item.as_str()?.to_owned()))).collect())
}

/// The file for a platform: its name is a triplet, which may say less or more than the artifact does.
fn wrapper(folder: &Path, platform: &Platform) -> Option<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named =
        files.filter_map(|path| Some((Platform::parse(path.file_name()?.to_str()?.strip_suffix(".jl")?), path)));
    let mut matching: Vec<(Platform, PathBuf)> =
        named.filter(|(of_file, _)| of_file.matches(platform) && platform.matches(of_file)).collect();
    matching.sort_by_key(|(platform, _)| platform.triplet());
    matching.pop().map(|(_, path)| path)
}
