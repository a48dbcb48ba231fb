//! Channels, in juliaup's grammar.

use std::fmt;
use std::str::FromStr;

use super::version::number;
use super::{BadVersion, Version};

/// What stands behind the `+` of `julia +1.10~x64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel {
    pub kind: Kind,
    /// `~x64` and the like; `None` is this machine's own.
    pub architecture: Option<Architecture>,
}

/// What a channel follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The newest release.
    Release,
    /// The newest release of the line with long-term support.
    Lts,
    /// The newest release candidate, or what `release` is where that is newer.
    Rc,
    /// The newest beta, or what `rc` is where that is newer.
    Beta,
    /// The newest alpha, or what `beta` is where that is newer.
    Alpha,
    /// `1`: the newest release of a major version.
    Major(u32),
    /// `1.10`: the newest release of a minor version.
    Minor(u32, u32),
    /// `1.10.4`, `1.13.0-rc3`: this version for ever.
    Exact(Version),
    /// `nightly`, also written `latest`: last night's build of the main branch.
    Nightly,
    /// `1.11-nightly`: last night's build of a release branch.
    MinorNightly(u32, u32),
    /// `pr123`: the newest build of a pull request.
    PullRequest(u32),
    /// A linked Julia or an alias; or nothing at all, which only who knows all of them can tell.
    Named(String),
}

/// A processor, as channels name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is its own name")]
pub enum Architecture {
    X64,
    X86,
    Aarch64,
}

/// A word that is no channel and cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadName {
    word: String,
    problem: &'static str,
}

/// The longest name of a linked Julia or an alias, in bytes: it is part of file names and messages.
const LONGEST_NAME: usize = 100;

impl Channel {
    /// A channel of this machine's own architecture.
    pub const fn of(kind: Kind) -> Self {
        Self { kind, architecture: None }
    }

    /// Whether new versions come to it, so that updating makes sense.
    pub const fn moves(&self) -> bool {
        !matches!(self.kind, Kind::Exact(_) | Kind::Named(_))
    }

    /// Whether the name is one that servers know, not one that a user gave.
    pub const fn is_published(&self) -> bool {
        !matches!(self.kind, Kind::Named(_))
    }

    /// Names without a number, for suggestions.
    pub const WORDS: [&str; 6] = ["release", "lts", "rc", "beta", "alpha", "nightly"];
}

impl Architecture {
    /// All that a channel may ask for.
    pub const ALL: [Self; 3] = [Self::X64, Self::X86, Self::Aarch64];

    /// The architecture that this program was built for, if Julia is built for it as well.
    pub fn own() -> Option<Self> {
        let name = if cfg!(target_arch = "x86") { "i686" } else { std::env::consts::ARCH };
        Self::ALL.into_iter().find(|architecture| architecture.triplet_name() == name)
    }

    /// As in `~x64`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::X86 => "x86",
            Self::Aarch64 => "aarch64",
        }
    }

    /// As in target triplets and in `versions.json`.
    pub const fn triplet_name(self) -> &'static str {
        match self {
            Self::X64 => "x86_64",
            Self::X86 => "i686",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Whether a machine of this architecture runs programs of the other.
    pub fn runs(self, other: Self) -> bool {
        self == other || (self, other) == (Self::X64, Self::X86)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Release => f.write_str("release")?,
            Kind::Lts => f.write_str("lts")?,
            Kind::Rc => f.write_str("rc")?,
            Kind::Beta => f.write_str("beta")?,
            Kind::Alpha => f.write_str("alpha")?,
            Kind::Major(major) => write!(f, "{major}")?,
            Kind::Minor(major, minor) => write!(f, "{major}.{minor}")?,
            Kind::Exact(version) => write!(f, "{version}")?,
            Kind::Nightly => f.write_str("nightly")?,
            Kind::MinorNightly(major, minor) => write!(f, "{major}.{minor}-nightly")?,
            Kind::PullRequest(number) => write!(f, "pr{number}")?,
            Kind::Named(name) => f.write_str(name)?,
        }
        self.architecture.map_or(Ok(()), |architecture| write!(f, "~{architecture}"))
    }
}

impl FromStr for Channel {
    type Err = BadName;

    /// Reads a channel without its `+`.
    fn from_str(word: &str) -> Result<Self, BadName> {
        let problem = |problem| BadName { word: word.to_owned(), problem };
        if word.is_empty() {
            return Err(problem("is empty"));
        }
        if word.len() > LONGEST_NAME {
            return Err(problem("is too long"));
        }
        if word.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(problem("holds a space or a control character"));
        }
        if word.contains(['/', '\\', '"', '\'']) || word.starts_with(['+', '-', '.', '~']) {
            return Err(problem("is no name; paths go into `jlapp julia link <name> <path>`"));
        }
        Ok(published(word).unwrap_or_else(|| Self::of(Kind::Named(word.to_owned()))))
    }
}

/// A channel that servers know; a suffix that is no architecture belongs to a user's name.
fn published(word: &str) -> Option<Channel> {
    let (word, architecture) = match word.rsplit_once('~') {
        Some((word, suffix)) => {
            (word, Some(Architecture::ALL.into_iter().find(|architecture| architecture.name() == suffix)?))
        }
        None => (word, None),
    };
    Some(Channel { kind: kind(word)?, architecture })
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "release" => Kind::Release,
        "lts" => Kind::Lts,
        "rc" => Kind::Rc,
        "beta" => Kind::Beta,
        "alpha" => Kind::Alpha,
        "nightly" | "latest" => Kind::Nightly,
        _ => return numbered(word),
    })
}

fn numbered(word: &str) -> Option<Kind> {
    if let Some(digits) = word.strip_prefix("pr") {
        return number(digits).map(Kind::PullRequest);
    }
    if let Some(line) = word.strip_suffix("-nightly").or_else(|| word.strip_suffix("-latest")) {
        let (major, minor) = line.split_once('.')?;
        return Some(Kind::MinorNightly(number(major)?, number(minor)?));
    }
    if word.contains('+') {
        return None;
    }
    let exact: Result<Version, BadVersion> = word.parse();
    if let Ok(version) = exact {
        return Some(Kind::Exact(version));
    }
    match word.split_once('.') {
        Some((major, minor)) => Some(Kind::Minor(number(major)?, number(minor)?)),
        None => number(word).map(Kind::Major),
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { word, problem } = self;
        write!(f, "the channel {word:?} {problem}; channels are such as release, lts, 1.10, 1.10.4 or nightly")
    }
}

impl std::error::Error for BadName {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_the_grammar() {
        for (word, expected) in [
            ("release", Kind::Release),
            ("lts", Kind::Lts),
            ("rc", Kind::Rc),
            ("beta", Kind::Beta),
            ("alpha", Kind::Alpha),
            ("nightly", Kind::Nightly),
            ("latest", Kind::Nightly),
            ("1", Kind::Major(1)),
            ("1.10", Kind::Minor(1, 10)),
            ("1.10.4", Kind::Exact(Version::new(1, 10, 4))),
            ("1.13.0-rc3", Kind::Exact(Version { prerelease: Some("rc3".into()), ..Version::new(1, 13, 0) })),
            ("1.11-nightly", Kind::MinorNightly(1, 11)),
            ("1.11-latest", Kind::MinorNightly(1, 11)),
            ("pr123", Kind::PullRequest(123)),
            ("dev", Kind::Named("dev".into())),
            ("pr-mine", Kind::Named("pr-mine".into())),
            ("01.10", Kind::Named("01.10".into())),
            ("1.10.4.5", Kind::Named("1.10.4.5".into())),
        ] {
            assert_eq!(word.parse(), Ok(Channel::of(expected.clone())), "{word}");
            let foreign = Channel { kind: expected, architecture: Some(Architecture::Aarch64) };
            if foreign.is_published() {
                assert_eq!(format!("{word}~aarch64").parse(), Ok(foreign));
            }
        }
    }

    #[test]
    fn a_suffix_that_is_no_architecture_belongs_to_a_name() {
        assert_eq!("1.10~arm".parse(), Ok(Channel::of(Kind::Named("1.10~arm".into()))));
    }

    #[test]
    fn what_can_be_no_name() {
        for word in ["", "+1.10", "-x", "a b", "a\nb", "./julia", "/usr/bin/julia", "..", "~x64", &"x".repeat(101)] {
            assert!(word.parse::<Channel>().is_err(), "{word}");
        }
    }

    fn any_kind() -> impl Strategy<Value = Kind> {
        let prerelease = proptest::option::of("(alpha|beta|rc)[1-9]|DEV\\.[1-9][0-9]{0,3}");
        prop_oneof![
            prop::sample::select(vec![Kind::Release, Kind::Lts, Kind::Rc, Kind::Beta, Kind::Alpha, Kind::Nightly]),
            any::<u32>().prop_map(Kind::Major),
            any::<(u32, u32)>().prop_map(|(major, minor)| Kind::Minor(major, minor)),
            any::<(u32, u32)>().prop_map(|(major, minor)| Kind::MinorNightly(major, minor)),
            any::<u32>().prop_map(Kind::PullRequest),
            (any::<(u32, u32, u32)>(), prerelease).prop_map(|((major, minor, patch), prerelease)| {
                Kind::Exact(Version { major, minor, patch, prerelease })
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            kind in any_kind(),
            architecture in proptest::option::of(prop::sample::select(Architecture::ALL.to_vec())),
        ) {
            let channel = Channel { kind, architecture };
            prop_assert_eq!(channel.to_string().parse::<Channel>(), Ok(channel));
        }

        #[test]
        fn no_word_is_too_strange(word in ".{0,12}") {
            if let Ok(channel) = word.parse::<Channel>() {
                prop_assert_eq!(channel.to_string().parse::<Channel>(), Ok(channel.clone()));
                prop_assert!(!channel.to_string().contains('/'));
            }
        }
    }
}
