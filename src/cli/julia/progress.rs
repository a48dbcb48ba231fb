//! How an install gets on, on standard error: a bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::toolchain::install::Progress;

/// What fits where standard error leads to.
pub(super) fn shown() -> Box<dyn Progress> {
    if io::stderr().is_terminal() { Box::new(Bar(None)) } else { Box::new(Lines) }
}

/// For what is done in a moment.
pub(super) fn silent() -> impl Progress {
    Silent
}

struct Bar(Option<ProgressBar>);

impl Progress for Bar {
    fn begin(&mut self, what: &str, size: Option<u64>, kept: u64) {
        eprintln!("downloading {what}");
        let (bar, form) = match size {
            Some(size) => (
                ProgressBar::new(size).with_position(kept),
                "{bar:30} {decimal_bytes}/{decimal_total_bytes} ({decimal_bytes_per_sec}, {eta})",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {decimal_bytes} ({decimal_bytes_per_sec})"),
        };
        self.0 =
            Some(bar.with_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar())));
    }

    fn reached(&mut self, position: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(position);
        }
    }

    fn again(&mut self, problem: &str) {
        let line = format!("{problem}; trying again");
        match &self.0 {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

struct Lines;

impl Progress for Lines {
    fn begin(&mut self, what: &str, size: Option<u64>, kept: u64) {
        match size {
            Some(size) if kept > 0 => {
                eprintln!("downloading {what} ({}, of which {} are here)", HumanBytes(size), HumanBytes(kept));
            }
            Some(size) => eprintln!("downloading {what} ({})", HumanBytes(size)),
            None => eprintln!("downloading {what}"),
        }
    }

    fn reached(&mut self, _position: u64) {}

    fn again(&mut self, problem: &str) {
        eprintln!("{problem}; trying again");
    }

    fn end(&mut self) {}
}

struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _what: &str, _size: Option<u64>, _kept: u64) {}
    fn reached(&mut self, _position: u64) {}
    fn again(&mut self, _problem: &str) {}
    fn end(&mut self) {}
}
