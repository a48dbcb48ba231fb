//! What the figures are measured against.

use std::time::Duration;

use crate::measure::Figures;
use crate::memory::megabytes;
use crate::sample::{Milliseconds, Sample};

const MILLISECOND: Duration = Duration::from_millis(1);
const MEGABYTE: u64 = 1_000_000;

/// One aim and what came out.
pub struct Verdict {
    pub aim: &'static str,
    pub measured: String,
    pub met: bool,
}

pub fn verdicts(figures: &Figures) -> Vec<Verdict> {
    let launches = figures.workload("hello.jl").map(|hello| {
        let ratio = |a: Duration, b: Duration| a.div_duration_f64(b);
        let (warm, cold) = (hello.warm.median(), hello.cold.median());
        let to_empty = ratio(warm, figures.empty.median());
        let to_plain = ratio(hello.plain.median(), warm);
        let first = ratio(cold, hello.plain.median());
        [
            verdict("warm hello at most 2 times /bin/true", format!("{to_empty:.1} times"), to_empty <= 2.0),
            verdict(
                "warm hello at least 60 times faster than plain Julia",
                format!("{to_plain:.0} times"),
                to_plain >= 60.0,
            ),
            verdict("first hello at most 1.3 times plain Julia", format!("{first:.2} times"), first <= 1.3),
        ]
    });
    let others = [back_to_back(figures), Some(picking(figures)), conductor(figures), client(figures)];
    launches
        .into_iter()
        .flatten()
        .chain(others.into_iter().flatten())
        .chain(apps(figures))
        .chain(warmth(figures))
        .collect()
}

fn warmth(figures: &Figures) -> [Verdict; 5] {
    let warmth = &figures.warmth;
    let (hello, near) = (warmth.hello.median(), MILLISECOND * 3);
    let beyond = |sample: &Sample, work: Duration| sample.median().saturating_sub(hello + work);
    let (heavy, scripts) = (beyond(&warmth.heavy, warmth.heavy_work), beyond(&warmth.scripts, Duration::ZERO));
    let later = beyond(&warmth.scripts_later, Duration::ZERO);
    let load = warmth.boot_and_load.median().saturating_sub(warmth.boot.median());
    let project = warmth.second_project.median().saturating_sub(load);
    let share = project.div_duration_f64(warmth.boot.median());
    let stale = warmth.many_files.median().saturating_sub(warmth.few_files.median());
    let within = |what, beyond| verdict(what, format!("{} ms", Milliseconds(beyond)), beyond <= near);
    [
        within("a package's work within 3 ms of warm hello and itself", heavy),
        within("ten scripts in turns within 3 ms of warm hello", scripts),
        within("the same later within 3 ms of warm hello", later),
        verdict(
            "a second project at most 10 % of a boot, and its load",
            format!("{:.1} %", share * 100.0),
            share <= 0.1,
        ),
        verdict("500 files looked at in 0.3 ms", format!("{} ms", Milliseconds(stale)), stale < MILLISECOND * 3 / 10),
    ]
}

fn apps(figures: &Figures) -> [Verdict; 3] {
    let apps = &figures.apps;
    let warm = apps.warm.median().div_duration_f64(apps.nothing.median());
    let native = apps.native.median().div_duration_f64(apps.bare.median());
    let status = apps.status.median();
    [
        verdict("warm app at most 1.2 times warm -e nothing", format!("{warm:.2} times"), warm <= 1.2),
        verdict("native app at most 1.5 times its executable", format!("{native:.2} times"), native <= 1.5),
        verdict("status of 100 apps under 20 ms", format!("{} ms", Milliseconds(status)), status < MILLISECOND * 20),
    ]
}

fn verdict(aim: &'static str, measured: String, met: bool) -> Verdict {
    Verdict { aim, measured, met }
}

fn back_to_back(figures: &Figures) -> Option<Verdict> {
    let row = figures.rows.iter().find(|row| row.misses.is_some())?;
    let median = row.sample.median();
    Some(verdict(
        "hello back to back under 3.5 ms",
        format!("{} ms", Milliseconds(median)),
        median < MILLISECOND * 7 / 2,
    ))
}

/// All of it is what a channel adds to a launch: without toolchains nothing is picked.
fn picking(figures: &Figures) -> Verdict {
    let median = figures.picking.median();
    let aim = "picking a Julia by channel under 100 microseconds";
    verdict(aim, format!("{} us", median.as_micros()), median < Duration::from_micros(100))
}

fn conductor(figures: &Figures) -> Option<Verdict> {
    let (_, memory) = figures.processes.iter().find(|(name, _)| *name == "conductor")?;
    Some(verdict(
        "conductor under 10 MB resident",
        format!("{} MB", megabytes(memory.resident)),
        memory.resident < 10 * MEGABYTE,
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "one of a list whose others may be missing")]
fn client(figures: &Figures) -> Option<Verdict> {
    let kilobytes = figures.client_bytes / 1000;
    Some(verdict("juliaclient under 700 KB stripped", format!("{kilobytes} KB"), kilobytes < 700))
}
