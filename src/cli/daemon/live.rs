//! A report again every second: in place on a terminal, one after the other elsewhere.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::sys::signals::{self, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH, SignalStream};

const EVERY: Duration = Duration::from_secs(1);
const SIGNALS: [i32; 6] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH];

/// Another screen, without a cursor; and back (xterm's control sequences).
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Shows what `text` says until q, Ctrl-C, or whoever reads it has gone.
///
/// # Errors
/// What `text` fails with.
pub(super) fn show(text: impl Fn() -> io::Result<String>) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        return print(&text);
    }
    signals::block(&SIGNALS);
    let arrivals = SignalStream::new(&SIGNALS)?;
    let mut screen = Some(Screen::enter()?);
    let outcome = run(&text, &arrivals, &mut screen);
    drop(screen);
    signals::unblock(&SIGNALS);
    match outcome? {
        // As by its own key: that is how one leaves.
        SIGINT => Ok(()),
        signal => {
            signals::die_by(signal);
            Ok(())
        }
    }
}

fn print(text: &impl Fn() -> io::Result<String>) -> io::Result<()> {
    loop {
        let next = Instant::now() + EVERY;
        let text = text()?;
        let written = writeln!(io::stdout(), "{text}\n").and_then(|()| io::stdout().flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Returns the signal that ended it; a key counts as SIGINT.
fn run(
    text: &impl Fn() -> io::Result<String>,
    arrivals: &SignalStream,
    screen: &mut Option<Screen>,
) -> io::Result<i32> {
    loop {
        let next = Instant::now() + EVERY;
        let report = text()?;
        draw(&report)?;
        while let Some(wait) = next.checked_duration_since(Instant::now()) {
            if wait_for_key(arrivals, wait)? {
                return Ok(SIGINT);
            }
            while let Some(arrival) = arrivals.next() {
                match arrival.signal {
                    SIGWINCH => draw(&report)?,
                    SIGTSTP => {
                        *screen = None;
                        signals::stop_here();
                        *screen = Some(Screen::enter()?);
                        draw(&report)?;
                    }
                    signal => return Ok(signal),
                }
            }
        }
    }
}

/// Waits for keys, signals or the time to pass; tells whether the key was one to leave by.
fn wait_for_key(arrivals: &SignalStream, wait: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let has_keys = stdin.is_terminal();
    let mut polled = vec![PollFd::from_borrowed_fd(arrivals.as_descriptor().as_fd(), PollFlags::IN)];
    polled.extend(has_keys.then(|| PollFd::new(&stdin, PollFlags::IN)));
    match poll(&mut polled, Timespec::try_from(wait).ok().as_ref()) {
        Err(rustix::io::Errno::INTR) => return Ok(false),
        result => result?,
    };
    if polled.get(1).is_none_or(|stdin| stdin.revents().is_empty()) {
        return Ok(false);
    }
    let mut keys = [0; 64];
    let count = stdin.lock().read(&mut keys)?;
    // The end of input is the terminal's end, too.
    Ok(count == 0 || keys[..count].iter().any(|key| matches!(key, b'q' | b'Q' | 3 | 4)))
}

/// Writes over what is there, in one piece, so that nothing flickers.
fn draw(report: &str) -> io::Result<()> {
    let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_row > 1 && size.ws_col > 1);
    let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row.into(), size.ws_col.into()));
    let mut out = io::stdout().lock();
    out.write_all(frame(report, rows, columns).as_bytes())?;
    out.flush()
}

/// As much as fits: each line overwrites the old one and clears what is left of it, the last one what is below.
fn frame(report: &str, rows: usize, columns: usize) -> String {
    let mut out = String::from("\x1b[H");
    let lines: Vec<&str> = report.lines().collect();
    let fits = if lines.len() < rows { lines.len() } else { rows - 2 };
    for line in &lines[..fits] {
        let line: String = line.chars().filter(|letter| !letter.is_control()).take(columns - 1).collect();
        let _ = write!(out, "{line}\x1b[K\r\n");
    }
    if fits < lines.len() {
        let _ = write!(out, "… {} more lines\x1b[K\r\n", lines.len() - fits);
    }
    out + "q leaves\x1b[J"
}

/// A terminal that shows the report; as it was before when dropped.
struct Screen {
    modes: Option<Termios>,
}

impl Screen {
    fn enter() -> io::Result<Self> {
        let modes = tcgetattr(io::stdin()).ok();
        if let Some(mut own) = modes.clone() {
            // Keys at once and unseen; Ctrl-C and Ctrl-Z stay signals.
            own.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            own.special_codes[SpecialCodeIndex::VMIN] = 0;
            own.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(io::stdin(), OptionalActions::Now, &own)?;
        }
        let screen = Self { modes };
        io::stdout().write_all(ENTER.as_bytes()).and_then(|()| io::stdout().flush())?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = io::stdout().write_all(LEAVE.as_bytes()).and_then(|()| io::stdout().flush());
        if let Some(modes) = &self.modes {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_fits() {
        assert_eq!(frame("abcdef\nb\x1b[2J", 24, 4), "\x1b[Habc\x1b[K\r\nb[2\x1b[K\r\nq leaves\x1b[J");
        let long = "x\n".repeat(100);
        let shown = frame(&long, 10, 80);
        assert_eq!(shown.matches("\r\n").count(), 9);
        assert!(shown.contains("… 92 more lines"), "{shown}");
    }
}
