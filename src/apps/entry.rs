//! Entry points: what `entry` of an app in a Project.toml names, and which files may hold an app.

use std::path::{Component, Path, PathBuf};

use super::project::is_identifier;

/// Where an app's `main` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryPoint {
    /// In the package itself or, by its path inside of that, in a submodule.
    Module(Option<String>),
    /// In the module that a file holds, below the package's folder `apps` or `app`.
    File(String),
}

/// Where files with apps lie in a package, in the order in which they are looked for.
pub(super) const FOLDERS: [&str; 2] = ["apps", "app"];

impl EntryPoint {
    /// Reads `Rot13.InvRot13`, of the package `Rot13`, or `rot26.jl`.
    pub(super) fn parse(package: &str, text: &str) -> Result<Self, String> {
        if Path::new(text).extension().is_some_and(|extension| extension == "jl") {
            let is_below = Path::new(text).components().all(|part| matches!(part, Component::Normal(_)));
            let problem = || format!("entry = \"{text}\" does not lie in the package's folder apps");
            return is_below.then(|| Self::File(text.to_owned())).ok_or_else(problem);
        }
        let (root, path) = text.split_once('.').map_or((text, None), |(root, path)| (root, Some(path)));
        if !text.split('.').all(is_identifier) {
            return Err(format!("entry = \"{text}\" is neither a module nor a file that ends in .jl"));
        }
        if root != package {
            return Err(format!("entry = \"{text}\" does not begin with the package, as {package}.{text} would"));
        }
        Ok(Self::Module(path.map(str::to_owned)))
    }
}

/// The file of an app in the package in `folder`.
pub(super) fn file(folder: &Path, entry: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|place| folder.join(place).join(entry)).find(|path| path.is_file())
}

/// The file that an app has where its entry point is not named: `app/rot26.jl`, `app/Rot26/rot26.jl`, `app/rot26/rot26.jl`.
pub(super) fn usual_file(folder: &Path, app: &str) -> Option<PathBuf> {
    let places = FOLDERS.iter().map(|place| folder.join(place)).filter(|place| place.is_dir());
    let mut letters = app.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let name = format!("{app}.jl");
    let files =
        places.flat_map(|place| [place.join(&name), place.join(&capital).join(&name), place.join(app).join(&name)]);
    files.into_iter().find(|path| path.is_file())
}

/// The name of the first module in a file of Julia's: the first line outside of comments and strings that begins with `module`.
pub(super) fn module_name(text: &str) -> Option<String> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ';');
        if let Some(comment) = rest.strip_prefix("#=") {
            rest = after_comment(comment);
        } else if let Some(string) = rest.strip_prefix("\"\"\"") {
            rest = after_string(string, "\"\"\"");
        } else if let Some(string) = rest.strip_prefix('"') {
            rest = after_string(string, "\"");
        } else if let Some(name) = declared_module(rest) {
            return Some(name);
        } else {
            rest = rest.split_once('\n')?.1;
        }
    }
}

fn declared_module(line: &str) -> Option<String> {
    let rest = line.strip_prefix("bare").unwrap_or(line).strip_prefix("module")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || "_!".contains(*letter)).collect();
    (!name.is_empty()).then_some(name)
}

/// Comments of Julia's may hold others.
fn after_comment(mut rest: &str) -> &str {
    let mut depth = 1;
    while depth > 0 {
        let Some(at) = rest.find(['#', '=']) else { return "" };
        rest = &rest[at..];
        if let Some(inner) = rest.strip_prefix("#=") {
            (rest, depth) = (inner, depth + 1);
        } else if let Some(outer) = rest.strip_prefix("=#") {
            (rest, depth) = (outer, depth - 1);
        } else {
            rest = &rest[1..];
        }
    }
    rest
}

fn after_string<'a>(mut rest: &'a str, end: &str) -> &'a str {
    while let Some(at) = rest.find(['\\', '"']) {
        rest = &rest[at..];
        if rest.starts_with('\\') {
            let mut letters = rest.chars();
            letters.by_ref().take(2).for_each(drop);
            rest = letters.as_str();
        } else if let Some(after) = rest.strip_prefix(end) {
            return after;
        } else {
            rest = &rest[1..];
        }
    }
    ""
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn modules_and_files() {
        let parse = |text: &str| EntryPoint::parse("Rot13", text);
        assert_eq!(parse("Rot13"), Ok(EntryPoint::Module(None)));
        assert_eq!(parse("Rot13.A.B"), Ok(EntryPoint::Module(Some("A.B".into()))));
        assert_eq!(parse("rot26/rot26.jl"), Ok(EntryPoint::File("rot26/rot26.jl".into())));
        for bad in ["A", "Rot13.", "", "../x.jl", "/x.jl", "x.py", "Rot13.a b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_module_of_a_file() {
        let name = |text: &str| module_name(text);
        assert_eq!(name("module A\nend"), Some("A".into()));
        assert_eq!(
            name(
                "# module X\n#= module Y #= =# \nmodule Z =# \"module\\\" Q\"\n\"\"\"\nmodule \"P\"\n\"\"\"\nbaremodule B; end"
            ),
            Some("B".into())
        );
        assert_eq!(name("using Foo\nmodules = 1\nmodule Äpfel_1\n"), Some("Äpfel_1".into()));
        for none in ["", "println(1)", "#= module A", "module", "\"\"\"module A"] {
            assert_eq!(name(none), None, "{none}");
        }
    }
}
