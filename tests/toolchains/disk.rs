//! A disk without room, or that cannot be written to: a small file system, which a mount namespace of its own has in the place of our folder
//! (`user_namespaces(7)`, `tmpfs(5)`).

use std::fs;
use std::process::Command;

use super::archive::{Archive, noise};
use super::installing::Shop;
use super::world::{Said, run};

/// Runs a script with the small file system as its folder; `jlapp` is `$1`. `None` where this machine refuses that.
fn on_a_small_disk(shop: &Shop, options: &str, script: &str) -> Option<Said> {
    let folder = shop.world.folder();
    fs::create_dir_all(&folder).unwrap();
    let wanted = shop.command(&[]);
    let begin = |script: &str| {
        let mount = format!("set -e; mount -t tmpfs -o {options} none '{}'; cd '{0}'; set +e\n", folder.display());
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &format!("{mount}{script}"), "sh"]);
        command.arg(wanted.get_program()).env_clear();
        command.envs(wanted.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    };
    match begin("").output() {
        Ok(output) if output.status.success() => Some(run(begin(script))),
        refused => {
            eprintln!("skipped: no file system can be mounted here: {refused:?}");
            None
        }
    }
}

/// A Julia of 240 kB, packed and unpacked.
fn shop() -> Shop {
    let shop = Shop::new();
    let archive = Archive::of_julia("1.10.4").file("julia-1.10.4/big", 0o644, &noise(200_000)).bytes();
    shop.server.release("1.10.4", &archive);
    shop
}

#[test]
fn while_unpacking() {
    let shop = shop();
    let script =
        r#""$1" julia add 1.10; echo "status $?"; find . -type f; mount -o remount,size=4m .; "$1" julia add 1.10"#;
    let Some(said) = on_a_small_disk(&shop, "size=200k", script) else { return };
    let (first, rest) = said.out.split_once("installed 1.10 (Julia 1.10.4)").expect(&said.err);
    let mut left: Vec<&str> = first.lines().collect();
    left.sort_unstable();
    assert_eq!(left, ["./toolchains.lock", "./versions.etag", "./versions.json", "status 1"], "{rest}");
    assert!(said.err.contains("/tree/big: No space left on device"), "{}", said.err);
    assert!(said.err.contains("make room (`jlapp julia gc`"), "{}", said.err);
}

/// What is installed works, and what cannot be done says where it could be.
#[test]
fn read_only() {
    let shop = shop();
    let script = r#"
        "$1" julia add 1.10 && mount -o remount,ro .
        "$1" julia list; "$1" julia which +1.10
        for words in 'add lts' 'rm 1.10' 'default 1.10' 'gc'; do "$1" julia $words; echo "$words: $?"; done"#;
    let Some(said) = on_a_small_disk(&shop, "size=1m", script) else { return };
    let binary = format!("{}/bin/julia", shop.tree("1.10.4"));
    let expected = format!(
        "* 1.10  1.10.4  jlapp  {binary}\n* the default\n{binary}\n  channel 1.10, Julia 1.10.4: asked for by +channel\n\
         add lts: 1\nrm 1.10: 1\ndefault 1.10: 1\ngc: 1\n"
    );
    assert!(said.out.ends_with(&expected), "{}{}", said.out, said.err);
    let words =
        "Read-only file system (os error 30); toolchains lie in the first juliaup depot; set JULIAUP_DEPOT_PATH";
    assert_eq!(said.err.matches(words).count(), 4, "{}", said.err);
}

/// The record stays what it was, everything works with it, and `gc` makes room where there is none at all.
#[test]
fn while_recording() {
    let shop = shop();
    let script = r#"
        "$1" julia add 1.10 && mkdir -p toolchains/old/bin && echo >toolchains/old/bin/julia && cp toolchains.json ../before
        # Not one more file.
        number=0
        while (: >filler$number) 2>/dev/null; do number=$((number + 1)); done
        for words in 'link x /bin/sh' 'add lts' 'config manifest no' 'default 1.10'; do
            "$1" julia $words; echo "$words: $?"
            cmp toolchains.json ../before
        done
        "$1" julia which
        "$1" julia gc
        "$1" julia link x /bin/sh"#;
    let Some(said) = on_a_small_disk(&shop, "size=1m,nr_inodes=60", script) else { return };
    let binary = format!("{}/bin/julia", shop.tree("1.10.4"));
    let old = shop.world.folder().join("toolchains/old");
    let expected = format!(
        "link x /bin/sh: 1\nadd lts: 1\nconfig manifest no: 1\ndefault 1.10: 1\n{binary}\n  \
         channel 1.10, Julia 1.10.4: the default channel of jlapp\nremoved {}\nx stands for /bin/sh\n",
        old.display()
    );
    assert!(said.out.ends_with(&expected), "{}{}", said.out, said.err);
    assert_eq!(said.err.matches("No space left on device (os error 28); make room").count(), 4, "{}", said.err);
}
