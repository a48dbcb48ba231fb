//! A download that goes on after a break, read as it comes in.

use std::io::{self, Read};

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_NONE_MATCH, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use sha2::{Digest, Sha256};

use super::Progress;
use super::http::{Failure, Http, MOST_ATTEMPTS, header};
use crate::toolchain::Error;

/// What is known of a file before it is downloaded.
#[derive(Debug, Default, Clone)]
pub(super) struct Expected {
    /// In lower-case hexadecimal digits.
    pub(super) sha256: Option<String>,
    /// In bytes.
    pub(super) size: Option<u64>,
    /// Nothing is wanted if the server still has the build with this tag.
    pub(super) unless: Option<String>,
}

/// The body of a URL, as one stream however often the connection breaks.
pub(super) struct Download<'a> {
    http: &'a Http,
    url: String,
    expected: Expected,
    progress: &'a mut dyn Progress,
    response: Option<Response>,
    /// Come in and not read yet.
    piece: Vec<u8>,
    read: usize,
    /// Bytes that have come in, those in `piece` among them.
    position: u64,
    /// Bytes of a body that began anew which we have already.
    skip: u64,
    size: Option<u64>,
    etag: Option<String>,
    hash: Sha256,
    /// In a row, without a byte.
    failed_attempts: u32,
    unchanged: bool,
    ended: bool,
    /// Why it ended early. Readers in between may disguise the error that they got.
    failure: Option<Error>,
}

impl<'a> Download<'a> {
    /// Asks for a file; attempts that fail are repeated.
    pub(super) fn open(
        http: &'a Http,
        url: &str,
        expected: Expected,
        progress: &'a mut dyn Progress,
    ) -> Result<Self, Error> {
        let mut download = Self {
            http,
            url: url.to_owned(),
            expected,
            progress,
            response: None,
            piece: Vec::new(),
            read: 0,
            position: 0,
            skip: 0,
            size: None,
            etag: None,
            hash: Sha256::new(),
            failed_attempts: 0,
            unchanged: false,
            ended: false,
            failure: None,
        };
        while download.response.is_none() && !download.unchanged {
            download.attempt()?;
        }
        if !download.unchanged {
            download.progress.begin(url, download.size);
        }
        Ok(download)
    }

    /// The server still has what [`Expected::unless`] names; there is no body.
    pub(super) fn is_unchanged(&self) -> bool {
        self.unchanged
    }

    /// What tells this build from the next, as the server has it.
    pub(super) fn etag(&self) -> Option<String> {
        self.etag.clone()
    }

    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// The whole body, for those of moderate size.
    pub(super) fn all(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while self.fill()? {
            bytes.extend_from_slice(&self.piece[self.read..]);
            self.read = self.piece.len();
        }
        Ok(bytes)
    }

    /// Reads what is left and compares the hash; returns it in hexadecimal digits.
    pub(super) fn finish(&mut self) -> Result<String, Error> {
        while self.fill()? {
            self.read = self.piece.len();
        }
        let found = hexadecimal(&self.hash.clone().finalize());
        match &self.expected.sha256 {
            Some(expected) if *expected != found => Err(Error::failed(
                format!("{} is not what was published", self.url),
                format!("its SHA-256 is {found}, the list of versions says {expected}"),
                "nothing was installed; try again, and if it stays so, do not trust that server or what lies in between",
            )),
            _ => Ok(found),
        }
    }

    /// One request; what may pass is waited for, what will not is the error.
    fn attempt(&mut self) -> Result<(), Error> {
        match self.http.get(&self.url, self.headers()) {
            Ok(response) => self.accept(response),
            Err(failure) if failure.status == Some(StatusCode::RANGE_NOT_SATISFIABLE) => Err(self.too_short()),
            Err(failure) => self.wait_after(failure),
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.position > 0 {
            headers.extend(header(&format!("bytes={}-", self.position)).map(|value| (RANGE, value)));
            headers.extend(self.strong_etag().and_then(header).map(|value| (IF_RANGE, value)));
        } else {
            headers.extend(self.expected.unless.as_deref().and_then(header).map(|value| (IF_NONE_MATCH, value)));
        }
        headers
    }

    /// A weak one does not promise the same bytes.
    fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/"))
    }

    fn accept(&mut self, response: Response) -> Result<(), Error> {
        if response.status() == StatusCode::NOT_MODIFIED {
            self.unchanged = self.position == 0 && self.expected.unless.is_some();
            let failure = Failure::lasting("the server says that nothing has changed, which it was not asked");
            return if self.unchanged { Ok(()) } else { Err(failure.of_url(&self.url)) };
        }
        let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if self.position == 0 {
            self.size = response.content_length();
            self.etag = etag;
            self.check_size()?;
        } else if response.status() == StatusCode::PARTIAL_CONTENT {
            if start_of(&response) != Some(self.position) {
                let problem = "the server went on at another place than was asked for";
                return Err(Failure::lasting(problem).of_url(&self.url));
            }
        } else if self.expected.sha256.is_some() || (self.strong_etag().is_some() && self.etag == etag) {
            // All over again; whether it is the same shows in the hash.
            self.skip = self.position;
        } else {
            let failure = Failure::lasting("it changed while it was being downloaded");
            return Err(Failure { status: Some(response.status()), ..failure }.of_url(&self.url));
        }
        self.response = Some(response);
        Ok(())
    }

    fn check_size(&self) -> Result<(), Error> {
        match (self.size, self.expected.size) {
            (Some(size), Some(expected)) if size != expected => Err(Error::failed(
                format!("{} is not what was published", self.url),
                format!("the server offers {size} bytes, the list of versions says {expected}"),
                "nothing was installed; try again later",
            )),
            _ => Ok(()),
        }
    }

    fn too_short(&self) -> Error {
        let promised = self.size.map_or_else(|| "more".to_owned(), |size| format!("{size} bytes"));
        let problem = format!("the server promised {promised} and has only {}", self.position);
        Failure::lasting(problem).of_url(&self.url)
    }

    fn wait_after(&mut self, failure: Failure) -> Result<(), Error> {
        self.failed_attempts += 1;
        if !failure.may_pass || self.failed_attempts >= MOST_ATTEMPTS {
            return Err(failure.of_url(&self.url));
        }
        self.progress.again(&failure.problem);
        self.http.pause_after(self.failed_attempts);
        Ok(())
    }

    /// Makes sure that there is something to read; false at the end.
    fn fill(&mut self) -> Result<bool, Error> {
        while self.read == self.piece.len() && !self.ended {
            match &mut self.response {
                None => self.attempt()?,
                Some(response) => match self.http.piece(response) {
                    Ok(Some(piece)) => self.take(piece.as_ref()),
                    Ok(None) if self.size.is_none_or(|size| self.position >= size) => self.ended = true,
                    Ok(None) => self.break_off("the connection was closed early".to_owned())?,
                    Err(failure) => self.break_off(failure.problem)?,
                },
            }
        }
        Ok(!self.ended)
    }

    fn break_off(&mut self, problem: String) -> Result<(), Error> {
        self.response = None;
        self.skip = 0;
        self.wait_after(Failure::passing(problem))
    }

    fn take(&mut self, piece: &[u8]) {
        let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
        self.skip -= known as u64;
        let piece = &piece[known..];
        if piece.is_empty() {
            return;
        }
        self.failed_attempts = 0;
        self.hash.update(piece);
        self.position += piece.len() as u64;
        self.progress.reached(self.position);
        self.piece.clear();
        self.piece.extend_from_slice(piece);
        self.read = 0;
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.fill() {
            Ok(true) => {}
            Ok(false) => return Ok(0),
            Err(failure) => {
                self.ended = true;
                let error = io::Error::other(failure.to_string());
                self.failure = Some(failure);
                return Err(error);
            }
        }
        let count = buffer.len().min(self.piece.len() - self.read);
        buffer[..count].copy_from_slice(&self.piece[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

impl Drop for Download<'_> {
    fn drop(&mut self) {
        self.progress.end();
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Where a partial body begins (RFC 9110, 14.4).
fn start_of(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
