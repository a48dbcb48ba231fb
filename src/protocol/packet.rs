//! Short messages that fit one `SOCK_SEQPACKET` packet: on the job channel, and between the conductor and the parent
//! of jobs (a zygote, or the keeper of a fresh worker).

use super::Malformed;

/// Length of every packet in bytes: kind, process id, value, each `u32`/`i32`.
pub const PACKET_BYTES: usize = 12;

/// One packet. The layout is the same for all; fields without meaning are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet {
    /// Worker → client: process `pid` has the job and waits for `Go`. Attached, where the client relays its terminal: the
    /// leading side of that which the program has.
    Ready { pid: u32 },
    /// Client → worker: run. Sent at most once; before it nothing of the program has run, after it nothing else may.
    Go,
    /// Parent → client: the job's status as `waitpid` reported it. Or ahead of that from the job itself, when it exits.
    Ended { pid: u32, status: i32 },
    /// Conductor → zygote: fork that many spares. Negative: launches wait for them, so they take no time to prepare.
    Fork { count: i32 },
    /// Zygote → conductor: a spare waits on the attached socket.
    Spare { pid: u32 },
    /// Conductor → parent: `pid` has been given a job, whose channel is attached.
    Watch { pid: u32 },
    /// Zygote → conductor, once: booted and probed. `value` is Julia's version, `major << 16 | minor << 8 | patch`.
    Booted { version: i32 },
    /// Zygote → conductor, once: this Julia cannot be forked; `value` is the number of the probe that failed.
    CannotFork { probe: i32 },
    /// Conductor → zygote: fork a successor, whose end of its control socket is attached. It says `Ready`, later `Booted`.
    Succeed,
    /// Conductor → zygote: fork a branch. Attached: its end of its control socket, a [`super::Recipe`], a file for the
    /// [`super::BranchReport`]. It says `Ready`, later `Booted` or `CannotFork`.
    Branch,
    /// Zygote → conductor, before `Ended`: the job had to compile methods; their names are in the attached file.
    Traced { pid: u32 },
    /// Parent → client: the job, which has a terminal of its own, has been stopped by `signal`.
    Stopped { pid: u32, signal: i32 },
    /// Zygote → conductor, before `Ended`: the job has left another time to live for its workers, in seconds.
    TimeToLive { pid: u32, seconds: i32 },
}

impl Packet {
    fn parts(self) -> (u32, u32, i32) {
        match self {
            Self::Ready { pid } => (1, pid, 0),
            Self::Go => (2, 0, 0),
            Self::Ended { pid, status } => (3, pid, status),
            Self::Fork { count } => (4, 0, count),
            Self::Spare { pid } => (5, pid, 0),
            Self::Watch { pid } => (6, pid, 0),
            Self::Booted { version } => (7, 0, version),
            Self::CannotFork { probe } => (8, 0, probe),
            Self::Succeed => (9, 0, 0),
            Self::Branch => (10, 0, 0),
            Self::Traced { pid } => (11, pid, 0),
            Self::Stopped { pid, signal } => (12, pid, signal),
            Self::TimeToLive { pid, seconds } => (13, pid, seconds),
        }
    }

    pub fn encode(self) -> [u8; PACKET_BYTES] {
        let (kind, pid, value) = self.parts();
        let mut bytes = [0; PACKET_BYTES];
        bytes[0..4].copy_from_slice(&kind.to_le_bytes());
        bytes[4..8].copy_from_slice(&pid.to_le_bytes());
        bytes[8..12].copy_from_slice(&value.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let &[k0, k1, k2, k3, p0, p1, p2, p3, v0, v1, v2, v3] = bytes else {
            return Err(Malformed("packet is not 12 bytes long"));
        };
        let pid = u32::from_le_bytes([p0, p1, p2, p3]);
        let value = i32::from_le_bytes([v0, v1, v2, v3]);
        Ok(match u32::from_le_bytes([k0, k1, k2, k3]) {
            1 => Self::Ready { pid },
            2 => Self::Go,
            3 => Self::Ended { pid, status: value },
            4 => Self::Fork { count: value },
            5 => Self::Spare { pid },
            6 => Self::Watch { pid },
            7 => Self::Booted { version: value },
            8 => Self::CannotFork { probe: value },
            9 => Self::Succeed,
            10 => Self::Branch,
            11 => Self::Traced { pid },
            12 => Self::Stopped { pid, signal: value },
            13 => Self::TimeToLive { pid, seconds: value },
            _ => return Err(Malformed("packet has an unknown kind")),
        })
    }
}
