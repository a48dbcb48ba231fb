//! Platforms of artifacts, and which of them run here (base/binaryplatforms.jl; Pkg's own BinaryPlatforms to Julia 1.5).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Tags of a platform: `arch`, `os`, `libc`, `libgfortran_version`, `cxxstring_abi` and whatever else packages use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Platform(pub(super) BTreeMap<String, String>);

impl Platform {
    fn tag(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// This machine, with what can be seen of a Julia's libraries in these folders.
    pub(super) fn host(library_folders: &[impl AsRef<Path>], julia_version: Option<&str>) -> Self {
        let arch = match std::env::consts::ARCH {
            "x86" => "i686",
            "arm" => "armv7l",
            arch => arch,
        };
        let names: Vec<String> = library_folders
            .iter()
            .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        let newest = |head: &str| names.iter().filter_map(|name| name.strip_prefix(head)?.parse::<u32>().ok()).max();
        let mut tags = vec![("arch", arch.to_owned()), ("os", "linux".to_owned()), ("libc", libc().to_owned())];
        tags.extend((arch == "armv7l").then(|| ("call_abi", "eabihf".to_owned())));
        tags.extend(newest("libgfortran.so.").map(|number| ("libgfortran_version", format!("{number}.0.0"))));
        tags.extend(newest("libstdc++.so.6.0.").map(|number| ("libstdcxx_version", format!("3.4.{number}"))));
        // Since GCC 5; Julia has been built with later ones.
        tags.push(("cxxstring_abi", "cxx11".to_owned()));
        tags.extend(julia_version.map(|version| ("julia_version", version.to_owned())));
        Self(tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Whether what was built for `self` runs on `host`. What only one of them says anything about does not part them, but
    /// instrumented builds are for instrumented programs alone.
    pub(super) fn matches(&self, host: &Self) -> bool {
        let agree = |(name, value): (&String, &String)| match (name.as_str(), host.tag(name)) {
            ("sanitize", other) => other == Some(value),
            (_, None) => true,
            ("libgfortran_version", Some(other)) => numbers(value).first() == numbers(other).first(),
            ("libstdcxx_version", Some(other)) => numbers(value) <= numbers(other),
            ("julia_version", Some(other)) => numbers(value).iter().take(2).eq(numbers(other).iter().take(2)),
            (_, Some(other)) => value.eq_ignore_ascii_case(other),
        };
        self.0.iter().all(agree)
    }

    /// As file names have it: `x86_64-linux-gnu-libgfortran5-cxx11-llvm_version+14`. Of several that match the last one is taken.
    pub(super) fn triplet(&self) -> String {
        let libc = match (self.tag("libc"), self.tag("call_abi")) {
            (Some("musl"), abi) => format!("musl{}", abi.unwrap_or_default()),
            (Some(_), abi) => format!("gnu{}", abi.unwrap_or_default()),
            (None, _) => String::new(),
        };
        let mut parts =
            vec![self.tag("arch").unwrap_or_default().to_owned(), self.tag("os").unwrap_or_default().to_owned(), libc];
        let last = |name: &str, at: usize| self.tag(name).and_then(|text| numbers(text).get(at).copied());
        parts.extend(last("libgfortran_version", 0).map(|number| format!("libgfortran{number}")));
        parts.extend(self.tag("cxxstring_abi").map(str::to_owned));
        parts.extend(last("libstdcxx_version", 2).map(|number| format!("libstdcxx{number}")));
        let known = ["arch", "os", "libc", "call_abi", "libgfortran_version", "cxxstring_abi", "libstdcxx_version"];
        parts.extend(
            self.0
                .iter()
                .filter(|(name, _)| !known.contains(&name.as_str()))
                .map(|(name, value)| format!("{name}+{value}")),
        );
        parts.retain(|part| !part.is_empty());
        parts.join("-")
    }

    /// Reads what [`Self::triplet`] writes.
    pub(super) fn parse(triplet: &str) -> Self {
        let mut tags = BTreeMap::new();
        let mut set = |name: &str, value: &str| tags.insert(name.to_owned(), value.to_owned());
        for (at, part) in triplet.split('-').enumerate() {
            match (at, part) {
                (0, arch) => set("arch", if arch == "armv7l" || arch == "arm" { "armv7l" } else { arch }),
                (1, os) => set("os", os),
                (2, "gnu" | "gnueabihf") => set("libc", "glibc"),
                (2, "musl" | "musleabihf") => set("libc", "musl"),
                (_, "cxx03" | "cxx11") => set("cxxstring_abi", part),
                _ => match (part.strip_prefix("libgfortran"), part.strip_prefix("libstdcxx"), part.split_once('+')) {
                    (Some(number), ..) => set("libgfortran_version", &format!("{number}.0.0")),
                    (_, Some(number), _) => set("libstdcxx_version", &format!("3.4.{number}")),
                    (.., Some((name, value))) => set(name, value),
                    _ => None,
                },
            };
        }
        Self(tags)
    }
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

/// Where both are there the system's own programs are glibc's.
fn libc() -> &'static str {
    let has = |head: &str| {
        fs::read_dir("/lib")
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with(head))
    };
    let glibc = has("ld-linux") || Path::new("/lib64/ld-linux-x86-64.so.2").exists();
    if has("ld-musl-") && !glibc { "musl" } else { "glibc" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(tags: &[(&str, &str)]) -> Platform {
        Platform(tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn host() -> Platform {
        platform(&[
            ("arch", "x86_64"),
            ("os", "linux"),
            ("libc", "glibc"),
            ("libgfortran_version", "5.0.0"),
            ("libstdcxx_version", "3.4.29"),
            ("cxxstring_abi", "cxx11"),
            ("julia_version", "1.10.4"),
        ])
    }

    #[test]
    fn what_runs_here() {
        let runs = |more: &[(&str, &str)]| {
            platform(&[&[("arch", "x86_64"), ("os", "linux"), ("libc", "glibc")], more].concat()).matches(&host())
        };
        assert!(runs(&[]) && runs(&[("libgfortran_version", "5.1.0")]) && runs(&[("julia_version", "1.10.0")]));
        assert!(runs(&[("libstdcxx_version", "3.4.22")]) && runs(&[("llvm_version", "14")]));
        assert!(!runs(&[("libgfortran_version", "4.0.0")]) && !runs(&[("cxxstring_abi", "cxx03")]));
        assert!(
            !runs(&[("libstdcxx_version", "3.4.30")])
                && !runs(&[("julia_version", "1.9.0")])
                && !runs(&[("sanitize", "memory")])
        );
        assert!(!platform(&[("arch", "aarch64"), ("os", "linux"), ("libc", "glibc")]).matches(&host()));
        assert!(!platform(&[("arch", "x86_64"), ("os", "windows")]).matches(&host()));
        assert!(!platform(&[("arch", "x86_64"), ("os", "linux"), ("libc", "musl")]).matches(&host()));
    }

    #[test]
    fn triplets_there_and_back() {
        for text in [
            "x86_64-linux-gnu",
            "aarch64-linux-musl-cxx11",
            "x86_64-linux-gnu-libgfortran5-cxx11-llvm_version+14.asserts",
            "x86_64-linux-gnu-cxx03-libstdcxx26-mpi+mpich",
        ] {
            assert_eq!(Platform::parse(text).triplet(), text);
        }
    }
}
