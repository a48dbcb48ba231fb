//! Every environment variable that we read, documented once. `tests/tidy.rs` holds that nothing else is read.

/// `off` (or `no`, `0`): run plain Julia. `require`: run in a worker or exit 125 with the reason.
pub const DAEMON: &str = "JULIA_DAEMON";
/// Path of the conductor's socket. Default: `$XDG_RUNTIME_DIR/julia-daemon.sock`, else `/run/user/<uid>/…` where that
/// folder exists, else a folder of this user's alone in `/tmp`.
pub const DAEMON_SERVER: &str = "JULIA_DAEMON_SERVER";
/// `1`: one line per launch on stderr saying which way it went and why. A path: appended to that file.
pub const DAEMON_TRACE: &str = "JULIA_DAEMON_TRACE";
/// Julia arguments that come before those of every launch, split on white space. Default: `--startup-file=no`.
pub const WORKER_ARGS: &str = "JULIA_DAEMON_WORKER_ARGS";
/// The Julia to run: a path, or a name looked up on `PATH`. Default: `julia`.
pub const WORKER_EXECUTABLE: &str = "JULIA_DAEMON_WORKER_EXECUTABLE";
/// Seconds that a worker is kept after the last launch that it served; a program may set it for its own worker. Default: 7200.
pub const WORKER_TTL: &str = "JULIA_DAEMON_WORKER_TTL";
/// Memory that workers may take, without programs that run: `2G`, `500M`, or bytes. Read when the conductor starts. Default: a
/// quarter of the machine's.
pub const MEMORY: &str = "JULIA_DAEMON_MEMORY";
/// Set by `jlapp` for Pkg's work: its process id, by which it finds what is left of that after an interrupt. The conductor takes
/// no notice of variables with this beginning.
pub const STARTED_BY: &str = "JULIA_DAEMON_STARTED_BY";
/// Set by `jlapp` for Pkg's work: where that puts its temporary files, so that none are left of what is interrupted. In `TMPDIR` it
/// would be another environment for each of them.
pub const SCRATCH: &str = "JULIA_DAEMON_SCRATCH";
/// `fork` or `fresh`: how launches are kept apart. Default: `fork` where this Julia can.
pub const ISOLATION: &str = "JULIA_DAEMON_ISOLATION";
/// Seconds after which a conductor ends that keeps no worker and runs no program. Read when it starts. Default: 3600.
pub const IDLE_TTL: &str = "JULIA_DAEMON_IDLE_TTL";
/// `uring` or `epoll`: what the conductor waits with. Default: `uring` where the kernel has it.
pub const IO: &str = "JULIA_DAEMON_IO";

/// systemd's: the process that sockets are handed on to, and how many (sd_listen_fds(3)).
pub const LISTEN_PID: &str = "LISTEN_PID";
/// See [`LISTEN_PID`].
pub const LISTEN_FDS: &str = "LISTEN_FDS";

/// Where the runtime folder is (XDG Base Directory Specification).
pub const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";
/// Where the log is kept (XDG Base Directory Specification). Default: `~/.local/state`.
pub const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
/// Julia's own: how many threads a program has. More than one cannot be forked.
pub const JULIA_NUM_THREADS: &str = "JULIA_NUM_THREADS";
/// Where temporary files are made (environ(7)); handed on to workers.
pub const TMPDIR: &str = "TMPDIR";
/// The kind of terminal (environ(7)); Julia's REPL looks at it when it starts.
pub const TERM: &str = "TERM";
/// Whether a terminal shows 24-bit colours; Julia looks at it once in a process (base/ttyhascolor.jl, base/terminfo.jl).
pub const COLORTERM: &str = "COLORTERM";
/// Where programs are looked up (environ(7)).
pub const PATH: &str = "PATH";
/// The user's folder (environ(7)).
pub const HOME: &str = "HOME";

/// Where the dynamic linker looks first (ld.so(8)).
pub const LD_LIBRARY_PATH: &str = "LD_LIBRARY_PATH";
/// The user's login shell (environ(7)).
pub const SHELL: &str = "SHELL";
/// zsh's own: where its start-up files are. Default: the user's folder.
pub const ZDOTDIR: &str = "ZDOTDIR";
/// Where configuration is kept (XDG Base Directory Specification). Default: `~/.config`.
pub const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Set by the script of `jlapp completions`, to the shell that asks what a word may become.
pub const COMPLETE: &str = "JLAPP_COMPLETE";

/// juliaup's: the channel of every launch that does not ask for one with `+channel`.
pub const JULIAUP_CHANNEL: &str = "JULIAUP_CHANNEL";
/// juliaup's: an absolute path; toolchains lie in its folders `juliaup` and `jlapp`. Default: `~/.julia`.
pub const JULIAUP_DEPOT_PATH: &str = "JULIAUP_DEPOT_PATH";
/// The Julia for apps: a path, `+1.9`, or `julia +1.9`.
pub const APP_JULIA: &str = "JULIA_APP_JULIA";
/// Arguments of Julia for apps, split as a shell splits words; they replace the app's own `julia_flags`.
pub const APP_ARGS: &str = "JULIA_APP_ARGS";
/// Pkg's: the Julia for apps, a path.
pub const APPS_JULIA_CMD: &str = "JULIA_APPS_JULIA_CMD";
/// Julia's own: the project, as `--project` names it.
pub const JULIA_PROJECT: &str = "JULIA_PROJECT";
/// Julia's own: the environments that packages are looked up in. A relative entry depends on the working directory.
pub const JULIA_LOAD_PATH: &str = "JULIA_LOAD_PATH";
/// Julia's own: its depots; apps are kept in the first one.
pub const JULIA_DEPOT_PATH: &str = "JULIA_DEPOT_PATH";
/// juliaup's: where releases and the list of them are published. Default: `https://julialang-s3.julialang.org`.
pub const JULIAUP_SERVER: &str = "JULIAUP_SERVER";
/// juliaup's: where nightly builds are published. Default: `https://julialangnightlies-s3.julialang.org`.
pub const JULIAUP_NIGHTLY_SERVER: &str = "JULIAUP_NIGHTLY_SERVER";
/// juliaup's: where builds of pull requests are published. Default: `https://julialang-ephemeral-pr.s3.amazonaws.com`.
pub const JULIAUP_PR_SERVER: &str = "JULIAUP_PR_SERVER";
/// GitHub's own: where its API is, which tells the newest commit of a pull request. Default: `https://api.github.com`.
pub const GITHUB_API_URL: &str = "GITHUB_API_URL";
/// Seconds without a byte after which a download is tried again; fractions are allowed. Default: 30.
pub const HTTP_TIMEOUT: &str = "JLAPP_HTTP_TIMEOUT";
/// Rust's own: whether a panic shows where it came from. The thin programs have no unwinder and do not look.
pub const RUST_BACKTRACE: &str = "RUST_BACKTRACE";
/// For tests: the point of `sys::CRASH_POINTS` to be killed at. Builds without debug assertions do not read it.
pub const CRASH_AT: &str = "JLAPP_CRASH_AT";
