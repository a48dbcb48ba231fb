//! A daemon's report in words.

use std::fmt::Write;

use crate::conductor::{Report, WorkerReport};

/// The whole of it, each line with its newline.
pub(super) fn report(report: &Report) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = conductor(&mut out, report);
    for worker in &report.workers {
        let _ = self::worker(&mut out, worker);
    }
    let _ = not_warm(&mut out, report);
    out
}

fn conductor(out: &mut String, report: &Report) -> std::fmt::Result {
    let uptime = duration(report.uptime_seconds);
    writeln!(out, "conductor {} (pid {}, {}, up {uptime})", report.version, report.pid, report.io)?;
    writeln!(out, "  socket  {}{}", report.socket, if report.is_activated { " (systemd's)" } else { "" })?;
    writeln!(out, "  log     {}", report.log)?;
    if report.is_draining {
        writeln!(out, "  draining: it ends with the last program, and launches run as plain Julia")?;
    }
    let rate = rate(report.spare_hits, report.served);
    writeln!(out, "  {} served, {} of them at once{rate}", launches(report.served), report.spare_hits)?;
    for (reason, count) in &report.declined {
        writeln!(out, "  run as plain Julia, {reason}: {count}")?;
    }
    let (taken, budget) = (megabytes(report.memory_bytes), megabytes(report.budget_bytes));
    writeln!(out, "  workers take {taken} of the {budget} that they may")
}

fn worker(out: &mut String, worker: &WorkerReport) -> std::fmt::Result {
    let growing = if worker.is_growing { "; a faster one is being prepared" } else { "" };
    let age = duration(worker.age_seconds);
    writeln!(out, "\n{} {} ({}, up {age}{growing})", worker.kind, worker.julia, worker.state)?;
    if !worker.program.is_empty() {
        writeln!(out, "  for {}", worker.program)?;
    }
    if !worker.about.is_empty() {
        writeln!(out, "  {}", worker.about)?;
    }
    if !worker.project.is_empty() {
        writeln!(out, "  project {}", worker.project)?;
    }
    for (name, words) in [("switches", &worker.switches), ("variables", &worker.variables)] {
        if !words.is_empty() {
            writeln!(out, "  {name} {}", words.join(" "))?;
        }
    }
    if !worker.differs.is_empty() {
        writeln!(out, "  differs from the one above in {}", worker.differs.join("; "))?;
    }
    use_of(out, worker)?;
    for job in &worker.jobs {
        writeln!(out, "  runs {} for {} since {}", job.pid, job.client_pid, duration(job.seconds))?;
    }
    Ok(())
}

fn use_of(out: &mut String, worker: &WorkerReport) -> std::fmt::Result {
    let at_once = worker.served.saturating_sub(worker.waited);
    writeln!(
        out,
        "  {} spares, {} running, {} served, {} waited{}; idle {} of {}",
        worker.spare_pids.len(),
        worker.job_pids.len(),
        worker.served,
        worker.waited,
        rate(at_once, worker.served),
        duration(worker.idle_seconds),
        duration(worker.ttl_seconds),
    )?;
    let Some(memory) = &worker.memory else { return Ok(()) };
    let (all, private, shared) = (megabytes(memory.proportional), megabytes(memory.private), megabytes(memory.shared));
    writeln!(out, "  takes {all}: {private} of its own, and its part of {shared}")
}

fn not_warm(out: &mut String, report: &Report) -> std::fmt::Result {
    if !(report.not_forked.is_empty() && report.not_branched.is_empty() && report.unwarmed.is_empty()) {
        writeln!(out)?;
    }
    for (julia, why) in &report.not_forked {
        writeln!(out, "{julia} is not forked: {why}")?;
    }
    for (program, why) in &report.not_branched {
        writeln!(out, "nothing is done ahead for {program}: {why}")?;
    }
    if !report.unwarmed.is_empty() {
        writeln!(out, "the last launches that could be warmer:")?;
    }
    for launch in &report.unwarmed {
        let times = if launch.count > 1 { format!(", {} times", launch.count) } else { String::new() };
        let ago = duration(launch.seconds_ago);
        writeln!(out, "  {ago} ago{times}, {}: {}\n    {}", launch.way, launch.program, launch.why)?;
    }
    Ok(())
}

/// Nothing where nothing was counted.
fn rate(part: u64, whole: u64) -> String {
    (part * 100).checked_div(whole).map_or_else(String::new, |percent| format!(" ({percent} %)"))
}

fn launches(count: u64) -> String {
    format!("{count} launch{}", if count == 1 { "" } else { "es" })
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1 << 20))
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            [0, 119, 120, 7199, 7200, 200_000].map(duration),
            ["0 s", "119 s", "2 min", "119 min", "2 h", "2 days"]
        );
        assert_eq!(
            (rate(0, 0), rate(2, 3), megabytes(1), megabytes(5 << 20)),
            (String::new(), " (66 %)".into(), "1 MB".into(), "5 MB".into())
        );
    }
}
