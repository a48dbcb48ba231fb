//! Launches by a channel that is not there: installed first where that is wanted, else an error with the command.

use super::archive::Archive;
use super::installing::{Shop, failed, on_a_terminal};
use super::world::{Said, run};

const VERSIONS: &str = "/bin/versions.json";

/// A shop of one Julia whose programs end with 7.
fn shop() -> Shop {
    let shop = Shop::new();
    let script =
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'julia version 1.10.4' && exit\necho \"1.10.4:$*\"\nexit 7\n";
    let archive = Archive::new().file("julia-1.10.4/bin/julia", 0o755, script.as_bytes());
    shop.server.release("1.10.4", &archive.bytes());
    shop
}

/// The launch in its two forms, each with why its channel counts.
fn forms(shop: &Shop) -> [(Said, &'static str); 2] {
    let mut by_variable = shop.client(&["x.jl", "y"]);
    by_variable.env("JULIAUP_CHANNEL", "1.10");
    [
        (run(shop.client(&["+1.10", "x.jl", "y"])), "asked for by +channel"),
        (run(by_variable), "named by JULIAUP_CHANNEL"),
    ]
}

fn assert_ran(said: &Said) {
    assert_eq!((said.out.as_str(), said.status), ("1.10.4:--startup-file=no x.jl y\n", 7), "{}", said.err);
}

/// Standard output is the program's alone, and so is the exit status.
#[test]
fn a_launch_installs_what_it_lacks_and_runs() {
    for which in 0..2 {
        let shop = shop();
        shop.ok(&["config", "auto-install", "yes"]);
        let mut launch = shop.client(if which == 0 { &["+1.10", "x.jl", "y"] } else { &["x.jl", "y"] });
        if which == 1 {
            launch.env("JULIAUP_CHANNEL", "1.10");
        }
        let said = run(launch);
        assert_ran(&said);
        let installed = format!("installed 1.10 (Julia 1.10.4) in {}\n", shop.tree("1.10.4"));
        assert!(said.err.contains(&installed), "{}", said.err);
        let asked = shop.server.asked_for(VERSIONS).len();
        for (said, _) in forms(&shop) {
            assert_ran(&said);
            assert_eq!(said.err, "", "it is there already");
        }
        assert_eq!(shop.server.asked_for(VERSIONS).len(), asked, "a launch used the network");
    }
}

#[test]
fn unasked_a_launch_installs_nothing() {
    let shop = shop();
    for setting in ["default", "no"] {
        shop.ok(&["config", "auto-install", setting]);
        for (said, why) in forms(&shop) {
            let expected =
                format!("juliaclient: channel 1.10 is not installed ({why}); install it with `jlapp julia add 1.10`");
            assert_eq!(failed(&said), expected);
        }
    }
    assert!(shop.server.asked_for(VERSIONS).is_empty(), "a launch used the network");
}

#[test]
fn an_install_that_fails_ends_the_launch() {
    let shop = shop();
    shop.ok(&["config", "auto-install", "yes"]);
    let message = failed(&run(shop.client(&["+1.12", "x.jl"])));
    assert!(message.starts_with("juliaclient: ") && message.contains("1.12"), "{message}");
    let left = shop.world.files_below(&shop.world.folder().join("toolchains"));
    assert_eq!(left, Vec::<String>::new());
}

/// What a manifest names is taken if it is there.
#[test]
fn a_manifest_installs_nothing() {
    let shop = shop();
    let path = shop.server.release("1.11.3", &Archive::of_julia("1.11.3").bytes());
    shop.ok(&["config", "auto-install", "yes"]);
    shop.ok(&["add", "1.10"]);
    let asked = shop.server.asked_for(VERSIONS).len();
    shop.world.write("home/p/Project.toml", "");
    shop.world.write("home/p/Manifest.toml", "julia_version = \"1.11.3\"\n");
    let said = run(shop.client(&["--project=p", "x.jl"]));
    assert_eq!((said.out.as_str(), said.status), ("1.10.4:--startup-file=no --project=p x.jl\n", 7), "{}", said.err);
    assert!(said.err.contains("was resolved with Julia 1.11.3, which is not installed"), "{}", said.err);
    assert_eq!((shop.server.asked_for(VERSIONS).len(), shop.server.asked_for(&path).len()), (asked, 0));
}

#[test]
fn on_a_terminal_a_launch_asks() {
    let shop = Shop::with(&["1.10.4"]);
    let launch = || shop.client(&["+1.10", "x.jl"]);
    let (done, shown) = on_a_terminal(launch(), "n\n");
    assert!(!done && shown.contains("Install it now? [Y/n]") && shown.contains("`jlapp julia add 1.10`"), "{shown}");
    shop.assert_nothing_installed();
    let (done, shown) = on_a_terminal(launch(), "y\n");
    assert!(done, "{shown}");
    assert_eq!(shop.which(&["+1.10"]), format!("{}/bin/julia", shop.tree("1.10.4")));
}
