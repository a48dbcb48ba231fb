//! Which Julia an app is to be installed with.

use super::failure::Failure;
use super::julia::{ask, place};
use crate::apps::{Channels, Package};
use crate::toolchain::{App, Error, Request, Selection, Toolchains};

/// The Julia that `--julia` names; else what is recorded for the package's apps, if it is there already; else as for any
/// app. A channel that is not there is installed where the user wants that.
///
/// # Errors
/// It cannot be had.
pub(super) fn julia(word: Option<&str>, recorded: Option<&Package>, channels: &Channels) -> Result<Selection, Failure> {
    let app = recorded.and_then(|package| Some(package.apps.first()?.recorded(&package.uuid, channels)));
    let app = app.unwrap_or_default();
    let selection = match select(word, &app) {
        Err(Error::Missing(missing)) => {
            ask::install(&place()?, missing)?;
            select(word, &app)?
        }
        selection => selection?,
    };
    if let Some(note) = &selection.note {
        eprintln!("jlapp: {note}");
    }
    Ok(selection)
}

fn select(word: Option<&str>, app: &App) -> Result<Selection, Error> {
    Toolchains::new().select(&Request {
        channel: word.map(|word| word.trim_start_matches('+').as_ref()),
        directory: &std::env::current_dir().unwrap_or_else(|_| "/".into()),
        project: None,
        program: None,
        app: Some(app),
        variable: &|name| std::env::var_os(name),
    })
}
