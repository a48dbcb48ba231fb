//! Pkg's log of manifests in use: `Pkg.gc` removes packages that no manifest in it names (`write_env_usage`, src/Types.jl).
//!
//! An environment is made in another folder than it is used in, so its place is not in that log yet.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use toml_edit::Key;

use super::lock::Lock;
use crate::toolchain::Error;

/// Says that a manifest is in use. As Pkg of Julia 1.5 does, an entry is appended; later ones read that and write all anew,
/// under the lock that is taken here.
///
/// # Errors
/// The log cannot be written to.
pub fn note(depot: &Path, manifest: &Path) -> Result<(), Error> {
    let folder = depot.join("logs");
    let path = folder.join("manifest_usage.toml");
    let failed = |error| Error::app_file("cannot write", &path, &error);
    fs::create_dir_all(&folder).map_err(failed)?;
    let _lock = Lock::take(&folder.join("manifest_usage.toml.pid"), |_| {})?;
    let key = Key::new(manifest.display().to_string());
    let entry = format!("[[{}]]\ntime = {}\n", key.display_repr(), now());
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    file.write_all(entry.as_bytes()).map_err(failed)
}

/// The time of day, in UTC, as TOML has it. Pkg compares days.
fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86400, seconds % 86400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day since 1970-01-01 (the proleptic Gregorian calendar).
fn date(days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_as_dates() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_781), (2026, 11, 24));
        assert_eq!(date(20_818), (2026, 12, 31));
    }
}
