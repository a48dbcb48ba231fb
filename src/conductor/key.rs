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
    pub(super) julia: Stamped,
    /// The system image that it starts from, where that is known: rebuilt under its name, it is another one.
    pub(super) image: Option<Stamped>,
    /// Process-wide switches, sorted and spelled one way.
    pub(super) switches: Vec<OsString>,
    /// `NAME=value` entries that are read at start-up, sorted.
    pub(super) variables: Vec<Vec<u8>>,
    pub(super) isolation: Isolation,
    /// Of a branch: its program.
    pub(super) program: Option<Rc<Program>>,
    pub(super) session: Option<Rc<kept::Name>>,
}

/// A program or an image, and whether its file has been replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Stamped {
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Stamped {
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

    /// Whether a file has come in this one's place, or none.
    pub(super) fn is_replaced(&self) -> bool {
        Self::at(&self.path).as_ref() != Ok(self)
    }

    fn is_other_version_of(&self, other: &Self) -> bool {
        self.path == other.path && self != other
    }
}

/// What Julia starts from: `--sysimage`, else what lies in its place beside the program (`JULIA_BINDIR`/../lib/julia).
fn image(julia: &Path, line: &CommandLine) -> Option<Stamped> {
    if let Some(given) = line.sysimage() {
        return Stamped::at(Path::new(given)).ok();
    }
    let beside = |program: &Path| Stamped::at(&program.parent()?.parent()?.join("lib/julia/sys.so")).ok();
    beside(julia).or_else(|| beside(&julia.canonicalize().ok()?))
}

impl Key {
    pub(super) fn new(julia: Stamped, line: &CommandLine, launch: &Launch, directory: &Path) -> Self {
        let switches: Vec<OsString> = line.process.iter().flat_map(crate::julia::ProcessSwitch::to_args).collect();
        let isolation = isolation(line, launch);
        let session = kept::Name::of(launch, line, directory).map(Rc::new);
        let matters = |entry: &&Vec<u8>| is_read_at_startup(entry, isolation);
        let entries = launch.environment.iter().filter(matters);
        let mut variables: Vec<Vec<u8>> = entries.cloned().collect();
        variables.sort_unstable();
        let image = image(&julia.path, line);
        Self { isolation, julia, image, switches, variables, program: None, session }
    }

    /// The branch of a program, for launches that this key serves.
    pub(super) fn with(&self, program: Program) -> Self {
        Self { program: Some(Rc::new(program)), ..self.clone() }
    }

    /// The workers that a branch is forked from.
    pub(super) fn base(&self) -> Self {
        Self { program: None, ..self.clone() }
    }

    /// Whether its Julia, or what that starts from, is no more what it was: another one, or gone.
    pub(super) fn is_replaced(&self) -> bool {
        self.julia.is_replaced() || self.image.as_ref().is_some_and(Stamped::is_replaced)
    }

    /// Whether a launch has shown that this key's Julia, or what that starts from, is another one by now.
    pub(super) fn is_replaced_by(&self, current: &Self) -> bool {
        let images = self.image.as_ref().zip(current.image.as_ref());
        self.julia.is_other_version_of(&current.julia) || images.is_some_and(|(old, new)| old.is_other_version_of(new))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::julia::parse;

    #[test]
    fn an_image_beside_the_program_or_given() {
        let root = std::env::temp_dir().join(format!("jlapp-image-{}", std::process::id()));
        let (program, beside, given) = (root.join("bin/julia"), root.join("lib/julia/sys.so"), root.join("own.so"));
        for path in [&program, &beside, &given] {
            fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            fs::write(path, "1").expect("it can be written");
        }
        std::os::unix::fs::symlink(&program, root.join("julia")).expect("it can be linked");
        let of = |program: &Path, words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            image(program, &parse(&words).expect("a command line"))
        };
        let switch = format!("-J{}", given.display());
        assert_eq!(of(&program, &[]).expect("an image").path, beside);
        assert_eq!(of(&root.join("julia"), &[]).map(|image| image.path), beside.canonicalize().ok());
        assert_eq!(of(&program, &[&switch]).expect("an image").path, given);
        assert_eq!(of(&program, &["-J/no/such/file"]), None);
        let (old, old_given) = (of(&program, &[]).expect("an image"), of(&program, &[&switch]).expect("an image"));
        fs::write(&beside, "22").expect("it can be written");
        assert!(old.is_replaced() && !old_given.is_replaced());
        assert!(old.is_other_version_of(&of(&program, &[]).expect("an image")));
        fs::remove_dir_all(&root).expect("it can be removed");
    }
}
