//! What plain Julia itself prints differently from run to run, taken out of both sides.

/// A rewriting of one output.
pub type Normal = fn(&[u8]) -> Vec<u8>;

/// `0x00007f…` and the like become `0x…`.
pub fn addresses(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|two| two == b"0x") {
        let digits = rest[at + 2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        out.extend_from_slice(&rest[..at + 2]);
        out.extend_from_slice("…".as_bytes());
        rest = &rest[at + 2 + digits..];
    }
    out.extend_from_slice(rest);
    out
}

/// Every number becomes `N`: descriptors, pids, times.
pub fn numbers(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        match (byte.is_ascii_digit(), out.last()) {
            (true, Some(b'N')) => {}
            (true, _) => out.push(b'N'),
            (false, _) => out.push(*byte),
        }
    }
    out
}

/// Julia's `signal (15): Terminated`, or `[pid] signal 15: Terminated`, depending on the version, loses its pid. After it comes
/// where the process just was: C frames, addresses, counts of allocations. All that is cut, to the end.
pub fn signal_backtrace(text: &[u8]) -> Vec<u8> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let mut out = Vec::new();
    for line in lines.by_ref() {
        let announcement = announced(line);
        out.extend_from_slice(announcement.unwrap_or(line));
        if announcement.is_some() {
            break;
        }
    }
    out
}

/// What follows the pid in a line that says that a signal came.
fn announced(line: &[u8]) -> Option<&[u8]> {
    let at = line.windows(7).position(|part| part == b"signal ")?;
    let (before, rest) = line.split_at(at);
    let is_pid = before.starts_with(b"[") && before.ends_with(b"] ");
    let is_number = rest.get(7).is_some_and(|byte| *byte == b'(' || byte.is_ascii_digit());
    ((before.is_empty() || is_pid) && is_number).then_some(rest)
}

/// After `Stacktrace:` come frames that depend on where the program was interrupted: cut, to the end.
pub fn stacktrace(text: &[u8]) -> Vec<u8> {
    let cut = text.windows(11).position(|part| part == b"Stacktrace:");
    text[..cut.unwrap_or(text.len())].to_vec()
}

/// Lines in any order: written by several processes or tasks.
pub fn any_order(text: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines.join(&b'\n')
}
