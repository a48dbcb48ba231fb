//! What a download asks a server for, and what it makes of the answer.

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_NONE_MATCH, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};

use super::Download;
use crate::toolchain::Error;
use crate::toolchain::install::http::{Failure, header};

impl Download<'_> {
    pub(super) fn headers(&self) -> HeaderMap {
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

    pub(super) fn accept(&mut self, response: Response) -> Result<(), Error> {
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
            let rest = response.content_length();
            self.size = self.size.or_else(|| Some(self.position + rest?));
        } else if self.expected.sha256.is_some() || (self.strong_etag().is_some() && self.etag == etag) {
            // All over again; whether it is the same shows in the hash.
            self.skip = self.position;
            self.size = self.size.or(response.content_length());
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

    /// The server has no byte behind those that came in.
    pub(super) fn nothing_more(&mut self) -> Result<(), Error> {
        let Some(size) = self.size else {
            // All was kept; whether it is right shows in the hash.
            self.size = Some(self.position);
            return Ok(());
        };
        let problem = format!("the server promised {size} bytes and has only {}", self.position);
        Err(Failure::lasting(problem).of_url(&self.url))
    }
}

/// Where a partial body begins (RFC 9110, 14.4).
fn start_of(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
