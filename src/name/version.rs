//! A version of Julia.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version of Julia, without what follows a `+` (`1.12.2+0.x64.linux.gnu` is 1.12.2).
///
/// Ordered as releases follow each other: `1.13.0-DEV.9 < 1.13.0-alpha1 < 1.13.0-rc2 < 1.13.0-rc10 < 1.13.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
    /// What stands behind the `-`, such as `rc3` or `DEV.1234`.
    pub prerelease: Option<String>,
}

/// Not a version of three numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVersion(String);

impl Version {
    /// A release.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch, prerelease: None }
    }

    /// Major and minor version: what a manifest that was resolved with this Julia is made for.
    pub const fn line(&self) -> (u32, u32) {
        (self.major, self.minor)
    }

    /// Neither `-rc3` nor `-DEV`.
    pub const fn is_release(&self) -> bool {
        self.prerelease.is_none()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        self.prerelease.as_ref().map_or(Ok(()), |word| write!(f, "-{word}"))
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<Self, BadVersion> {
        parse(text).ok_or_else(|| BadVersion(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Version> {
    let text = text.split_once('+').map_or(text, |(version, _build)| version);
    let (numbers, prerelease) = match text.split_once('-') {
        Some((numbers, word)) => (numbers, Some(word)),
        None => (text, None),
    };
    let is_word = |word: &str| {
        word.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    if prerelease.is_some_and(|word| !is_word(word)) {
        return None;
    }
    let mut numbers = numbers.split('.').map(number);
    let version = Version {
        major: numbers.next()??,
        minor: numbers.next()??,
        patch: numbers.next()??,
        prerelease: prerelease.map(str::to_owned),
    };
    numbers.next().is_none().then_some(version)
}

/// A decimal number as it is printed: without sign and leading zeros.
pub(super) fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (&self.prerelease, &other.prerelease) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(two)) => order_of(one).cmp(&order_of(two)).then_with(|| one.cmp(two)),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Word and number: `rc10` comes after `rc2`. `DEV` comes before `alpha` since capitals do.
fn order_of(prerelease: &str) -> (&str, u64) {
    let digits = prerelease.find(|c: char| c.is_ascii_digit()).unwrap_or(prerelease.len());
    let (word, rest) = prerelease.split_at(digits);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (word, rest[..end].parse().unwrap_or(0))
}

impl fmt::Display for BadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a version of Julia such as 1.10.4 or 1.13.0-rc3", self.0)
    }
}

impl std::error::Error for BadVersion {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn releases_follow_each_other() {
        let order = ["1.9.4", "1.13.0-DEV.9", "1.13.0-DEV.10", "1.13.0-alpha1", "1.13.0-beta2", "1.13.0-rc2"];
        let order = order.into_iter().chain(["1.13.0-rc10", "1.13.0", "1.13.1"]);
        let versions: Vec<Version> = order.map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted());
    }

    #[test]
    fn builds_are_left_out_and_the_rest_is_refused() {
        assert_eq!("1.12.2+0.x64.linux.gnu".parse(), Ok(Version::new(1, 12, 2)));
        for text in ["", "1", "1.2", "1.2.3.4", "1.02.3", "1.2.3-", "v1.2.3", "1.2.-3", "1.2.3-rc 1", "1.2.99999999999"]
        {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
