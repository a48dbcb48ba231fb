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
        let next = "check the certificates that SSL_CERT_FILE or SSL_CERT_DIR name";
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
        Err(Failure {
            problem: format!("the server answered {status}"),
            may_pass: status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429),
            status: Some(status),
        })
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
    fn of(error: &reqwest::Error) -> Self {
        let is_wrong = error.is_builder() || error.is_redirect();
        let problem = if error.is_timeout() && !error.is_connect() {
            "the server sends nothing any more".to_owned()
        } else {
            chain(error)
        };
        Self { problem, may_pass: !is_wrong, status: None }
    }

    pub(super) fn of_url(self, url: &str) -> Error {
        let next = match self.status.map(|status| status.as_u16()) {
            Some(403 | 404 | 410) => "the server does not have it; check the channel and JULIAUP_SERVER",
            Some(_) => "try again later",
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

/// What went wrong, down to what the system said: the first line alone is the URL over again.
fn chain(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
