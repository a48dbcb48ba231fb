//! The figures as text.

use crate::aims;
use crate::measure::{Figures, Row};
use crate::memory::{Memory, megabytes};
use crate::sample::{Milliseconds, Sample};

pub fn print(figures: &Figures) {
    println!("{}\n", figures.machine);
    println!("In turns, in ms{:25} min   median   launches", "");
    print_sample("/bin/true", &figures.empty);
    for workload in &figures.workloads {
        print_sample(&format!("julia {}", workload.name), &workload.plain);
        print_sample(&format!("juliaclient {}, nothing running", workload.name), &workload.cold);
        print_sample(&format!("juliaclient {}, warm", workload.name), &workload.warm);
    }
    println!("Launches with nothing running went: {}", figures.cold_ways);
    println!("\nWithout a pause, in ms{:18} min   median      p95   launches   waited", "");
    for row in &figures.rows {
        print_row(row);
    }
    println!("\nApps, in ms{:27} min   median   launches", "");
    for (name, sample) in figures.apps.rows() {
        print_sample(name, sample);
    }
    println!("\nWarmth, in ms{:25} min   median   launches", "");
    for (name, sample) in figures.warmth.rows() {
        print_sample(name, sample);
    }
    for (after, bytes) in &figures.warmth.memory {
        println!("  all workers after {after:<18} {:>6} MB", megabytes(*bytes));
    }
    println!("\nMemory at rest, in MB              resident   Pss   private");
    for (name, memory) in &figures.processes {
        print_memory(name, memory);
    }
    println!("\nAims");
    for verdict in aims::verdicts(figures) {
        let outcome = if verdict.met { "met" } else { "MISSED" };
        println!("  {:<54} {:>12}   {outcome}", verdict.aim, verdict.measured);
    }
}

fn print_sample(name: &str, sample: &Sample) {
    let (min, median) = (Milliseconds(sample.min()), Milliseconds(sample.median()));
    println!("  {name:<36} {min:>6} {median:>8} {:>10}", sample.len());
}

fn print_row(row: &Row) {
    let sample = &row.sample;
    let [min, median, p95] = [sample.min(), sample.median(), sample.percentile(95)].map(Milliseconds);
    let misses = row.misses.map(|misses| misses.to_string()).unwrap_or_default();
    println!("  {:<36} {min:>6} {median:>8} {p95:>8} {:>10} {misses:>8}", row.name, sample.len());
    if let Some(wall) = row.wall {
        let each = wall / u32::try_from(sample.len().max(1)).unwrap_or(u32::MAX);
        println!("  {:<36} {:>6} {:>8}", "    all together, divided by launches", "", Milliseconds(each));
    }
}

fn print_memory(name: &str, memory: &Memory) {
    let [resident, pss, private] = [memory.resident, memory.proportional, memory.private].map(megabytes);
    println!("  {name:<32} {resident:>8} {pss:>6} {private:>8}");
}
