//! From an address to a Julia in staging, whole and with the right hash.

use flate2::read::GzDecoder;

use super::Progress;
use super::download::{Download, Expected};
use super::http::Http;
use super::part::Part;
use super::staging::Staging;
use super::unpack::{self, Problem};
use crate::sys::crash_point;
use crate::toolchain::{Error, Place};

/// What has been fetched.
pub(super) struct Fetched {
    pub(super) staging: Staging,
    /// Of the archive, in hexadecimal digits.
    pub(super) digest: String,
    pub(super) etag: Option<String>,
    /// Kept until the Julia is recorded: whoever kills us before need not download again.
    pub(super) part: Option<Part>,
}

/// Why nothing was fetched.
enum Trouble {
    /// What came in is not what it should be.
    Content(Error),
    Other(Error),
}

/// Downloads and unpacks an archive; `None` where the server still has what [`Expected::unless`] names.
pub(super) fn fetch(
    (http, place): (&Http, &Place),
    url: &str,
    expected: &Expected,
    progress: &mut dyn Progress,
) -> Result<Option<Fetched>, Error> {
    let part = open_part(place, expected);
    let was_kept = part.as_ref().is_some_and(|part| part.length() > 0);
    match attempt((http, place), url, expected, part, progress) {
        // What was kept may have suffered, by a power cut for one: it counts for nothing, and the server for all.
        Err(Trouble::Content(_)) if was_kept => {
            attempt((http, place), url, expected, open_part(place, expected), progress)
        }
        outcome => outcome,
    }
    .map_err(|(Trouble::Content(error) | Trouble::Other(error))| error)
}

fn open_part(place: &Place, expected: &Expected) -> Option<Part> {
    let part = Part::open(place, expected.sha256.as_deref()?)?;
    expected.size.is_none_or(|size| part.length() <= size).then_some(part)
}

fn attempt(
    (http, place): (&Http, &Place),
    url: &str,
    expected: &Expected,
    part: Option<Part>,
    progress: &mut dyn Progress,
) -> Result<Option<Fetched>, Trouble> {
    let staging = Staging::begin(place).map_err(Trouble::Other)?;
    crash_point("install-staged");
    let mut download = Download::open(http, url, expected.clone(), part, progress).map_err(Trouble::Other)?;
    if download.is_unchanged() {
        return Ok(None);
    }
    let unpacked = unpack::unpack(GzDecoder::new(&mut download), &staging.tree());
    if let Some(failure) = download.take_failure() {
        return Err(Trouble::Other(failure));
    }
    match unpacked {
        Err(Problem::Unwritable(error)) => return Err(Trouble::Other(error)),
        unpacked => unpacked.map_err(|problem| Trouble::Content(problem.of(url)))?,
    }
    let digest = download.finish().map_err(Trouble::Content)?;
    crash_point("install-verified");
    Ok(Some(Fetched { staging, digest, etag: download.etag(), part: download.take_part() }))
}
