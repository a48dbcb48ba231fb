//! Where Julias are published.

use serde::Deserialize;

use super::http::Http;
use crate::env;
use crate::name::{Architecture, Channel, Kind};
use crate::toolchain::Error;
use crate::toolchain::place::Variable;

const RELEASES: &str = "https://julialang-s3.julialang.org";
const NIGHTLIES: &str = "https://julialangnightlies-s3.julialang.org";
const PULL_REQUESTS: &str = "https://julialang-ephemeral-pr.s3.amazonaws.com";
const GITHUB: &str = "https://api.github.com";

/// Addresses without a slash at the end.
pub(super) struct Server {
    releases: String,
    nightlies: String,
    pull_requests: String,
    github: String,
}

#[derive(Deserialize)]
struct PullRequest {
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

impl Server {
    pub(super) fn from_environment(variable: Variable<'_>) -> Result<Self, Error> {
        let address = |name: &str, usual: &str| match variable(name).filter(|value| !value.is_empty()) {
            None => Ok(usual.to_owned()),
            Some(value) => {
                match value.to_str().filter(|text| reqwest::Url::parse(text).is_ok_and(|url| url.has_host())) {
                    Some(text) => Ok(text.trim_end_matches('/').to_owned()),
                    None => Err(Error::failed(
                        format!("{name} is \"{}\"", value.display()),
                        "that is no URL",
                        "set it to something such as https://example.org/julia, or unset it",
                    )),
                }
            }
        };
        Ok(Self {
            releases: address(env::JULIAUP_SERVER, RELEASES)?,
            nightlies: address(env::JULIAUP_NIGHTLY_SERVER, NIGHTLIES)?,
            pull_requests: address(env::JULIAUP_PR_SERVER, PULL_REQUESTS)?,
            github: address(env::GITHUB_API_URL, GITHUB)?,
        })
    }

    /// The list of releases.
    pub(super) fn versions(&self) -> String {
        format!("{}/bin/versions.json", self.releases)
    }

    /// The place of a release's file on this server: lists name the usual one, also where they have been copied.
    pub(super) fn mirrored(&self, url: &str) -> String {
        match url.strip_prefix(RELEASES) {
            Some(path) => format!("{}{path}", self.releases),
            None => url.to_owned(),
        }
    }

    /// The address of a build that no list names; `None` for releases.
    pub(super) fn build_by_url(
        &self,
        channel: &Channel,
        architecture: Architecture,
        http: &Http,
    ) -> Result<Option<String>, Error> {
        let name = architecture.triplet_name();
        let file = format!("julia-latest-linux-{name}.tar.gz");
        Ok(match &channel.kind {
            Kind::Nightly => Some(format!("{}/bin/linux/{name}/{file}", self.nightlies)),
            Kind::MinorNightly(major, minor) => {
                Some(format!("{}/bin/linux/{name}/{major}.{minor}/{file}", self.nightlies))
            }
            Kind::PullRequest(number) => Some(self.pull_request(*number, name, http)?),
            _ => None,
        })
    }

    /// Builds of pull requests are kept by the commit that they were made from, for some months.
    fn pull_request(&self, number: u32, name: &str, http: &Http) -> Result<String, Error> {
        let url = format!("{}/repos/JuliaLang/julia/pulls/{number}", self.github);
        let bytes = http.small(&url)?;
        let found: Result<PullRequest, _> = serde_json::from_slice(&bytes);
        let commit = found.ok().map(|found| found.head.sha).filter(|sha| is_commit(sha));
        let commit = commit.ok_or_else(|| {
            Error::failed(
                format!("cannot read {url}"),
                "it names no commit",
                "try again later, or install another channel",
            )
        })?;
        Ok(format!("{}/bin/{commit}/julia-{}-linux-{name}.tar.gz", self.pull_requests, &commit[..10]))
    }
}

fn is_commit(sha: &str) -> bool {
    sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit())
}
