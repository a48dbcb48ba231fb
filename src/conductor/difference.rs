//! In what two launches differ that cannot share a worker, for people. Values of variables are not told: they may be secrets.

use std::ffi::OsString;

use super::key::Key;

/// Names of `NAME=value` entries that stand in one list only, or in both with different values.
pub(super) fn differing_names(ours: &[Vec<u8>], theirs: &[Vec<u8>]) -> Vec<String> {
    let one_sided = |one: &[Vec<u8>], other: &[Vec<u8>]| -> Vec<String> {
        one.iter().filter(|entry| !other.contains(entry)).map(|entry| name(entry)).collect()
    };
    let mut names = one_sided(ours, theirs);
    names.extend(one_sided(theirs, ours));
    names.sort_unstable();
    names.dedup();
    names
}

/// The name in front of `=`.
pub(super) fn name(entry: &[u8]) -> String {
    let name = entry.split(|byte| *byte == b'=').next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

impl Key {
    /// What this key has otherwise than another one, in words; nothing where they are equal.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.julia != other.julia {
            let replaced = self.julia.path == other.julia.path;
            let path = self.julia.path.display();
            found.push(if replaced { format!("{path} was replaced") } else { format!("Julia {path}") });
        }
        found.extend((self.julia == other.julia && self.image != other.image).then(|| "its system image".to_owned()));
        if self.isolation != other.isolation {
            found.push(format!("isolation {}", self.isolation.name()));
        }
        found.extend(switches(&self.switches, &other.switches));
        let variables = differing_names(&self.variables, &other.variables);
        found.extend((!variables.is_empty()).then(|| format!("variables {}", variables.join(", "))));
        if let (Some(ours), Some(theirs)) = (&self.program, &other.program) {
            found.extend(ours.differences(theirs));
        }
        found
    }
}

fn switches(ours: &[OsString], theirs: &[OsString]) -> Option<String> {
    let only = |one: &[OsString], other: &[OsString]| -> Vec<String> {
        one.iter().filter(|word| !other.contains(word)).map(|word| word.to_string_lossy().into_owned()).collect()
    };
    let (with, without) = (only(ours, theirs), only(theirs, ours));
    let part = |word: &str, list: Vec<String>| (!list.is_empty()).then(|| format!("{word} {}", list.join(" ")));
    let parts: Vec<String> = [part("with", with), part("without", without)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("switches ({})", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn names_of_what_differs_and_no_values() {
        let (ours, theirs) = (entries(&["A=1", "B=secret", "LANG=C"]), entries(&["A=1", "B=other", "TZ=UTC"]));
        assert_eq!(differing_names(&ours, &theirs), ["B", "LANG", "TZ"]);
        assert_eq!(differing_names(&ours, &ours), Vec::<String>::new());
    }

    #[test]
    fn switches_of_either_side() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let found = switches(&words(&["-O3", "--inline=no"]), &words(&["-O2", "--inline=no"]));
        assert_eq!(found.as_deref(), Some("switches (with -O3, without -O2)"));
        assert_eq!(switches(&words(&["-O3"]), &words(&["-O3"])), None);
    }
}
