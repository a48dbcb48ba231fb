//! A test program: cases and tests that share one world.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

use super::case::Case;
use super::world::World;
use super::{shell, spawn};

/// What a test program runs.
#[derive(Default)]
pub struct Suite {
    entries: Vec<Entry>,
    one_at_a_time: bool,
}

struct Entry {
    name: String,
    body: Body,
}

type Body = Box<dyn FnOnce(&World) -> Result<(), String> + Send>;

impl Suite {
    /// First of all in `main`: the harness starts this program again, as a shell.
    pub fn new() -> Self {
        shell::become_one_if_asked();
        spawn::prepare_descriptors();
        Self::default()
    }

    pub fn cases(mut self, cases: Vec<Case>) -> Self {
        self.entries.extend(cases.into_iter().map(|case| {
            let name = case.title();
            Entry { name, body: Box::new(move |world| case.check(world)) }
        }));
        self
    }

    /// A test of its own kind; it panics to fail.
    pub fn test(mut self, name: &str, body: impl FnOnce(&World) + Send + 'static) -> Self {
        let body: Body = Box::new(|world| {
            body(world);
            Ok(())
        });
        self.entries.push(Entry { name: name.to_owned(), body });
        self
    }

    /// Nothing beside a test: it kills what others would use.
    pub fn one_at_a_time(mut self) -> Self {
        self.one_at_a_time = true;
        self
    }

    /// Runs what the command line asks for, as a test program of cargo's does.
    pub fn run(self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        if self.one_at_a_time {
            arguments.test_threads = Some(1);
        }
        let world = Arc::new(World::new());
        if !arguments.list {
            world.warm();
        }
        let trials = self.entries.into_iter().map(|entry| entry.into_trial(world.clone())).collect();
        let conclusion = libtest_mimic::run(&arguments, trials);
        if conclusion.has_failed() {
            eprintln!("the conductor's log:\n{}", world.log());
        }
        let world = Arc::into_inner(world).expect("all tests have ended");
        verdict(&conclusion, world)
    }
}

impl Entry {
    fn into_trial(self, world: Arc<World>) -> Trial {
        let name = self.name.clone();
        Trial::test(self.name, move || {
            // At once too: a run that is broken off has said by then what failed.
            (self.body)(&world).inspect_err(|failure| eprintln!("{name}: {failure}")).map_err(Failed::from)
        })
    }
}

/// A world that leaves processes behind has failed, whatever its tests say.
fn verdict(conclusion: &Conclusion, world: World) -> ExitCode {
    let left = world.end();
    for process in &left {
        eprintln!("left behind: {} {}", process.pid, process.command_line);
    }
    if left.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}
