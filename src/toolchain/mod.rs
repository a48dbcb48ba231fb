//! Toolchains: which Julias there are, which one a launch gets, and getting more.
//!
//! [`Toolchains::select`] is what a launch asks; it reads records only when they have changed. Invariants: juliaup's files
//! are read and never written; the network is used in [`install`] alone, and by no launch. Absent: how Julia is started.

pub mod edit;
mod error;
pub mod gc;
pub mod install;
mod installed;
mod juliaup;
mod place;
mod program;
mod project;
mod registry;
mod select;
mod stamp;
mod state;
mod versions;
mod why;

use std::collections::HashMap;

pub use error::{Error, Missing};
pub use installed::{Installed, Resolved};
pub use place::{Place, Variable, first_depot};
pub use registry::{Held, Origin, Registry};
pub use select::{App, Request, Selection};
pub use state::Settings;
pub use versions::{Archive, Versions};
pub use why::{Note, Why};

pub use stamp::Cached;

/// The records of toolchains, kept as long as their files do not change.
#[derive(Default)]
pub struct Toolchains {
    /// Clients may have different homes or depots.
    known: HashMap<Place, Records>,
}

#[derive(Default)]
struct Records {
    juliaup: Cached<Registry>,
    own: Cached<Registry>,
}

/// So many different places are a client's game; then all are forgotten, which only costs reading them again.
const MOST_PLACES: usize = 64;

impl Toolchains {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Picks the Julia for a launch; see [`Selection`]. Two `stat` where nothing has changed, and some more for projects.
    ///
    /// # Errors
    /// [`Error::Missing`] for a channel that is not installed, with the command to install it; others where a Julia is
    /// gone, cannot be run, or a record cannot be read. None of them has changed anything.
    pub fn select(&mut self, request: &Request<'_>) -> Result<Selection, Error> {
        let place = Place::from_environment(request.variable);
        select::select(request, &mut || match &place {
            Some(place) => self.installed(place),
            None => Ok(Installed::default()),
        })
    }

    /// All toolchains of a place.
    ///
    /// # Errors
    /// A record cannot be read or is malformed; a missing one is none.
    pub fn installed(&mut self, place: &Place) -> Result<Installed, Error> {
        if self.known.len() >= MOST_PLACES && !self.known.contains_key(place) {
            self.known.clear();
        }
        let records = self.known.entry(place.clone()).or_default();
        Ok(Installed {
            juliaup: records.juliaup.read(&place.juliaup_file(), juliaup::parse)?,
            own: records.own.read(&place.state_file(), state::parse)?,
        })
    }
}
