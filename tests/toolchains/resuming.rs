//! What an install that ended early leaves to the next one, and that it is never trusted.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use super::archive::{Archive, noise};
use super::bad_input::{staged, wait_until};
use super::installing::Shop;
use super::server::{Reply, sha256};

/// A server that falls silent within the archive of 1.10.4, and then behaves as told.
struct Interrupted {
    shop: Shop,
    archive: Vec<u8>,
    /// Of the archive on the server.
    path: String,
}

const KEPT: usize = 20_000;

impl Interrupted {
    /// An install that was killed when it had got [`KEPT`] bytes.
    fn new(then: impl FnOnce(Reply) -> Vec<Reply>) -> Self {
        let shop = Shop::with(&["1.11.3"]);
        let archive = Archive::of_julia("1.10.4").file("julia-1.10.4/big", 0o644, &noise(100_000)).bytes();
        let path = shop.server.release("1.10.4", &archive);
        let silent = Reply { sent: Some(KEPT), stalls: true, ..Reply::of(archive.clone()) };
        shop.server.reply(&path, [vec![silent], then(Reply::of(archive.clone()))].concat());
        let this = Self { shop, archive, path };
        let mut child = this.shop.command(&["add", "1.10"]).stderr(Stdio::null()).spawn().unwrap();
        wait_until("what came in is kept", || fs::metadata(this.part()).is_ok_and(|found| found.len() == KEPT as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        this
    }

    fn part(&self) -> PathBuf {
        self.shop.world.folder().join(format!("staging/{}.part", sha256(&self.archive)))
    }

    /// Where each request for the archive began.
    fn ranges(&self) -> Vec<Option<String>> {
        self.shop.server.asked_for(&self.path).into_iter().map(|asked| asked.range).collect()
    }

    /// It is installed as if nothing had been.
    fn assert_installed(&self) {
        let big = fs::read(format!("{}/big", self.shop.tree("1.10.4"))).unwrap();
        assert!(big == noise(100_000));
        assert!(staged(&self.shop.world).is_empty());
    }
}

fn from(start: usize) -> Option<String> {
    Some(format!("bytes={start}-"))
}

#[test]
fn a_killed_download_goes_on() {
    let it = Interrupted::new(|whole| vec![whole]);
    assert!(it.shop.ok(&["list"]).starts_with("no channel is installed"));
    let said = it.shop.julia(&["add", "1.10"]);
    assert!(said.status == 0 && said.err.contains(", of which 19.53 KiB are here)"), "{}", said.err);
    assert_eq!(it.ranges(), [None, from(KEPT)]);
    it.assert_installed();
}

/// And one whose network went away for good: it is as if it had been killed.
#[test]
fn a_download_that_was_given_up_goes_on() {
    let nothing = |whole: &Reply| Reply { sent: Some(0), ..whole.clone() };
    let it = Interrupted::new(|whole| [vec![nothing(&whole); 4], vec![whole]].concat());
    let message = it.shop.fails(&["add", "1.10"]);
    assert!(message.contains(&it.path) && message.contains("check the network"), "{message}");
    it.shop.ok(&["add", "1.10"]);
    assert_eq!(it.ranges(), [vec![None], vec![from(KEPT); 5]].concat());
    it.assert_installed();
}

#[test]
fn a_server_without_ranges() {
    let it = Interrupted::new(|whole| vec![Reply { ranges: false, ..whole }]);
    it.shop.ok(&["add", "1.10"]);
    assert_eq!(it.ranges(), [None, from(KEPT)]);
    it.assert_installed();
}

/// As a power cut may leave it, too long, or of another archive.
#[test]
fn what_was_kept_is_not_trusted() {
    let it = Interrupted::new(|whole| vec![whole]);
    let right = fs::read(it.part()).unwrap();
    let zeros = [&right[..10_000], &vec![0; 10_000]].concat();
    let wrong_at_once = [&[0; 4], &right[4..]].concat();
    let too_long = vec![7; it.archive.len() + 1];
    for (kept, asked) in [
        (zeros, vec![from(KEPT), None]),
        (wrong_at_once, vec![from(KEPT), None]),
        (vec![7; it.archive.len()], vec![None]),
        (too_long, vec![None]),
    ] {
        let before = it.ranges().len();
        fs::create_dir_all(it.part().parent().unwrap()).unwrap();
        fs::write(it.part(), &kept).unwrap();
        it.shop.ok(&["add", "1.10"]);
        assert_eq!(it.ranges()[before..], asked, "{} bytes", kept.len());
        it.assert_installed();
        it.shop.ok(&["add", "1.11"]);
        it.shop.ok(&["default", "1.11"]);
        it.shop.ok(&["rm", "1.10"]);
    }
}

/// All had come in; nothing of it is asked for again. Also where the list does not say how much that is.
#[test]
fn a_whole_archive_that_was_kept() {
    for words in ["", r#""size": SIZE,"#] {
        let shop = Shop::new();
        let archive = Archive::of_julia("1.10.4").bytes();
        let words =
            format!(r#""sha256": "{}", {}"#, sha256(&archive), words.replace("SIZE", &archive.len().to_string()));
        let path = shop.server.release_as("1.10.4", &archive, &words);
        let part = shop.world.folder().join(format!("staging/{}.part", sha256(&archive)));
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::write(&part, &archive).unwrap();
        shop.ok(&["add", "1.10"]);
        let ranges: Vec<_> = shop.server.asked_for(&path).into_iter().map(|asked| asked.range).collect();
        assert_eq!(ranges, if words.contains("size") { vec![] } else { vec![from(archive.len())] });
        assert!(!part.exists());
    }
}

/// Whatever is installed next, and `gc`, remove what is left of another.
#[test]
fn what_is_kept_is_not_kept_for_ever() {
    for next in [&["add", "1.11"][..], &["gc"]] {
        let it = Interrupted::new(|whole| vec![whole]);
        it.shop.ok(next);
        assert!(staged(&it.shop.world).is_empty() && !it.part().exists());
    }
}
