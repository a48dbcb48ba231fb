//! All of Julia's switches, 1.5 to 1.14-DEV, as one table.
//!
//! Facts from the option table (`longopts`, `shortopts`) in Julia's `src/jloptions.c`, read at the releases 1.8 to 1.12,
//! at the branch points of 1.5, 1.6, 1.7 and 1.13, and on the 1.14 development branch of April 2026. No switch was taken
//! away in that time, and none changed whether it takes a value.

use super::{Values, Version};

/// The oldest Julia that the table describes.
pub const OLDEST: Version = (1, 5);
/// The youngest. In later ones an abbreviation may have become ambiguous.
pub const YOUNGEST: Version = (1, 14);

/// Whether a switch takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// Never.
    None,
    /// Always: attached (`--color=no`, `-t4`) or as the next word.
    Required(Values),
    /// The long form only with `=`. The short form takes the next word if there is one, whatever it is: for getopt its
    /// value is required, and Julia forgives the missing one.
    Optional {
        /// What it may be.
        values: Values,
        /// The value that its absence stands for.
        bare: &'static str,
    },
}

/// What a switch is about, and so who serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This one launch; any worker can honour it.
    Run(RunSwitch),
    /// State of the whole process, fixed at its start: a worker serves only launches with the same setting.
    Process,
    /// Prints and exits before Julia starts.
    Print,
    /// Never served by a worker.
    Plain,
}

/// The switches that belong to one launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the long switch of that name")]
pub enum RunSwitch {
    Eval,
    Print,
    Load,
    Module,
    Project,
    Interactive,
    Quiet,
    Color,
    Banner,
    HistoryFile,
    StartupFile,
}

/// One of Julia's switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Without the dashes.
    pub long: &'static str,
    /// The first Julia with the long form.
    pub long_since: Version,
    /// The letter of the short form.
    pub short: Option<u8>,
    /// The first Julia with the short form.
    pub short_since: Version,
    /// Whether it takes a value.
    pub argument: Argument,
    /// Who serves it.
    pub scope: Scope,
}

const NONE: Argument = Argument::None;
const ANY: Argument = Argument::Required(Values::Any);
const ANY_OR_NONE: Argument = Argument::Optional { values: Values::Any, bare: "" };
const YES_NO: Argument = Argument::Required(Values::OneOf(&[("yes", OLDEST), ("no", OLDEST)]));
const COLOR: Argument = one_of(&[("yes", OLDEST), ("no", OLDEST), ("auto", OLDEST)]);
const BANNER: Argument = one_of(&[("yes", OLDEST), ("no", OLDEST), ("auto", OLDEST), ("short", (1, 11))]);
const DEPWARN: Argument = one_of(&[("yes", OLDEST), ("no", OLDEST), ("error", OLDEST)]);
const COMPILE: Argument = one_of(&[("yes", OLDEST), ("no", OLDEST), ("all", OLDEST), ("min", OLDEST)]);
const MATH_MODE: Argument = one_of(&[("ieee", OLDEST), ("fast", OLDEST), ("user", OLDEST)]);
const CHECK_BOUNDS: Argument = one_of(&[("yes", OLDEST), ("no", OLDEST), ("auto", (1, 8))]);
const COMPILED_MODULES: Argument =
    one_of(&[("yes", OLDEST), ("no", OLDEST), ("existing", (1, 11)), ("strict", (1, 11))]);
const PKGIMAGES: Argument = one_of(&[("yes", OLDEST), ("no", OLDEST), ("existing", (1, 11))]);
const LEVELS: Values = Values::OneOf(&[("0", OLDEST), ("1", OLDEST), ("2", OLDEST), ("3", OLDEST)]);
const DEBUG_LEVELS: Values = Values::OneOf(&[("0", OLDEST), ("1", OLDEST), ("2", OLDEST)]);

/// Every switch of every Julia from [`OLDEST`] to [`YOUNGEST`].
pub static SWITCHES: &[Switch] = &[
    print("version").short(b'v'),
    print("help").short(b'h'),
    print("help-hidden"),
    // One launch.
    run("eval", RunSwitch::Eval, ANY).short(b'e'),
    run("print", RunSwitch::Print, ANY).short(b'E'),
    run("load", RunSwitch::Load, ANY).short(b'L'),
    run("module", RunSwitch::Module, ANY).short(b'm').since((1, 12)),
    run("project", RunSwitch::Project, Argument::Optional { values: Values::Any, bare: "@." })
        .short(b'P')
        .short_since((1, 14)),
    run("interactive", RunSwitch::Interactive, NONE).short(b'i').long_since((1, 9)),
    run("quiet", RunSwitch::Quiet, NONE).short(b'q'),
    run("color", RunSwitch::Color, COLOR),
    run("banner", RunSwitch::Banner, BANNER),
    run("history-file", RunSwitch::HistoryFile, YES_NO),
    run("startup-file", RunSwitch::StartupFile, YES_NO),
    // The whole process: image, processor, threads, memory.
    process("sysimage", Argument::Required(Values::File)).short(b'J'),
    process("cpu-target", Argument::Required(Values::CpuTarget)).short(b'C'),
    process("threads", Argument::Required(Values::Threads)).short(b't'),
    process("gcthreads", Argument::Required(Values::GcThreads)).since((1, 10)),
    process("heap-size-hint", Argument::Required(Values::Size { percent: true })).since((1, 9)),
    process("heap-target-increment", Argument::Required(Values::Size { percent: false })).since((1, 13)),
    process("gc-sweep-always-full", NONE).since((1, 13)),
    process("task-metrics", YES_NO).since((1, 12)),
    process("experimental", NONE).since((1, 12)),
    // The whole process: how code is loaded, compiled and warned about.
    process("compiled-modules", COMPILED_MODULES),
    process("pkgimages", PKGIMAGES).since((1, 9)),
    process("permalloc-pkgimg", YES_NO).since((1, 9)),
    process("compile", COMPILE),
    process("optimize", Argument::Optional { values: LEVELS, bare: "3" }).short(b'O'),
    process("min-optlevel", Argument::Optional { values: LEVELS, bare: "0" }).since((1, 7)),
    process("debug-info", Argument::Optional { values: DEBUG_LEVELS, bare: "2" }).short(b'g').long_since((1, 9)),
    process("inline", YES_NO),
    process("check-bounds", CHECK_BOUNDS),
    process("math-mode", MATH_MODE),
    process("polly", YES_NO),
    process("depwarn", DEPWARN),
    process("warn-overwrite", YES_NO),
    process("warn-scope", YES_NO),
    // Moves everything that Julia finds beside itself; 1.12 ignores it.
    plain("home", ANY).short(b'H'),
    // A launch is interrupted through the handlers that this takes away.
    plain("handle-signals", ANY),
    // Deprecated in 1.13, where it warns or fails at the start, depending on --depwarn and on the order of both.
    plain("sysimage-native-code", ANY),
    // Ends the process by the size of a heap that is not one launch's alone.
    plain("hard-heap-limit", ANY).since((1, 13)),
    // Processes of its own, or a process that belongs to another one.
    plain("procs", ANY).short(b'p'),
    plain("machine-file", ANY),
    plain("worker", ANY_OR_NONE),
    plain("bind-to", ANY),
    plain("bug-report", ANY),
    plain("rr-detach", NONE).since((1, 7)),
    // Not Julia.
    plain("lisp", NONE),
    // Counts from the start and writes at the exit of the whole process.
    plain("code-coverage", ANY_OR_NONE),
    plain("track-allocation", ANY_OR_NONE),
    // Tells what a cold process compiles, evaluates or waits for; a warm one has that behind it.
    plain("trace-compile", ANY),
    plain("trace-compile-timing", NONE).since((1, 12)),
    plain("trace-dispatch", ANY).since((1, 12)),
    plain("trace-eval", ANY_OR_NONE).since((1, 13)),
    plain("timeout-for-safepoint-straggler", ANY).since((1, 12)),
    // Makes an image, or code for one, from a fresh process.
    plain("output-o", ANY),
    plain("output-ji", ANY),
    plain("output-bc", ANY),
    plain("output-unopt-bc", ANY),
    plain("output-asm", ANY),
    plain("output-incremental", ANY),
    plain("image-codegen", NONE).since((1, 6)),
    plain("strip-metadata", NONE).since((1, 8)),
    plain("strip-ir", NONE).since((1, 8)),
    plain("trim", ANY_OR_NONE).since((1, 12)),
    plain("compress-sysimage", ANY).since((1, 13)),
    plain("target-sanitize", ANY).since((1, 14)),
];

const fn one_of(words: &'static [(&'static str, Version)]) -> Argument {
    Argument::Required(Values::OneOf(words))
}

const fn run(long: &'static str, switch: RunSwitch, argument: Argument) -> Switch {
    Switch::new(long, argument, Scope::Run(switch))
}

const fn process(long: &'static str, argument: Argument) -> Switch {
    Switch::new(long, argument, Scope::Process)
}

const fn print(long: &'static str) -> Switch {
    Switch::new(long, Argument::None, Scope::Print)
}

const fn plain(long: &'static str, argument: Argument) -> Switch {
    Switch::new(long, argument, Scope::Plain)
}

impl Switch {
    const fn new(long: &'static str, argument: Argument, scope: Scope) -> Self {
        Self { long, long_since: OLDEST, short: None, short_since: OLDEST, argument, scope }
    }

    const fn short(mut self, letter: u8) -> Self {
        self.short = Some(letter);
        self
    }

    const fn since(self, version: Version) -> Self {
        self.long_since(version).short_since(version)
    }

    const fn long_since(mut self, version: Version) -> Self {
        self.long_since = version;
        self
    }

    const fn short_since(mut self, version: Version) -> Self {
        self.short_since = version;
        self
    }
}
