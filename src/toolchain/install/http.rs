//! One HTTP client, with patience.
//!
//! Proxies are those of `HTTPS_PROXY` and its like, certificates the system's or those of `SSL_CERT_FILE` and
//! `SSL_CERT_DIR`.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::runtime::Runtime;

use crate::env;
use crate::toolchain::Error;
use crate::toolchain::place::Variable;

/// Without a byte for so long, a connection is taken for dead.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts in a row that bring nothing.
pub(super) const MOST_ATTEMPTS: u32 = 4;
/// The pause before the second attempt is this part of the timeout, a quarter of a second of the usual one; it is doubled
/// before each further attempt.
const PAUSES_PER_TIMEOUT: u32 = 120;

pub(super) struct Http {
    client: reqwest::Client,
    runtime: Runtime,
    pause: Duration,
}

/// A request that brought nothing.
pub(super) struct Failure {
    pub(super) problem: String,
    /// Whether another attempt may bring more.
    pub(super) may_pass: bool,
    pub(super) status: Option<StatusCode>,
    /// The connection was refused by us: nobody whom we trust vouches for the other side.
    pub(super) is_untrusted: bool,
}

impl Http {
    pub(super) fn new(variable: Variable<'_>) -> Result<Self, Error> {
        // Whoever was first has chosen the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = timeout(variable);
        let client = reqwest::Client::builder()
            .user_agent(concat!("jlapp/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeout)
            .read_timeout(timeout)
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let next = "install your system's certificates (ca-certificates), or name a file of some in SSL_CERT_FILE";
        Ok(Self {
            pause: timeout / PAUSES_PER_TIMEOUT,
            client: client.map_err(|error| Error::failed("cannot use the network", chain(&error), next))?,
            runtime: runtime.map_err(|error| Error::failed("cannot use the network", error, "close some programs"))?,
        })
    }

    /// Sends one request; only answers of success (2xx) and 304 are none of its failures.
    pub(super) fn get(&self, url: &str, headers: HeaderMap) -> Result<Response, Failure> {
        // A request sets its clocks when it is made, which takes the runtime: so it is made inside.
        let answer = self.runtime.block_on(async { self.client.get(url).headers(headers).send().await });
        let response = answer.map_err(|error| Failure::of(&error))?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        Err(Failure { may_pass, status: Some(status), ..Failure::lasting(format!("the server answered {status}")) })
    }

    /// The next piece of a body; `None` at its end.
    pub(super) fn piece(&self, response: &mut Response) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
        self.runtime.block_on(async { response.chunk().await }).map_err(|error| Failure::of(&error))
    }

    /// Waits after the failed attempt `number`, counted from 1.
    pub(super) fn pause_after(&self, number: u32) {
        std::thread::sleep(self.pause * 2u32.saturating_pow(number.saturating_sub(1)));
    }

    /// A small answer as a whole.
    pub(super) fn small(&self, url: &str) -> Result<Vec<u8>, Error> {
        let fetch = || -> Result<Vec<u8>, Failure> {
            let mut response = self.get(url, HeaderMap::new())?;
            let mut bytes = Vec::new();
            while let Some(piece) = self.piece(&mut response)? {
                bytes.extend_from_slice(piece.as_ref());
            }
            Ok(bytes)
        };
        fetch().map_err(|failure| failure.of_url(url))
    }
}

impl Failure {
    /// One that another attempt would meet as well.
    pub(super) fn lasting(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), may_pass: false, status: None, is_untrusted: false }
    }

    /// One that another attempt may get past.
    pub(super) fn passing(problem: impl Into<String>) -> Self {
        Self { may_pass: true, ..Self::lasting(problem) }
    }

    fn of(error: &reqwest::Error) -> Self {
        let is_untrusted = causes(error).any(is_certificate);
        let may_pass = !(error.is_builder() || error.is_redirect() || is_untrusted);
        let problem = if error.is_timeout() && !error.is_connect() {
            "the server sends nothing any more".to_owned()
        } else {
            chain(error)
        };
        Self { may_pass, is_untrusted, ..Self::lasting(problem) }
    }

    pub(super) fn of_url(self, url: &str) -> Error {
        let next = match self.status.map(|status| status.as_u16()) {
            Some(403 | 404 | 410) => "the server does not have it; check the channel and JULIAUP_SERVER",
            Some(_) => "try again later",
            None if self.is_untrusted => {
                "if that server, or a proxy on the way, is one that you trust, name the file of its certificate authority \
                 in SSL_CERT_FILE"
            }
            None => "check the network, HTTPS_PROXY and JULIAUP_SERVER, and try again; what is installed works without",
        };
        Error::failed(format!("cannot download {url}"), self.problem, next)
    }
}

pub(super) fn header(value: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(value).ok()
}

fn timeout(variable: Variable<'_>) -> Duration {
    let seconds = variable(env::HTTP_TIMEOUT).and_then(|value| value.to_str()?.parse::<f64>().ok());
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|it| !it.is_zero()).unwrap_or(TIMEOUT)
}

/// An error and what lies behind it.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// What went wrong, down to what the system said: the first line alone is the URL over again.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

/// Whether the other side's certificate was refused. An `io::Error` shows what it holds, but not as its source.
fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => error.get_ref().is_some_and(|held| is_certificate(held)),
        None => matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))),
    }
}
