//! What a REPL is started with and what can be seen in it.

use std::fs;

use super::support::launch::Session;
use super::support::{Case, End, Launch, Stream, Way, World, direct, fresh};
use super::{CTRL_D, PROMPT, on_screen, start, type_lines, typed};

/// What code can see of its process in a session.
const LOOK: &str = "write(\"out\", join(Any[ARGS, PROGRAM_FILE, isinteractive(), typeof(stdin), typeof(stdout), typeof(stderr), \
    get(stdout, :color, nothing), displaysize(stdout), Base.have_color, sort(string.(names(Main))), length(Base.Multimedia.displays), \
    LOAD_PATH, DEPOT_PATH, Base.active_project(), pwd(), sort(collect(string.(keys(ENV)))), Threads.nthreads(), \
    Base.JLOptions().quiet, Base.JLOptions().banner, Base.JLOptions().historyfile, Base.JLOptions().isinteractive, \
    sort([id.name for id in keys(Base.loaded_modules)]), isdefined(Base, :active_repl) && typeof(Base.active_repl), \
    length(Base.atexit_hooks), length(Base.repl_hooks)], '\\n'))";

pub fn cases() -> Vec<Case> {
    let look: &'static [&'static str] = &[LOOK];
    vec![
        typed("a line", &["6 * 7; write(\"out\", string(ans, 6 * 7))"]),
        typed("all that can be seen", look),
        typed("all that can be seen after -q", look).args(["-q"]),
        typed("all that can be seen with other switches", look).args([
            "--banner=no",
            "--color=no",
            "--history-file=no",
        ]),
        typed("all that can be seen with two threads", look).args(["-t2", "--project=."]),
        typed("all that can be seen after -e", &["write(\"x\", string(x))", LOOK])
            .args(["-i", "-e", "x = 1", "a", "b"]),
        typed("all that can be seen after a file", &["write(\"x\", string(x))", LOOK])
            .file("a.jl", "x = (1, ARGS, PROGRAM_FILE, isinteractive())")
            .args(["-i", "a.jl", "a", "b"]),
        typed("-L and then a REPL", &["write(\"out\", f())"]).file("a.jl", "f() = \"loaded\"").args(["-L", "a.jl"]),
        typed("a file that fails", &["write(\"out\", string(x))"])
            .file("a.jl", "x = 5\nerror(\"no\")")
            .args(["-i", "a.jl"]),
        on_screen(fresh("code that fails before the REPL")).args(["-i", "-e", "error(\"no\")"]).exits(1),
        on_screen(fresh("code that ends before the REPL")).args(["-i", "-e", "exit(5)"]).exits(5),
        on_screen(fresh("input before the REPL")).args(["-i", "-e", "write(\"out\", readline())"]).act(|program| {
            program.write("typed ahead\n");
            program.stdout().await_text(PROMPT);
            program.write(CTRL_D);
        }),
        typed("errors into a pipe", &["print(stderr, \"to the pipe\")"]).with(2, Stream::Capture),
        typed("a terminal that is dumb", &[]).env("TERM", "dumb").act(|program| {
            program.stdout().await_text("julia> ");
            program.write("write(\"out\", string(1 + 1))\n");
            program.stdout().await_times("julia> ", 2);
            program.write(CTRL_D);
        }),
        typed("the controlling terminal", &["run(`sh -c 'echo seen > /dev/tty; stty size < /dev/tty > out'`)"]),
        typed("a subprocess reads", &["write(\"out\", readline())\nit is read"]),
        typed("the startup file", &["write(\"out\", string(from_startup))"])
            .args(["--startup-file=yes"])
            .file(
                "depot/config/startup.jl",
                "from_startup = 9; atreplinit(repl -> write(\"hook\", string(typeof(repl))))",
            )
            .env_below("JULIA_DEPOT_PATH", "depot")
            .files_differ(),
        left_to_julia("output into a pipe", Session::Leader).with(1, Stream::Capture).fed(""),
        left_to_julia("-i without a terminal", Session::None).args(["-i"]).fed("print(1)\n"),
        left_to_julia("no controlling terminal", Session::None)
            .with(0, Stream::Terminal)
            .with(1, Stream::Terminal)
            .act(|program| {
                program.stdout().await_text(PROMPT);
                program.write(CTRL_D);
            }),
    ]
}

fn left_to_julia(name: &str, session: Session) -> Case {
    direct(name, "interactive").launched(|launch| launch.on_terminal(session)).args(["-i"]).normal(|_| Vec::new())
}

pub fn history(world: &World) {
    let mut first = start_with_history(world);
    type_lines(&mut first, &["first_line = 1", "write(\"second_line\", \"x\")"]);
    first.write(CTRL_D);
    assert_eq!(first.finish().end, End::Exited(0));
    let mut second = start_with_history(world);
    second.stdout().await_text(PROMPT);
    // Up, and again.
    second.write("\x1b[A\x1b[A\n");
    second.stdout().await_times(PROMPT, 2);
    type_lines_after(&mut second, "write(\"second\", string(first_line))");
    assert_eq!(second.finish().end, End::Exited(0));
    let file = fs::read_to_string(world.folder().join("work/history/history.jl")).unwrap();
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        [
            "\tfirst_line = 1",
            "\twrite(\"second_line\", \"x\")",
            "\tfirst_line = 1",
            "\twrite(\"second\", string(first_line))"
        ]
    );
}

/// Others write to the user's history at the same time.
fn start_with_history(world: &World) -> super::support::Running {
    let folder = world.folder().join("work/history");
    fs::create_dir_all(&folder).unwrap();
    let launch = Launch::default().on_terminal(Session::Leader).env("JULIA_DAEMON", "require");
    let launch = launch.env("JULIA_HISTORY", folder.join("history.jl")).deadline_seconds(120);
    world.start(Way::Client, &launch, &folder)
}

fn type_lines_after(program: &mut super::support::Running, line: &str) {
    program.write(format!("{line}\n"));
    program.stdout().await_times(PROMPT, 3);
    program.write(CTRL_D);
}

pub fn two_at_once(world: &World) {
    let mut both = [start(world, "one", Session::Leader), start(world, "other", Session::Leader)];
    for (number, program) in both.iter_mut().enumerate() {
        program.stdout().await_text(PROMPT);
        program.write(format!("x = {number}\n"));
        program.stdout().await_times(PROMPT, 2);
    }
    for program in both {
        program.write("exit(x + 20)\n");
        let outcome = program.finish();
        assert!(matches!(outcome.end, End::Exited(20 | 21)), "{outcome:?}");
    }
}

pub fn first_runs_plain(world: &World) {
    // Switches that nobody has used make it the first one.
    let launch = |name: &str| {
        let trace = world.new_trace();
        let launch = Launch::new(["-g1", "-O1"]).on_terminal(Session::Leader).env("JULIA_DAEMON_TRACE", &trace);
        let program = world.start(Way::Client, &launch.deadline_seconds(120), &world.case_folder(name));
        program.stdout().await_text(PROMPT);
        program.write(CTRL_D);
        assert_eq!(program.finish().end, End::Exited(0));
        fs::read_to_string(trace).unwrap()
    };
    let first = launch("first");
    assert!(first.contains("direct reason=booting"), "{first}");
    super::support::wait_until("the next is served", || launch("next").contains("served"));
}
