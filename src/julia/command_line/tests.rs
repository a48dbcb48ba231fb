//! Command lines and what they mean. Each row was checked against the C code of every Julia that it is known to.

use super::*;
use crate::julia::switches::SWITCHES;
use std::os::unix::ffi::OsStringExt;

/// Words, and what [`shown`] makes of them.
type Row = (&'static [&'static str], &'static str);

fn words(row: &[&str]) -> Vec<OsString> {
    row.iter().map(OsString::from).collect()
}

fn parsed(row: &[&str]) -> CommandLine {
    parse(&words(row)).unwrap_or_else(|refusal| panic!("{row:?}: {refusal}"))
}

fn refused(row: &[&str]) -> Refusal {
    parse(&words(row)).expect_err(&format!("{row:?}"))
}

fn check(rows: &[Row]) {
    for (row, expected) in rows {
        assert_eq!(&shown(&parsed(row)), expected, "{row:?}");
    }
}

/// All that differs from an empty command line, in words.
fn shown(line: &CommandLine) -> String {
    let mut out: Vec<String> = line.actions.iter().map(shown_action).collect();
    out.extend(line.process.iter().flat_map(ProcessSwitch::to_args).map(|word| text(&word)));
    out.extend(line.project.iter().map(|project| format!("project<{}>", text(project))));
    out.extend(line.interactive.then(|| "interactive".into()));
    out.extend(line.quiet.then(|| "quiet".into()));
    out.extend(line.color.map(|color| format!("color {color}")));
    out.extend(line.banner.map(|banner| format!("banner {banner:?}").to_lowercase()));
    out.extend(line.history_file.map(|wanted| format!("history {wanted}")));
    out.extend(line.startup_file.map(|wanted| format!("startup {wanted}")));
    out.extend(shown_program(&line.program));
    if !line.arguments.is_empty() {
        let words: Vec<String> = line.arguments.iter().map(|word| text(word)).collect();
        out.push(format!("<{}>", words.join("><")));
    }
    if line.newest_switch > OLDEST {
        out.push(format!("since {}.{}", line.newest_switch.0, line.newest_switch.1));
    }
    out.join(" ")
}

fn shown_action(action: &Action) -> String {
    match action {
        Action::Eval(code) => format!("eval<{}>", text(code)),
        Action::Print(code) => format!("print<{}>", text(code)),
        Action::Load(file) => format!("load<{}>", text(file)),
        Action::Module(name) => format!("module<{}>", text(name)),
    }
}

fn shown_program(program: &Program) -> Option<String> {
    match program {
        Program::None => None,
        Program::Stdin => Some("stdin".into()),
        Program::File(file) => Some(format!("file<{}>", text(file))),
    }
}

fn text(word: &OsStr) -> String {
    word.to_string_lossy().into_owned()
}

#[test]
fn programs_and_their_arguments() {
    check(&[
        (&[], ""),
        (&["--"], ""),
        (&["x.jl"], "file<x.jl> <x.jl>"),
        (&["x.jl", "-q", "--color=no"], "file<x.jl> <x.jl><-q><--color=no>"),
        (&["x.jl", "-e", "1", "-v"], "file<x.jl> <x.jl><-e><1><-v>"),
        (&["--", "x.jl", "a"], "file<x.jl> <x.jl><a>"),
        (&["--", "-q"], "file<-q> <-q>"),
        (&["--", "--", "a"], "file<--> <--><a>"),
        (&["-q", "--", "x.jl", "--"], "quiet banner no file<x.jl> <x.jl><-->"),
        (&["x.jl", "a", "--", "b"], "file<x.jl> <x.jl><a><--><b> since 1.9"),
        (&[""], "file<> <>"),
        (&["", ""], "file<> <><>"),
        (&["x.jl", "", "a\nb"], "file<x.jl> <x.jl><><a\nb>"),
        (&["a b/ü.jl"], "file<a b/ü.jl> <a b/ü.jl>"),
        (&["-"], "stdin <-> since 1.8"),
        (&["-", "a"], "stdin <-><a> since 1.8"),
        (&["--", "-"], "stdin <-> since 1.8"),
        (&["-i", "x.jl"], "interactive file<x.jl> <x.jl>"),
        (&["+1.10"], "file<+1.10> <+1.10>"),
    ]);
}

#[test]
fn actions_in_order() {
    check(&[
        (&["-e", "x"], "eval<x>"),
        (&["-ex"], "eval<x>"),
        (&["--eval=x"], "eval<x>"),
        (&["--eval", "x"], "eval<x>"),
        (&["--eval=a=b"], "eval<a=b>"),
        (&["-e", ""], "eval<>"),
        (&["--eval="], "eval<>"),
        (&["-e", "-q"], "eval<-q>"),
        (&["-e", "1\n2"], "eval<1\n2>"),
        (&["-e", "--"], "eval<--> since 1.9"),
        (&["-e", "1", "-E", "2", "a", "-q"], "eval<1> print<2> <a><-q>"),
        (&["-e", "1", "--", "-q"], "eval<1> <-q>"),
        (&["-e", "1", "-"], "eval<1> <->"),
        (&["-e", "1", "a", "--"], "eval<1> <a><--> since 1.9"),
        (&["-L", "a", "-L", "b", "-e", "c", "x", "y"], "load<a> load<b> eval<c> <x><y>"),
        (&["-L", "a"], "load<a>"),
        (&["-L", "a", "x.jl"], "load<a> file<x.jl> <x.jl>"),
        (&["-qe", "x"], "eval<x> quiet banner no"),
        (&["-qex"], "eval<x> quiet banner no"),
        (&["-eqi"], "eval<qi>"),
    ]);
}

#[test]
fn modules_end_the_switches() {
    check(&[
        (&["-m", "Pkg", "a", "--", "b"], "module<Pkg> <Pkg><a><--><b> since 1.12"),
        (&["-mPkg", "a"], "module<Pkg> <-mPkg><a> since 1.12"),
        (&["--module", "A.B", "-q"], "module<A.B> <A.B><-q> since 1.12"),
        (&["--module=Pkg"], "module<Pkg> <--module=Pkg> since 1.12"),
        (&["-im", "Pkg"], "module<Pkg> interactive <Pkg> since 1.12"),
        (&["-e", "1", "-m", "Foo", "a"], "eval<1> module<Foo> <Foo><a> since 1.12"),
        (&["-m", "--", "a"], "module<--> <--><a> since 1.12"),
    ]);
}

#[test]
fn settings_of_a_run() {
    check(&[
        (&["-iq"], "interactive quiet banner no"),
        (&["--interactive"], "interactive since 1.9"),
        (&["--quiet"], "quiet banner no"),
        (&["--project"], "project<@.>"),
        (&["--project", "foo"], "project<@.> file<foo> <foo>"),
        (&["--project="], "project<>"),
        (&["--project=a", "--project=b c"], "project<b c>"),
        (&["-P", "foo"], "project<foo> since 1.14"),
        (&["-Pfoo"], "project<foo> since 1.14"),
        (&["-P"], "project<@.> since 1.14"),
        (&["--color=yes"], "color true"),
        (&["--color", "no"], "color false"),
        (&["--color=no", "--color=auto"], ""),
        (&["--banner=yes", "-q"], "quiet banner yes"),
        (&["-q", "--banner=auto"], "quiet"),
        (&["--banner=auto", "-q"], "quiet banner no"),
        (&["--banner=short"], "banner short since 1.11"),
        (&["--history-file=no", "--startup-file=yes"], "history false startup true"),
        (&["--startup-file", "no"], "startup false"),
    ]);
}

#[test]
fn settings_of_the_process() {
    check(&[
        (&["-O3"], "--optimize=3"),
        (&["-O", "3"], "--optimize=3"),
        (&["--optimize=3"], "--optimize=3"),
        (&["--optimize", "2"], "--optimize=3 file<2> <2>"),
        (&["-O"], "--optimize=3"),
        (&["-qO"], "--optimize=3 quiet banner no"),
        (&["-O1", "-O", "0"], "--optimize=0"),
        (&["-g"], "-g2"),
        (&["-g", "1"], "-g1"),
        (&["--debug-info"], "-g2 since 1.9"),
        (&["--min-optlevel"], "--min-optlevel=0 since 1.7"),
        (&["-t4"], "--threads=4"),
        (&["-t", "4"], "--threads=4"),
        (&["-it4"], "--threads=4 interactive"),
        (&["-t", "auto"], "--threads=auto"),
        (&["-t4,1"], "--threads=4,1 since 1.9"),
        (&["-tauto,auto"], "--threads=auto,auto since 1.9"),
        (&["--threads=4,0"], "--threads=4,0 since 1.12"),
        (&["--gcthreads=4,1", "--gcthreads=2"], "--gcthreads=2,1 since 1.10"),
        (&["--heap-size-hint=1.5G"], "--heap-size-hint=1.5G since 1.9"),
        (&["--heap-size-hint=50%"], "--heap-size-hint=50% since 1.9"),
        (&["--check-bounds=auto"], "--check-bounds=auto since 1.8"),
        (&["--compiled-modules=strict"], "--compiled-modules=strict since 1.11"),
        (&["--pkgimages=existing"], "--pkgimages=existing since 1.11"),
        (&["-J", "sys.so", "-Cnative"], "--cpu-target=native --sysimage=sys.so"),
        (&["--experimental"], "--experimental since 1.12"),
        (&["-t2", "--depwarn=error", "-t3", "x.jl"], "--depwarn=error --threads=3 file<x.jl> <x.jl>"),
    ]);
}

#[test]
fn abbreviations_that_no_julia_finds_ambiguous() {
    check(&[
        (&["--thr=4"], "--threads=4"),
        (&["--thr", "4"], "--threads=4"),
        (&["--ev", "x"], "eval<x>"),
        (&["--start=no"], "startup false"),
        (&["--sysimage=a"], "--sysimage=a"),
        (&["--inter"], "interactive since 1.9"),
    ]);
}

#[test]
fn refusals() {
    let rows: &[(&[&str], &str, &str)] = &[
        (&["-v"], "prints-and-exits", "--version prints and exits"),
        (&["-qv", "x.jl"], "prints-and-exits", "--version prints and exits"),
        (&["--help-hidden"], "prints-and-exits", "--help-hidden prints and exits"),
        (&["--wat"], "unknown-switch", "unknown switch \"--wat\""),
        (&["--wat\n=1"], "unknown-switch", "unknown switch \"--wat\\n=1\""),
        (&["---"], "unknown-switch", "unknown switch \"---\""),
        (&["-qz"], "unknown-switch", "unknown switch \"-z\""),
        (&["-q-"], "unknown-switch", "unknown switch \"--\""),
        (&["--pro=x"], "ambiguous-switch", "\"--pro=x\" may stand for several switches"),
        (&["--in=no"], "ambiguous-switch", "\"--in=no\" may stand for several switches"),
        (&["--="], "ambiguous-switch", "\"--=\" may stand for several switches"),
        (&["--color=maybe"], "bad-value", "--color with the value \"maybe\""),
        (&["--color", "--", "x.jl"], "bad-value", "--color with the value \"--\""),
        (&["--banner=tiny"], "bad-value", "--banner with the value \"tiny\""),
        (&["-O", "x.jl"], "bad-value", "--optimize with the value \"x.jl\""),
        (&["-O", "--", "x.jl"], "bad-value", "--optimize with the value \"--\""),
        (&["-O4"], "bad-value", "--optimize with the value \"4\""),
        (&["-g3"], "bad-value", "--debug-info with the value \"3\""),
        (&["--optimize="], "bad-value", "--optimize with the value \"\""),
        (&["-t=4"], "bad-value", "--threads with the value \"=4\""),
        (&["-t0"], "bad-value", "--threads with the value \"0\""),
        (&["-t4,"], "bad-value", "--threads with the value \"4,\""),
        (&["-t99999"], "bad-value", "--threads with the value \"99999\""),
        (&["--gcthreads=4,2"], "bad-value", "--gcthreads with the value \"4,2\""),
        (&["--heap-size-hint=0"], "bad-value", "--heap-size-hint with the value \"0\""),
        (&["--heap-size-hint=101%"], "bad-value", "--heap-size-hint with the value \"101%\""),
        (&["-Chelp"], "bad-value", "--cpu-target with the value \"help\""),
        (&["-e"], "missing-value", "--eval without its value"),
        (&["--eval"], "missing-value", "--eval without its value"),
        (&["-q", "-t"], "missing-value", "--threads without its value"),
        (&["--quiet=yes"], "unexpected-value", "--quiet takes no value"),
        (&["-p", "2"], "not-served", "--procs needs a process of its own"),
        (&["--code-coverage"], "not-served", "--code-coverage needs a process of its own"),
        (&["--lisp"], "not-served", "--lisp needs a process of its own"),
        (&["-e", "1", "--trim=safe"], "not-served", "--trim needs a process of its own"),
    ];
    for (row, reason, message) in rows {
        let refusal = refused(row);
        assert_eq!((refusal.reason(), refusal.to_string().as_str()), (*reason, *message), "{row:?}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    let bytes = |word: &[u8]| OsString::from_vec(word.to_vec());
    let line = parse(&[bytes(b"-e\xff"), bytes(b"--project=\xfe"), bytes(b"\xfd\n")]).expect("any bytes will do");
    assert_eq!(line.actions, [Action::Eval(bytes(b"\xff"))]);
    assert_eq!(line.project, Some(bytes(b"\xfe")));
    assert_eq!(line.arguments, [bytes(b"\xfd\n")]);
    for (word, reason) in
        [(&b"--color=\xff"[..], "bad-value"), (b"-\xff", "unknown-switch"), (b"--\xff", "unknown-switch")]
    {
        let refusal = parse(&[bytes(word)]).expect_err("no Julia knows that");
        assert_eq!(refusal.reason(), reason);
        assert!(refusal.to_string().is_ascii());
    }
}

#[test]
fn versions_that_read_it_alike() {
    let check = |row: &[&str], known: &[Version], unknown: &[Version]| {
        let line = parsed(row);
        assert!(known.iter().all(|version| line.known_to(*version)), "{row:?}");
        assert!(!unknown.iter().any(|version| line.known_to(*version)), "{row:?}");
    };
    check(&["x.jl"], &[(1, 5), (1, 14), (2, 0)], &[(1, 4), (0, 7)]);
    check(&["-m", "X"], &[(1, 12), (1, 15)], &[(1, 11)]);
    check(&["--thr=4"], &[(1, 5), (1, 14)], &[(1, 15)]);
    check(&["--debug", "-g1"], &[(1, 9)], &[(1, 8), (1, 15)]);
    check(&["-O3", "--check-bounds=auto"], &[(1, 8)], &[(1, 7)]);
}

#[test]
fn program_file_and_its_arguments() {
    let check = |row: &[&str], file: Option<&str>, arguments: &[&str], repl: bool| {
        let line = parsed(row);
        assert_eq!(line.program_file(), file.map(OsStr::new), "{row:?}");
        assert_eq!(line.program_arguments(), words(arguments), "{row:?}");
        assert_eq!(line.wants_repl(), repl, "{row:?}");
    };
    check(&[], None, &[], true);
    check(&["-i", "-L", "a"], None, &[], true);
    check(&["x.jl", "a"], Some("x.jl"), &["a"], false);
    check(&["-", "a"], Some("-"), &["a"], false);
    check(&["-e", "1"], None, &[], false);
    check(&["-E", "1", "a", "b"], None, &["a", "b"], false);
    check(&["-m", "X", "a"], Some("X"), &["a"], false);
    check(&["-e", "1", "-m", "X", "a"], None, &["X", "a"], false);
}

#[test]
fn threads_by_themselves() {
    assert_eq!(parsed(&["-t4"]).threads(), Some(OsStr::new("4")));
    assert_eq!(parsed(&["--gcthreads=4"]).threads(), None);
}

#[test]
fn paths_that_no_longer_depend_on_the_folder() {
    let mut line = parsed(&["-L", "a.jl", "-L", "/b.jl", "-J", "sys.so", "-O3", "--project=p", "x.jl"]);
    line.resolve_paths(Path::new("/no/such/folder"));
    let expected = "load</no/such/folder/a.jl> load</b.jl> --optimize=3 --sysimage=/no/such/folder/sys.so project<p>";
    assert_eq!(shown(&line), format!("{expected} file<x.jl> <x.jl>"));
    let mut line = parsed(&["-L", "../."]);
    line.resolve_paths(Path::new("/proc"));
    assert_eq!(shown(&line), "load</>");
}

#[test]
fn equal_settings_compare_equal() {
    let expected = parsed(&["--threads=4", "-O"]).process;
    for row in [&["-O", "3", "-t4"][..], &["-t", "1", "-O3", "--thr", "4"], &["-O1", "--optimize", "-t4"]] {
        assert_eq!(parsed(row).process, expected, "{row:?}");
    }
}

#[test]
fn every_switch_is_there_once() {
    for (at, switch) in SWITCHES.iter().enumerate() {
        let others = SWITCHES.iter().skip(at + 1);
        assert!(others.clone().all(|other| other.long != switch.long), "{}", switch.long);
        assert!(others.clone().all(|other| other.short.is_none() || other.short != switch.short), "{}", switch.long);
        assert!((OLDEST..=YOUNGEST).contains(&switch.long_since), "{}", switch.long);
    }
}

#[test]
fn settings_of_the_process_can_be_given_again() {
    for switch in SWITCHES.iter().filter(|switch| switch.scope == Scope::Process) {
        let value = ["yes", "1", "user", "native"].into_iter().map(OsStr::new);
        let typed = value.map(|value| OsString::from(format!("--{}={}", switch.long, text(value))));
        let bare = OsString::from(format!("--{}", switch.long));
        let line = typed.chain([bare]).find_map(|word| parse(&[word]).ok()).expect(switch.long);
        assert_eq!(parse(&line.process[0].to_args()).expect(switch.long).process, line.process);
    }
}
