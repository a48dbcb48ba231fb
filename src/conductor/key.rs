//! Which worker may serve which launch: only one whose process-wide state plain Julia would have started with.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::decline::Decline;
use super::kept;
use super::program::Program;
use crate::env;
use crate::julia::CommandLine;
use crate::protocol::Launch;
use crate::worker::{Isolation, Plan};

/// Launches with equal keys share workers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) julia: Julia,
    /// Process-wide switches, sorted and spelled one way.
    pub(super) switches: Vec<OsString>,
    /// `NAME=value` entries that are read at start-up, sorted.
    pub(super) variables: Vec<Vec<u8>>,
    pub(super) isolation: Isolation,
    /// Of a branch: its program.
    pub(super) program: Option<Rc<Program>>,
    pub(super) session: Option<Rc<kept::Name>>,
}

/// A Julia, and whether its file has been replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Julia {
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Julia {
    pub(super) fn at(path: &Path) -> Result<Self, Decline> {
        let path = path.to_owned();
        let found = fs::metadata(&path).map_err(|_| Decline::NoJulia)?;
        let ns = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified_ns: ns(found.mtime(), found.mtime_nsec()),
            changed_ns: ns(found.ctime(), found.ctime_nsec()),
            path,
        })
    }

    /// The same file with the same content, but for its number of links: who links it elsewhere, as a backup does, changes nothing.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        Self { changed_ns: other.changed_ns, ..self.clone() } == *other
    }
}

impl Key {
    pub(super) fn new(julia: Julia, line: &CommandLine, launch: &Launch, directory: &Path) -> Self {
        let switches: Vec<OsString> = line.process.iter().flat_map(crate::julia::ProcessSwitch::to_args).collect();
        let isolation = isolation(line, launch);
        let session = kept::Name::of(launch, line, directory).map(Rc::new);
        let matters = |entry: &&Vec<u8>| is_read_at_startup(entry, isolation);
        let entries = launch.environment.iter().filter(matters);
        let mut variables: Vec<Vec<u8>> = entries.cloned().collect();
        variables.sort_unstable();
        Self { isolation, julia, switches, variables, program: None, session }
    }

    /// The branch of a program, for launches that this key serves.
    pub(super) fn with(&self, program: Program) -> Self {
        Self { program: Some(Rc::new(program)), ..self.clone() }
    }

    /// The workers that a branch is forked from.
    pub(super) fn base(&self) -> Self {
        Self { program: None, ..self.clone() }
    }

    /// What it serves, for people.
    pub(super) fn words(&self) -> String {
        let session = || self.session.as_ref().map(|session| session.words());
        let program = self.program.as_ref().map(|program| program.words());
        program.or_else(session).unwrap_or_else(|| self.julia.path.display().to_string())
    }

    /// The same launches, served one process each.
    pub(super) fn fresh(&self) -> Self {
        Self { isolation: Isolation::Fresh, program: None, ..self.clone() }
    }

    pub(super) fn plan(&self) -> Plan {
        let own = [env::HOME, env::PATH, env::TMPDIR].into_iter().filter_map(|name| {
            let value = std::env::var_os(name)?;
            Some([name.as_bytes(), b"=", value.as_bytes()].concat())
        });
        // libuv's own switch against rings that a forked child would share (`uv__use_io_uring`); no launch sees it.
        let quiet = [b"UV_USE_IO_URING=0".to_vec()];
        let uv = quiet.into_iter().filter(|_| self.isolation == Isolation::Fork);
        Plan {
            julia: self.julia.path.clone(),
            switches: self.switches.clone(),
            environment: self.variables.iter().cloned().chain(own).chain(uv).collect(),
            isolation: self.isolation,
        }
    }
}

/// One thread is forked, unless the user wants otherwise; more threads do not survive a fork.
fn isolation(line: &CommandLine, launch: &Launch) -> Isolation {
    if launch.kept.is_some() {
        return Isolation::Session;
    }
    if launch.terminal != 0 {
        return Isolation::Repl;
    }
    let wanted = launch.variable(env::ISOLATION) == Some(b"fresh");
    let asked = line.threads().map(OsStr::as_bytes).or_else(|| launch.variable(env::JULIA_NUM_THREADS));
    let single = asked.is_none_or(|threads| threads == b"1");
    if wanted || !single { Isolation::Fresh } else { Isolation::Fork }
}

/// Variables read once, in C or while Base and libraries start (Julia: src/threading.c, src/init.c, base/Base.jl,
/// base/sysinfo.jl; glibc: ld.so(8), mallopt(3), locale(7), tzset(3); OpenBLAS, OpenMP and libuv likewise).
const READ_AT_STARTUP: [&str; 24] = [
    env::JULIA_NUM_THREADS,
    "JULIA_NUM_GC_THREADS",
    "JULIA_CPU_THREADS",
    "JULIA_CPU_TARGET",
    "JULIA_EXCLUSIVE",
    "JULIA_HEAP_SIZE_HINT",
    "JULIA_THREAD_SLEEP_THRESHOLD",
    "JULIA_COPY_STACKS",
    "JULIA_BINDIR",
    "JULIA_LLVM_ARGS",
    "JULIA_PROBE_LIBSTDCXX",
    "JULIA_MAX_NUM_PRECOMPILE_FILES",
    "JULIA_USE_FLISP_PARSER",
    "JULIA_PKG_OFFLINE",
    "JULIA_PKG_GC_AUTO",
    "JULIA_PROFILE_PEEK_HEAP_SNAPSHOT",
    "JULIA_SSL_CA_ROOTS_PATH",
    "ENABLE_JITPROFILING",
    "ENABLE_GDBLISTENER",
    "LANG",
    "LANGUAGE",
    "LOCPATH",
    "TZ",
    "TZDIR",
];
const READ_AT_STARTUP_PREFIXES: [&str; 11] =
    ["LD_", "LC_", "OPENBLAS_", "GOTOBLAS_", "GOTO_", "OMP_", "MKL_", "BLIS_", "UV_", "MALLOC_", "GLIBC_"];

/// From Julia 1.11 on the properties of the terminal are looked up once (base/terminfo.jl), and a worker that is ready for a
/// REPL has done so.
const READ_FOR_TERMINALS: [&str; 2] = [env::TERM, env::COLORTERM];

fn is_read_at_startup(entry: &[u8], isolation: Isolation) -> bool {
    let name = entry.split(|byte| *byte == b'=').next().unwrap_or_default();
    let for_terminals = READ_FOR_TERMINALS.iter().filter(|_| isolation == Isolation::Repl);
    READ_AT_STARTUP.iter().chain(for_terminals).any(|known| known.as_bytes() == name)
        || READ_AT_STARTUP_PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}
