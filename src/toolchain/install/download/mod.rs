//! A download that goes on after a break, read as it comes in.

mod answer;

use std::io::{self, Read};

use reqwest::{Response, StatusCode};
use sha2::{Digest, Sha256};

use super::Progress;
use super::http::{Failure, Http, MOST_ATTEMPTS};
use super::part::Part;
use crate::sys::crash_point;
use crate::toolchain::Error;

/// So much is read at once of what was kept, in bytes.
const PIECE: u64 = 1 << 16;

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
    /// Where what comes in is kept.
    part: Option<Part>,
    /// Bytes of it that were there before and have not been read yet.
    unread: u64,
    response: Option<Response>,
    /// Come in and not read yet.
    piece: Vec<u8>,
    read: usize,
    /// Bytes that have come in, those in `piece` and in `part` among them.
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
        part: Option<Part>,
        progress: &'a mut dyn Progress,
    ) -> Result<Self, Error> {
        let kept = part.as_ref().map_or(0, Part::length);
        let mut download = Self {
            http,
            url: url.to_owned(),
            size: expected.size.filter(|_| kept > 0),
            expected,
            progress,
            part,
            unread: kept,
            response: None,
            piece: Vec::new(),
            read: 0,
            position: kept,
            skip: 0,
            etag: None,
            hash: Sha256::new(),
            failed_attempts: 0,
            unchanged: false,
            ended: false,
            failure: None,
        };
        while download.response.is_none() && !download.unchanged && !download.is_complete() {
            download.attempt()?;
        }
        if !download.unchanged {
            download.progress.begin(url, download.size, kept);
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

    /// What was kept, for as long as it may be needed.
    pub(super) fn take_part(&mut self) -> Option<Part> {
        self.part.take()
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
            Err(failure) if failure.status == Some(StatusCode::RANGE_NOT_SATISFIABLE) => self.nothing_more(),
            Err(failure) => self.wait_after(failure),
        }
    }

    fn is_complete(&self) -> bool {
        self.size == Some(self.position)
    }

    fn wait_after(&mut self, failure: Failure) -> Result<(), Error> {
        self.failed_attempts += 1;
        if !failure.may_pass || self.failed_attempts >= MOST_ATTEMPTS {
            // The next install goes on where the network was lost.
            let _ = self.part.as_mut().filter(|_| failure.may_pass && self.position > 0).map(Part::keep);
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
                _ if self.unread > 0 => self.recall()?,
                None if self.size == Some(self.position) => self.ended = true,
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

    /// Reads on in what was kept.
    fn recall(&mut self) -> Result<(), Error> {
        let read = match &mut self.part {
            Some(part) => part.read(&mut self.piece, self.unread.min(PIECE)),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        let read = read.and_then(|count| if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(count) });
        let count =
            read.map_err(|error| Error::failed("cannot read what was kept of a download", error, "try again"))?;
        self.unread -= count as u64;
        self.hash.update(&self.piece);
        self.read = 0;
        Ok(())
    }

    fn take(&mut self, piece: &[u8]) {
        let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
        self.skip -= known as u64;
        let piece = &piece[known..];
        if piece.is_empty() {
            return;
        }
        self.failed_attempts = 0;
        if self.part.as_mut().is_some_and(|part| !part.add(piece)) {
            self.part = None;
        }
        crash_point("install-half-downloaded");
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
