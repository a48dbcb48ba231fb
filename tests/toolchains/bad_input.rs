//! Everything that can go wrong with an install: a clear error, nothing lost, nothing left half-done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tar::EntryType;

use super::archive::{Archive, noise};
use super::installing::{Shop, failed};
use super::server::{Reply, Server, sha256};
use super::world::{World, run, said};

// ---- servers

#[test]
fn a_break_is_resumed() {
    let shop = Shop::new();
    let archive = Archive::of_julia("1.10.4").bytes();
    let path = shop.server.release("1.10.4", &archive);
    let broken = |sent| Reply { sent: Some(sent), ..Reply::of(archive.clone()) };
    shop.server.reply(&path, vec![broken(10_000), Reply::status(503), broken(5_000), Reply::of(archive.clone())]);
    let said = shop.julia(&["add", "1.10"]);
    assert_eq!(said.status, 0, "{}", said.err);
    let ranges: Vec<Option<String>> = shop.server.asked_for(&path).into_iter().map(|asked| asked.range).collect();
    let from = |start: usize| Some(format!("bytes={start}-"));
    assert_eq!(ranges, [None, from(10_000), from(10_000), from(15_000)]);
    assert!(said.err.contains("the server answered 503 ") && said.err.contains("; trying again"), "{}", said.err);
}

/// What has come in is not asked for again in vain: the hash tells whether it was the same.
#[test]
fn a_server_that_begins_anew_is_followed() {
    let shop = Shop::new();
    let archive = Archive::of_julia("1.10.4").bytes();
    let path = shop.server.release("1.10.4", &archive);
    let whole = Reply { ranges: false, ..Reply::of(archive) };
    shop.server.reply(&path, vec![Reply { sent: Some(10_000), ..whole.clone() }, whole]);
    shop.ok(&["add", "1.10"]);
}

#[test]
fn a_nightly_that_changes_meanwhile_is_not_mixed() {
    let shop = Shop::new();
    let name = jlapp::name::Architecture::own().unwrap().triplet_name();
    let path = format!("/bin/linux/{name}/julia-latest-linux-{name}.tar.gz");
    let build =
        |version: &str, etag: &str| Reply { etag: Some(etag.into()), ..Reply::of(Archive::of_julia(version).bytes()) };
    let broken = Reply { sent: Some(10_000), ..build("1.14.0-DEV.1", "\"a\"") };
    shop.server.reply(&path, vec![broken, build("1.14.0-DEV.2", "\"b\"")]);
    assert!(shop.fails(&["add", "nightly"]).contains("it changed while it was being downloaded"));
    shop.assert_nothing_installed();
}

#[test]
fn a_server_that_falls_silent_is_asked_again() {
    let shop = Shop::new();
    let archive = Archive::of_julia("1.10.4").bytes();
    let path = shop.server.release("1.10.4", &archive);
    let silent = Reply { sent: Some(10_000), stalls: true, ..Reply::of(archive.clone()) };
    shop.server.reply(&path, vec![silent, Reply::of(archive)]);
    let mut command = shop.command(&["add", "1.10"]);
    let said = run({
        command.env("JLAPP_HTTP_TIMEOUT", "0.5");
        command
    });
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.err.contains("the server sends nothing any more; trying again"), "{}", said.err);
}

#[test]
fn a_server_that_never_answers_is_asked_again() {
    let shop = Shop::new();
    let archive = Archive::of_julia("1.10.4").bytes();
    let path = shop.server.release("1.10.4", &archive);
    // The first is answered when its client has given up already.
    shop.server.reply(&path, vec![Reply { after: 2, ..Reply::of(archive.clone()) }, Reply::of(archive)]);
    let mut command = shop.command(&["add", "1.10"]);
    let said = run({
        command.env("JLAPP_HTTP_TIMEOUT", "0.5");
        command
    });
    assert_eq!((said.status, shop.server.asked_for(&path).len()), (0, 2), "{}", said.err);
}

/// What is installed works all the same, and lists are those of the last time.
#[test]
fn a_server_that_is_down() {
    let mut shop = Shop::with(&["1.10.4"]);
    shop.ok(&["add", "1.10"]);
    shop.server = Server::start();
    let gone = Server::start().url();
    let ask = |arguments: &[&str]| {
        let mut command = shop.command(arguments);
        run({
            command.env("JULIAUP_SERVER", &gone);
            command
        })
    };
    let message = failed(&ask(&["add", "1.11"]));
    assert!(message.contains(&format!("cannot download {gone}/bin/versions.json: ")), "{message}");
    assert!(message.contains("refused") && message.contains("check the network"), "{message}");
    assert_eq!(ask(&["which"]).status, 0);
    assert_eq!(ask(&["list"]).status, 0);
    let listed = ask(&["list", "--available"]);
    assert_eq!((listed.status, listed.out.as_str()), (0, "1.10.4\n"), "{}", listed.err);
    // Another channel of a version that is here still needs the list.
    assert_eq!(ask(&["add", "lts"]).status, 1);
}

#[test]
fn a_server_that_lies_about_length() {
    let archive = Archive::of_julia("1.10.4").bytes();
    let hash = format!(r#""sha256": "{}","#, sha256(&archive));
    let length = archive.len();
    for (claimed, words, problem) in [
        (
            length + 9,
            format!(r#"{hash} "size": {length},"#),
            format!("the server offers {} bytes, the list", length + 9),
        ),
        (length + 9, hash.clone(), format!("the server promised {} bytes and has only {length}", length + 9)),
        (length - 9, hash.clone(), "the archive is cut short".to_owned()),
    ] {
        let shop = Shop::new();
        let path = shop.server.release_as("1.10.4", &archive, &words);
        shop.server.reply(&path, vec![Reply { claimed: Some(claimed), ..Reply::of(archive.clone()) }]);
        let message = shop.fails(&["add", "1.10"]);
        assert!(message.contains(&problem) && message.contains(&path), "{message}");
        shop.assert_nothing_installed();
    }
}

#[test]
fn a_wrong_hash() {
    let shop = Shop::new();
    let archive = Archive::of_julia("1.10.4").bytes();
    let other = Archive::of_julia("1.10.5").bytes();
    let path = shop.server.release_as("1.10.4", &archive, &format!(r#""sha256": "{}","#, sha256(&other)));
    let message = shop.fails(&["add", "1.10"]);
    let expected = format!("{path} is not what was published: its SHA-256 is {}", sha256(&archive));
    assert!(message.contains(&expected) && message.contains(&sha256(&other)), "{message}");
    shop.assert_nothing_installed();
}

#[test]
fn an_answer_that_is_no_list() {
    for (text, problem) in
        [("<html>", "versions.json:1: "), ("{\"1.10.4\":\n{\"files\"", "versions.json:2: is cut short")]
    {
        let shop = Shop::new();
        shop.server.reply("/bin/versions.json", vec![Reply::of(text)]);
        let message = shop.fails(&["add", "1.10"]);
        assert!(message.contains(&shop.server.url()) && message.contains(problem), "{message}");
        shop.assert_nothing_installed();
    }
}

#[test]
fn addresses_that_are_none() {
    let shop = Shop::new();
    let mut command = shop.command(&["add", "1.10"]);
    let message = failed(&run({
        command.env("JULIAUP_SERVER", "julia");
        command
    }));
    assert!(message.contains("JULIAUP_SERVER is \"julia\": that is no URL"), "{message}");
    let mut command = shop.command(&["add", "1.10"]);
    let message = failed(&run({
        command.env("JULIAUP_SERVER", shop.server.url().replace("http:", "https:"));
        command
    }));
    assert!(message.contains("cannot download https://127.0.0.1:"), "{message}");
}

// ---- archives

/// Publishes an archive as 1.10.4, whose installation fails, and returns the message.
fn refused(archive: Vec<u8>) -> String {
    let shop = Shop::new();
    shop.server.release("1.10.4", &archive);
    let message = shop.fails(&["add", "1.10"]);
    shop.assert_nothing_installed();
    assert!(!shop.world.path("home/.julia/escaped").exists() && !shop.world.folder().join("escaped").exists());
    message
}

#[test]
fn truncated_and_broken_archives() {
    let whole = Archive::of_julia("1.10.4").bytes();
    let shorter = |by: usize| whole[..whole.len() - by].to_vec();
    assert!(refused(shorter(20_000)).contains("the archive is cut short"));
    assert!(refused(shorter(4)).contains("the archive is cut short"));
    assert!(refused(b"<html>not found</html>".to_vec()).contains("it is no archive of Julia"));
    assert!(refused(Vec::new()).contains("cut short"));
    assert!(refused(Archive::new().bytes()).contains("it holds nothing"));
}

#[test]
fn hostile_archives() {
    let julia = || Archive::of_julia("1.10.4");
    for (archive, entry, why) in [
        (julia().file("julia-1.10.4/../../escaped", 0o644, b"x"), "../../escaped", "would lie outside of its folder"),
        (julia().file("/tmp/escaped", 0o644, b"x"), "/tmp/escaped", "would lie outside of its folder"),
        (julia().link("julia-1.10.4/l", "/etc/passwd"), "/l", "is a link out of its folder"),
        (julia().link("julia-1.10.4/lib/l", "../../escaped"), "/lib/l", "is a link out of its folder"),
        (julia().link("julia-1.10.4/l", "lib/../../escaped"), "/l", "is a link out of its folder"),
        (
            julia().link("julia-1.10.4/l", "lib").file("julia-1.10.4/l/escaped", 0o644, b"x"),
            "/l/escaped",
            "lies below something that is no folder",
        ),
        (
            julia().entry(EntryType::Link, "julia-1.10.4/h", "/etc/passwd", 0o644, b""),
            "/h",
            "is a link out of its folder",
        ),
        (
            julia().entry(EntryType::Link, "julia-1.10.4/h", "julia-1.10.4/lib/libjulia.so", 0o644, b""),
            "/h",
            "is a link to something that is no file",
        ),
        (julia().entry(EntryType::Char, "julia-1.10.4/d", "", 0o644, b""), "/d", "is neither a file nor a folder"),
        (julia().entry(EntryType::Fifo, "julia-1.10.4/f", "", 0o644, b""), "/f", "is neither a file nor a folder"),
    ] {
        let message = refused(archive.bytes());
        assert!(message.contains(entry) && message.contains(why) && message.contains("do not trust"), "{message}");
    }
}

#[test]
fn archives_without_a_julia_that_runs() {
    let top = |bytes: &[u8]| Archive::new().file("julia-1.10.4/bin/julia", 0o755, bytes).bytes();
    assert!(refused(Archive::new().file("julia-1.10.4/README", 0o644, b"").bytes()).contains("holds no bin/julia"));
    assert!(refused(top(b"#!/bin/sh\necho 'cannot load libLLVM' >&2; exit 1\n")).contains("\"cannot load libLLVM\""));
    assert!(refused(top(b"#!/nowhere/sh\n")).contains("does not run on this machine"));
    // The header of a program for IBM's z/Architecture, big-endian.
    let mut foreign = b"\x7fELF\x02\x02\x01".to_vec();
    foreign.resize(18, 0);
    foreign.extend([0, 22]);
    let message = refused(top(&foreign));
    assert!(message.contains("is for another kind of machine (ELF 22), this machine is"), "{message}");
}

#[test]
fn a_wrong_architecture() {
    let shop = Shop::with(&["1.10.4"]);
    let foreign = if cfg!(target_arch = "x86_64") { "aarch64" } else { "x64" };
    let message = shop.fails(&["add", &format!("1.10~{foreign}")]);
    assert!(message.contains(&format!("does not run {foreign}")), "{message}");
    let program = shop.world.write("elf/bin/julia", "");
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(18, 0);
    header.extend([22, 0]);
    fs::write(&program, header).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(shop.fails(&["link", "x", "../elf"]).contains("is for another kind of machine (ELF 22)"));
}

// ---- names

#[test]
fn channels_that_do_not_exist() {
    let shop = Shop::with(&["1.10.4"]);
    let message = shop.fails(&["add", "relaese"]);
    assert!(message.contains("channel relaese does not exist; did you mean release?"), "{message}");
    let message = shop.fails(&["add", "1.10.5"]);
    assert!(message.contains("did you mean 1.10.4 or 1.10? `jlapp julia list --available`"), "{message}");
    let message = shop.fails(&["default", "1.11~arm"]);
    assert!(message.contains("channel 1.11~arm does not exist"), "{message}");
    let said = shop.julia(&["add", "a b"]);
    assert!(said.status == 2 && said.err.contains("holds a space"), "{}", said.err);
    shop.assert_nothing_installed();
}

// ---- the disk

#[test]
fn a_broken_record_keeps_everything_as_it_is() {
    let shop = Shop::with(&["1.10.4"]);
    shop.ok(&["add", "1.10"]);
    let state = shop.world.folder().join("toolchains.json");
    let cut = fs::read_to_string(&state).unwrap()[..60].to_owned();
    fs::write(&state, &cut).unwrap();
    let julia = shop.world.julia("julia", "1.0.0");
    for arguments in [&["add", "lts"][..], &["rm", "1.10"], &["default", "1.10"], &["gc"], &["list"], &["update"]] {
        let message = shop.fails(arguments);
        assert!(message.contains(&format!("{}:", state.display())) && message.contains("is cut short"), "{message}");
    }
    assert!(shop.fails(&["link", "x", julia.to_str().unwrap()]).contains("is cut short"));
    assert_eq!(fs::read_to_string(&state).unwrap(), cut);
    assert!(Path::new(&shop.tree("1.10.4")).join("bin/julia").exists());
}

/// A limit on the size of files stands for a disk that has no room: both refuse to write.
#[test]
fn a_full_disk() {
    let shop = Shop::new();
    let archive = Archive::of_julia("1.10.4").file("julia-1.10.4/big", 0o644, &noise(200_000)).bytes();
    shop.server.release("1.10.4", &archive);
    let wanted = shop.command(&["add", "1.10"]);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" julia add 1.10"]).arg(wanted.get_program());
    command.env_clear().current_dir(shop.world.home()).stdin(Stdio::null());
    command.envs(wanted.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let message = failed(&run(command));
    assert!(message.contains("/tree/big: ") && message.contains("make room (`jlapp julia gc`"), "{message}");
    shop.assert_nothing_installed();
    shop.ok(&["add", "1.10"]);
}

#[test]
fn a_depot_that_cannot_be_written_to() {
    let shop = Shop::with(&["1.10.4"]);
    // Not even root makes folders there.
    let mut command = shop.command(&["add", "1.10"]);
    command.env("JULIAUP_DEPOT_PATH", "/sys/kernel");
    let message = failed(&run(command));
    assert!(
        message.contains("cannot make /sys/kernel/jlapp") && message.contains("set JULIAUP_DEPOT_PATH"),
        "{message}"
    );
    // A file in the place of the folder.
    let depot = shop.world.write("depot/jlapp", "mine");
    let mut command = shop.command(&["add", "1.10"]);
    command.env("JULIAUP_DEPOT_PATH", shop.world.path("depot"));
    let message = failed(&run(command));
    assert!(message.contains(&format!("cannot make {}", depot.display())), "{message}");
    assert_eq!(fs::read_to_string(depot).unwrap(), "mine");
}

// ---- several at once

#[test]
fn two_installs_of_one_version() {
    let shop = Shop::new();
    let archive = Archive::of_julia("1.10.4").bytes();
    let path = shop.server.release("1.10.4", &archive);
    // Both are on their way before either gets anything.
    shop.server.reply(&path, vec![Reply { after: 2, ..Reply::of(archive) }]);
    let both: Vec<_> = ["1.10", "lts"]
        .map(|channel| shop.command(&["add", channel]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .into_iter()
        .map(|child| said(&child.wait_with_output().unwrap()))
        .collect();
    for said in &both {
        assert_eq!(said.status, 0, "{}", said.err);
    }
    assert_eq!(shop.ok(&["list"]).lines().filter(|line| line.contains(&shop.tree("1.10.4"))).count(), 2);
    assert!(shop.world.files_below(&shop.world.folder().join("staging")).is_empty());
}

/// What installs have in staging.
pub fn staged(world: &World) -> Vec<String> {
    world.files_below(&world.folder().join("staging"))
}

/// The Julia is in its place and could not be recorded: the next install finds it there.
#[test]
fn stopped_between_rename_and_record() {
    let shop = Shop::new();
    let path = shop.server.release("1.10.4", &Archive::of_julia("1.10.4").bytes());
    let in_the_way = shop.world.folder().join("toolchains.json.new");
    fs::create_dir_all(&in_the_way).unwrap();
    assert!(shop.fails(&["add", "1.10"]).contains("cannot write"));
    assert!(shop.ok(&["list"]).starts_with("no channel is installed"));
    fs::remove_dir(in_the_way).unwrap();
    shop.ok(&["add", "1.10"]);
    assert_eq!(shop.server.asked_for(&path).len(), 1);
}

pub fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !reached() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
}
