//! The measurements, in the order in which they are made.

use std::error::Error;
use std::fs;
use std::process::Command;
use std::time::Duration;

use jlapp::conductor::Report;

use crate::apps::{Apps, apps};
use crate::memory::Memory;
use crate::picking::picking;
use crate::place::Place;
use crate::sample::{Sample, back_to_back, side_by_side};
use crate::warmth::{Warmth, warmth};

/// Unless a number is given: `cargo bench --bench launch -- 5`.
const ROUNDS: usize = 25;
/// A first launch is measured only in every so many rounds: a worker has to boot after each.
const ROUNDS_PER_COLD: usize = 5;
const IN_A_ROW: usize = 200;
const AT_A_TIME: usize = 8;
/// Plain Julia needs so long that fewer tell as much.
const IN_A_ROW_PLAIN: usize = 40;

/// One program, launched three ways.
pub struct Workload {
    pub name: &'static str,
    pub arguments: Vec<String>,
    pub plain: Sample,
    /// Nothing ran before.
    pub cold: Sample,
    /// A spare was ready.
    pub warm: Sample,
}

/// Launches without a pause.
pub struct Row {
    pub name: String,
    pub sample: Sample,
    pub wall: Option<Duration>,
    /// Launches that found no spare and had to wait for one.
    pub misses: Option<u64>,
}

/// Everything that was measured.
pub struct Figures {
    pub machine: String,
    pub empty: Sample,
    pub workloads: Vec<Workload>,
    pub cold_ways: String,
    pub rows: Vec<Row>,
    pub processes: Vec<(&'static str, Memory)>,
    pub client_bytes: u64,
    /// Picking a Julia by a project's manifest.
    pub picking: Sample,
    pub apps: Apps,
    pub warmth: Warmth,
}

impl Figures {
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.name == name)
    }
}

pub fn all(place: &Place) -> Result<Figures, Box<dyn Error>> {
    let mut workloads = workloads();
    let mut empty = Sample::default();
    warm_up(place, &workloads)?;
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    for round in 0..rounds {
        eprint!("\rround {} of {rounds} ", round + 1);
        take_turns(place, &mut empty, &mut workloads, round.is_multiple_of(ROUNDS_PER_COLD))?;
    }
    eprintln!("\rlaunches without a pause");
    let processes = processes(place)?;
    let rows = [in_a_row(place, &workloads[1])?, at_a_time(place, &workloads[1])?].into_iter().flatten().collect();
    Ok(Figures {
        machine: machine(place)?,
        empty,
        workloads,
        cold_ways: place.ways(),
        rows,
        processes,
        apps: apps(place)?,
        warmth: warmth(place)?,
        picking: picking(&place.path("picking"), &place.julia)?,
        client_bytes: fs::metadata(place.program("juliaclient"))?.len(),
    })
}

fn workloads() -> Vec<Workload> {
    let example = |name: &str| format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let new = |name, arguments| Workload {
        name,
        arguments,
        plain: Sample::default(),
        cold: Sample::default(),
        warm: Sample::default(),
    };
    let package =
        [&format!("--project={}", example("Rot13")), "-e", "using Rot13; exit(Rot13.main(ARGS))", "--", "Uryyb!"];
    let package = package.map(str::to_owned).to_vec();
    vec![
        new("-e nothing", vec!["-e".to_owned(), "nothing".to_owned()]),
        new("hello.jl", vec![example("hello.jl")]),
        new("primes.jl", vec![example("primes.jl")]),
        new("Rot13, a package", package),
    ]
}

/// Workloads with something to load or to define: those get branches.
const BRANCHES: usize = 2;

/// Files into the page cache, and workers up. The second time a branch compiles what the first one's launches still had to.
fn warm_up(place: &Place, workloads: &[Workload]) -> Result<(), Box<dyn Error>> {
    for _ in 0..2 {
        for workload in workloads {
            Sample::default().add(place.plain(&workload.arguments))?;
            Sample::default().add(place.warm(&workload.arguments))?;
            Sample::default().add(place.warm(&workload.arguments))?;
        }
        place.wait_for_branches(BRANCHES)?;
    }
    Ok(())
}

fn take_turns(place: &Place, empty: &mut Sample, workloads: &mut [Workload], cold: bool) -> Result<(), Box<dyn Error>> {
    place.wait_for_spares()?;
    let names: Vec<Vec<String>> = workloads.iter().map(|workload| workload.arguments.clone()).collect();
    empty.add(place.nothing())?;
    for workload in workloads {
        workload.plain.add(place.plain(&workload.arguments))?;
        place.wait_for_spares()?;
        workload.warm.add(place.warm(&workload.arguments))?;
        if cold {
            place.stop()?;
            workload.cold.add(place.cold(&workload.arguments))?;
            place.wait_for_spares()?;
            warm_up_again(place, &names)?;
        }
    }
    Ok(())
}

/// After the conductor was stopped: profiles are known, so that one launch is enough.
fn warm_up_again(place: &Place, all: &[Vec<String>]) -> Result<(), Box<dyn Error>> {
    for arguments in all {
        Sample::default().add(place.warm(arguments))?;
    }
    place.wait_for_branches(BRANCHES)
}

fn in_a_row(place: &Place, hello: &Workload) -> Result<Vec<Row>, Box<dyn Error>> {
    let row =
        |name: &str, sample, misses| Row { name: format!("{name}, one after the other"), sample, wall: None, misses };
    let before = misses(place)?;
    let warm = back_to_back(IN_A_ROW, || place.warm(&hello.arguments))?;
    let missed = misses(place)? - before;
    Ok(vec![
        row("/bin/true", back_to_back(IN_A_ROW, || place.nothing())?, None),
        row("juliaclient hello.jl", warm, Some(missed)),
    ])
}

fn at_a_time(place: &Place, hello: &Workload) -> Result<Vec<Row>, Box<dyn Error>> {
    let row = |name: &str, (sample, wall), misses| Row {
        name: format!("{name}, {AT_A_TIME} at a time"),
        sample,
        wall: Some(wall),
        misses,
    };
    let run = |count, launch: &(dyn Fn() -> Command + Sync)| side_by_side(count, AT_A_TIME, launch);
    place.wait_for_spares()?;
    let before = misses(place)?;
    let warm = run(IN_A_ROW, &|| place.warm(&hello.arguments))?;
    let missed = misses(place)? - before;
    Ok(vec![
        row("/bin/true", run(IN_A_ROW, &|| place.nothing())?, None),
        row("julia hello.jl", run(IN_A_ROW_PLAIN, &|| place.plain(&hello.arguments))?, None),
        row("juliaclient hello.jl", warm, Some(missed)),
    ])
}

/// How many launches have waited so far.
fn misses(place: &Place) -> Result<u64, Box<dyn Error>> {
    let report = place.status()?.ok_or("the conductor has ended")?;
    Ok(report.workers.iter().map(|worker| worker.waited).sum())
}

fn processes(place: &Place) -> Result<Vec<(&'static str, Memory)>, Box<dyn Error>> {
    let worker = place.wait_for_spares()?;
    let Report { pid: conductor, .. } = place.status()?.ok_or("the conductor has ended")?;
    let zygote = worker.zygote_pid.ok_or("this Julia is not forked")?;
    let spare = *worker.spare_pids.last().ok_or("no spare")?;
    let named = [("conductor", conductor), ("zygote", zygote), ("spare", spare)];
    named.into_iter().map(|(name, pid)| Ok((name, Memory::of(pid)?))).collect()
}

/// What the figures depend on, in one line.
fn machine(place: &Place) -> Result<String, Box<dyn Error>> {
    let output = place.plain(&["--version".to_owned()]).stdout(std::process::Stdio::piped()).output()?;
    let julia = String::from_utf8_lossy(&output.stdout).trim().replace("julia version", "Julia");
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown processor");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let processors = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    Ok(format!("{julia}, {processors} processors ({model}), Linux {kernel}"))
}
