//! What keys do in a REPL.

use std::fs;
use std::time::Duration;

use super::support::launch::Session;
use super::support::leftovers::state;
use super::support::{Case, End, Running, World, comes_true, fresh, wait_until};
use super::{CTRL_C, CTRL_D, CTRL_Z, PROMPT, on_screen, start, type_lines, typed};

pub fn cases() -> Vec<Case> {
    let interrupted =
        |name: &str, code: &'static str| on_screen(fresh(name)).exits(4).act(move |program| interrupt(program, code));
    vec![
        typed("completion", &["write(\"out\", string(displaysi\t(stdout)))"]),
        typed("completion of a path", &["include(\"long_na\t)", "write(\"out\", string(x))"])
            .file("long_name.jl", "x = 3"),
        typed("the shell's mode", &[";echo hello > out", "write(\"other\", read(\"out\", String))"]),
        on_screen(fresh("help")).act(|program| {
            type_lines(program, &["?sin"]);
            program.stdout().await_text("sine of");
            program.write(CTRL_D);
        }),
        on_screen(fresh("Pkg's mode")).act(|program| {
            program.stdout().await_text(PROMPT);
            program.write("]");
            program.stdout().await_text("pkg> ");
            program.write("\x08");
            type_line_at_last(program, "write(\"out\", \"back\")");
            program.write(CTRL_D);
        }),
        on_screen(fresh("a line that is given up")).exits(4).act(|program| {
            program.stdout().await_text(PROMPT);
            program.write("nonsense(");
            program.write(CTRL_C);
            program.stdout().await_text("^C");
            type_line_at_last(program, "write(\"out\", \"on\")");
            program.write("exit(4)\n");
        }),
        interrupted("Ctrl-C while it sleeps", "sleep(30)"),
        interrupted("Ctrl-C while it works", "let x = 0; while true; x += length(string(x)); end; end"),
        on_screen(fresh("Ctrl-C, again and again, where nothing looks for it")).exits(4).act(|program| {
            program.stdout().await_text(PROMPT);
            // The first of them must not end a `print` that still waits for the terminal, so that the others end what shows that.
            program.write("disable_sigint(() -> (print(\"wor\", \"king\"); while true; end))\n");
            program.stdout().await_text("working");
            wait_until("it is interrupted", || storm(program));
            program.stdout().await_times(PROMPT, 2);
            program.write("exit(4)\n");
        }),
        on_screen(fresh("Ctrl-C for a subprocess")).act(|program| {
            program.stdout().await_text(PROMPT);
            program.write("try run(`sh -c 'trap \"echo trapped > out; exit\" INT; echo rea\"\"dy; while :; do sleep 0.02; done'`) catch; end\n");
            program.stdout().await_text("ready\r\n");
            program.write(CTRL_C);
            program.await_file("out");
            // What Julia itself makes of it differs from run to run.
            program.signal(libc::SIGHUP);
        }).dies_by(libc::SIGHUP),
        on_screen(fresh("resized")).act(|program| {
            program.stdout().await_text(PROMPT);
            program.terminal().resize(100, 30);
            type_line_at_last(program, "write(\"out\", string(displaysize(stdout)))");
            program.write(CTRL_D);
        }),
        on_screen(fresh("a subprocess is told of a resize")).act(|program| {
            program.stdout().await_text(PROMPT);
            program
                .write(";sh -c 'trap \"stty size > out; exit\" WINCH; echo rea\"\"dy; while :; do sleep 0.02; done'\n");
            program.stdout().await_text("ready\r\n");
            program.terminal().resize(90, 20);
            program.await_file("out");
            program.stdout().await_times(PROMPT, 2);
            program.write(CTRL_D);
        }),
        on_screen(fresh("much output")).act(|program| {
            type_lines(program, &["print(\"0123456789\"^100_000, \"th\", \"at was all\")"]);
            program.stdout().await_text("that was all");
            program.write(CTRL_D);
        }),
        on_screen(fresh("much input")).act(|program| {
            program.stdout().await_text(PROMPT);
            program.write(format!("write(\"out\", string(sum([{}])))\n", "1,".repeat(2000)));
            program.await_file("out");
            program.stdout().await_times(PROMPT, 2);
            program.write(CTRL_D);
        }),
        stopped("Ctrl-Z at the prompt, then fg", "", PROMPT),
        stopped(
            "Ctrl-Z while it sleeps, then fg",
            "print(\"wor\", \"king\"); sleep(0.5); write(\"slept\", \"x\")\n",
            "working",
        ),
    ]
}

fn has(program: &Running, text: &str) -> bool {
    String::from_utf8_lossy(&program.stdout().so_far()).contains(text)
}

/// At the prompt that is there, or is to come.
fn type_line_at_last(program: &mut Running, line: &str) {
    let before = String::from_utf8_lossy(&program.stdout().so_far()).matches(PROMPT).count();
    program.write(format!("{line}\n"));
    program.stdout().await_times(PROMPT, before + 1);
}

/// As few Ctrl-C as Julia takes for insistence (`jl_check_force_sigint` in its src/signal-handling.c): one more would
/// interrupt what shows the interrupt. Whether it was one.
fn storm(program: &mut Running) -> bool {
    for _ in 0..5 {
        program.write(CTRL_C);
        std::thread::sleep(Duration::from_millis(50));
    }
    comes_true(Duration::from_secs(2), || has(program, "InterruptException"))
}

fn interrupt(program: &mut Running, code: &str) {
    program.stdout().await_text(PROMPT);
    program.write(format!("print(\"wor\", \"king\"); {code}\n"));
    program.stdout().await_text("working");
    std::thread::sleep(Duration::from_millis(300));
    program.write(CTRL_C);
    program.stdout().await_text("InterruptException");
    program.stdout().await_times(PROMPT, 2);
    program.write("exit(4)\n");
}

/// A shell's job that is stopped once `text` can be seen, and goes on.
fn stopped(name: &str, line: &'static str, text: &'static str) -> Case {
    let job = fresh(name).launched(|launch| launch.on_terminal(Session::Job)).normal(|_| Vec::new());
    job.act(move |program| {
        program.stdout().await_text(PROMPT);
        program.write(line);
        program.stdout().await_text(text);
        for round in 1..3 {
            program.write(CTRL_Z);
            program.shell().await_times("stopped 20", round);
            program.tell_shell("fg");
            program.shell().await_times("continued", round);
        }
        if !line.is_empty() {
            program.await_file("slept");
        }
        program.write("write(\"out\", \"on\"); exit()\n");
    })
}

pub fn stops_everything(world: &World) {
    let mut program = start(world, "stops", Session::Job);
    type_lines(&mut program, &["write(\"pid\", string(getpid()))"]);
    let pid: i32 = fs::read_to_string(world.folder().join("work/stops/pid")).unwrap().parse().unwrap();
    let client = program.job_pid();
    let raw = program.terminal().mode_words();
    program.write(CTRL_Z);
    program.shell().await_text("stopped 20");
    for pid in [pid, client] {
        wait_until("it has stopped", || state(pid) == Some('T'));
    }
    program.tell_shell("fg");
    for pid in [pid, client] {
        wait_until("it goes on", || state(pid).is_some_and(|state| state != 'T'));
    }
    wait_until("it has the terminal again", || program.terminal().mode_words() == raw);
    // What is typed before Julia has made its terminal raw again is that terminal's own affair, and may be lost in plain Julia, too.
    program.stdout().await_times(PROMPT, 3);
    program.write(CTRL_D);
    assert_eq!(program.finish().end, End::Exited(0));
}

/// A signal may come at any time between other work of the client, which has most of it while much is printed.
pub fn resized_while_it_prints(world: &World) {
    let program = start(world, "prints", Session::Leader);
    program.stdout().await_text(PROMPT);
    program.write("while !isfile(\"stop\"); print(\"x\"^60); write(\"size\", string(displaysize(stdout))); end\n");
    program.await_file("size");
    let folder = world.folder().join("work/prints");
    for columns in 101..701 {
        program.terminal().resize(columns, 30);
        let size = format!("(30, {columns})");
        wait_until(&format!("the program has {size}"), || {
            fs::read_to_string(folder.join("size")).is_ok_and(|text| text == size)
        });
    }
    fs::write(folder.join("stop"), "").unwrap();
    program.stdout().await_times(PROMPT, 2);
    program.write(CTRL_D);
    assert_eq!(program.finish().end, End::Exited(0));
}
