//! The same packages from a Pkg server on the loopback: registries, and packages as archives.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use flate2::{Compression, write::GzEncoder};

use crate::daemon_support::Steps;
use crate::world::{DEP, ROT, World, dep, rot};

/// Serves the files below a folder until the test's process ends; the paths that were asked for.
pub fn serve(folder: PathBuf) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let body = fs::read(folder.join(&path));
            all.lock().unwrap().push(path);
            let (status, body) = body.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // A client that has gone wants nothing.
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| if first.starts_with("HEAD") { Ok(()) } else { stream.write_all(&body) });
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    (url, asked)
}

/// The tree of a repository as the server has it.
pub fn archive(world: &World, folder: &str, tree: &str, to: &str) {
    let tar = format!("{to}.tar");
    fs::create_dir_all(world.path(to).parent().unwrap()).unwrap();
    world.git(folder, &["archive", "-o", world.path(&tar).to_str().unwrap(), tree]);
    let mut archive = GzEncoder::new(fs::File::create(world.path(to)).unwrap(), Compression::fast());
    archive.write_all(&fs::read(world.path(&tar)).unwrap()).unwrap();
    archive.finish().unwrap();
    fs::remove_file(world.path(&tar)).unwrap();
}

const REGISTRY: &str = "23338594-aafe-5451-b93e-139f81909106";

/// What the server says there is.
pub fn publish(world: &World) {
    let tree = world.git("registry", &["rev-parse", "HEAD^{tree}"]);
    archive(world, "registry", &tree, &format!("served/registry/{REGISTRY}/{tree}"));
    fs::write(world.path("served/registries"), format!("/registry/{REGISTRY}/{tree}\n")).unwrap();
}

#[test]
fn from_a_pkg_server() {
    let world = World::new("served");
    let trees = [(DEP, "Dep", world.register(&dep("1.0.0"))), (ROT, "Rot", world.register(&rot("0.1.0")))];
    for (uuid, name, tree) in &trees {
        archive(&world, &format!("repos/{name}"), tree, &format!("served/package/{uuid}/{tree}"));
    }
    publish(&world);
    // Nothing can come from elsewhere.
    for folder in ["repos", "depot"] {
        fs::rename(world.path(folder), world.path(&format!("no-{folder}"))).unwrap();
    }
    let (url, asked) = serve(world.path("served"));
    let jlapp = |arguments: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_jlapp"), arguments);
        let output = command.env("JULIA_PKG_SERVER", &url).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    let mut steps = Steps::default();
    steps.step("a registry and packages as archives", || {
        let registry = world.path("registry").display().to_string();
        let (out, err, status) = jlapp(&["add", "--registry", &format!("file://{registry}"), "Rot"]);
        assert_eq!((out.as_str(), status), ("Rot 0.1.0 is added\n  rot\n  rot-sub\n", Some(0)), "{err}");
        assert_eq!(world.runs("rot", &[]), "rot 0.1.0 with dep 1.0.0 String[]\n");
        let asked = asked.lock().unwrap().clone();
        for (uuid, _, tree) in &trees {
            assert!(asked.contains(&format!("package/{uuid}/{tree}")), "{asked:?}");
        }
    });
    steps.step("an archive that is not what its name says", || {
        fs::rename(world.path("no-repos"), world.path("repos")).unwrap();
        let tree = world.register(&rot("0.2.0"));
        fs::rename(world.path("repos"), world.path("no-repos")).unwrap();
        let other = world.git("no-repos/Dep", &["rev-parse", "HEAD^{tree}"]);
        archive(&world, "no-repos/Dep", &other, &format!("served/package/{ROT}/{tree}"));
        publish(&world);
        let before = world.everything();
        let (out, err, status) = jlapp(&["add", "Rot"]);
        assert_eq!((out.as_str(), status), ("", Some(1)), "{err}");
        assert!(err.contains("nothing was changed"), "{err}");
        assert_eq!(world.everything(), before);
        assert_eq!(world.runs("rot", &[]), "rot 0.1.0 with dep 1.0.0 String[]\n");
    });
    steps.step("a server that does not answer", || {
        fs::remove_dir_all(world.path("served")).unwrap();
        let before = world.everything();
        let (_, err, status) = jlapp(&["add", "Rot"]);
        assert_eq!(status, Some(1), "{err}");
        assert_eq!(world.everything(), before);
    });
    steps.finish();
}
