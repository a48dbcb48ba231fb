//! Times of launches.

use std::error::Error;
use std::fmt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Wall times of the same launch, from before the process is made until it has been waited for.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    sorted: Vec<Duration>,
}

impl Sample {
    /// Runs a command once and adds its time.
    pub fn add(&mut self, command: Command) -> Result<(), Box<dyn Error>> {
        self.insert(time(command)?);
        Ok(())
    }

    /// Adds a time that was measured otherwise.
    pub fn insert(&mut self, took: Duration) {
        let at = self.sorted.partition_point(|other| *other < took);
        self.sorted.insert(at, took);
    }

    pub fn min(&self) -> Duration {
        self.sorted.first().copied().unwrap_or_default()
    }

    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The smallest time that `percent` of all don't exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.sorted.len() * percent).div_ceil(100);
        self.sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.sorted.len()
    }
}

/// Launches one after the other, without a pause.
pub fn back_to_back(count: usize, launch: impl Fn() -> Command) -> Result<Sample, Box<dyn Error>> {
    let mut sample = Sample::default();
    for _ in 0..count {
        sample.add(launch())?;
    }
    Ok(sample)
}

/// Launches several at a time; returns their times and that of all together.
pub fn side_by_side(
    count: usize,
    width: usize,
    launch: impl Fn() -> Command + Sync,
) -> Result<(Sample, Duration), Box<dyn Error>> {
    let started = AtomicUsize::new(0);
    let run = || -> Result<Vec<Duration>, String> {
        let mut times = Vec::new();
        while started.fetch_add(1, Ordering::Relaxed) < count {
            times.push(time(launch()).map_err(|error| error.to_string())?);
        }
        Ok(times)
    };
    let begin = Instant::now();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..width).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread died".to_owned()).flatten()).collect()
    });
    let wall = begin.elapsed();
    let mut sorted = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    sorted.sort_unstable();
    Ok((Sample { sorted }, wall))
}

fn time(mut command: Command) -> Result<Duration, Box<dyn Error>> {
    let begin = Instant::now();
    let status = command.status()?;
    let took = begin.elapsed();
    if status.success() { Ok(took) } else { Err(format!("{status}: {command:?}").into()) }
}

/// Milliseconds with as many digits as mean something.
pub struct Milliseconds(pub Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.as_secs_f64() * 1000.0;
        let digits = match value {
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        f.pad(&format!("{value:.digits$}"))
    }
}
