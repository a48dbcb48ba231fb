//! A small server of releases that misbehaves on demand.
//!
//! Every answer ends its connection. Nothing sleeps: an answer that stalls does so until the client hangs up.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How one request is answered.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    pub etag: Option<String>,
    /// What `Content-Length` says instead of the truth.
    pub claimed: Option<usize>,
    /// So many bytes are sent, then it ends. `None`: all.
    pub sent: Option<usize>,
    /// After what is sent nothing comes any more, and the connection stays.
    pub stalls: bool,
    /// Whether `Range` is understood.
    pub ranges: bool,
    /// It begins when so many requests for this path have come in.
    pub after: usize,
}

impl Reply {
    pub fn of(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            etag: None,
            claimed: None,
            sent: None,
            stalls: false,
            ranges: true,
            after: 0,
        }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::of("") }
    }
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub range: Option<String>,
}

#[derive(Default)]
struct Shared {
    /// One reply after the other; the last one stays.
    replies: HashMap<String, Vec<Reply>>,
    asked: Vec<Asked>,
    ends: bool,
}

pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<(Mutex<Shared>, Condvar)>,
    thread: Option<JoinHandle<()>>,
    releases: Mutex<BTreeMap<String, String>>,
}

impl Server {
    pub fn start() -> Self {
        Self::with(None)
    }

    /// With `https` URLs.
    pub fn start_tls(config: Arc<ServerConfig>) -> Self {
        Self::with(Some(config))
    }

    fn with(tls: Option<Arc<ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared: Arc<(Mutex<Shared>, Condvar)> = Arc::default();
        let known = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming().flatten() {
                if known.0.lock().unwrap().ends {
                    break;
                }
                let known = Arc::clone(&known);
                let tls = tls.clone();
                open.push(thread::spawn(move || match tls.map(ServerConnection::new) {
                    None => serve(stream, &known),
                    Some(session) => serve(StreamOwned::new(session.unwrap(), stream), &known),
                }));
            }
            for connection in open {
                let _ = connection.join();
            }
        });
        Self { address, scheme, shared, thread: Some(thread), releases: Mutex::default() }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn reply(&self, path: &str, replies: Vec<Reply>) {
        self.shared.0.lock().unwrap().replies.insert(path.to_owned(), replies);
    }

    pub fn asked_for(&self, path: &str) -> Vec<Asked> {
        self.shared.0.lock().unwrap().asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// Publishes a release, in the list as well, and returns the path of its archive.
    pub fn release(&self, version: &str, archive: &[u8]) -> String {
        let size = archive.len();
        self.release_as(version, archive, &format!(r#""sha256": "{}", "size": {size},"#, sha256(archive)))
    }

    /// Like [`Server::release`], with these words about the file in the list.
    pub fn release_as(&self, version: &str, archive: &[u8], words: &str) -> String {
        let minor = version.rsplit_once('.').unwrap().0;
        let own = jlapp::name::Architecture::own().unwrap();
        let (name, triplet) = (own.name(), own.triplet_name());
        let path = format!("/bin/linux/{name}/{minor}/julia-{version}-linux-{triplet}.tar.gz");
        let entry = format!(
            r#""{version}": {{"files": [{{"url": "https://julialang-s3.julialang.org{path}", "triplet": "{triplet}-linux-gnu",
                "kind": "archive", "arch": "{triplet}", {words} "version": "{version}", "os": "linux",
                "extension": "tar.gz"}}], "stable": true}}"#
        );
        self.reply(&path, vec![Reply::of(archive)]);
        let mut releases = self.releases.lock().unwrap();
        releases.insert(version.to_owned(), entry);
        let all: Vec<&str> = releases.values().map(String::as_str).collect();
        self.reply("/bin/versions.json", vec![Reply::of(format!("{{{}}}", all.join(",\n")))]);
        path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.0.lock().unwrap().ends = true;
        self.shared.1.notify_all();
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A request's path and headers, names in lower case.
fn read_request(stream: &mut impl Read) -> Option<(String, HashMap<String, String>)> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let address = first.split(' ').nth(1)?;
    // A proxy is asked with the whole URL.
    let path = address.strip_prefix("http://").map_or(address, |rest| &rest[rest.find('/').unwrap_or(rest.len())..]);
    let headers = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
    let headers =
        headers.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())));
    Some((path.to_owned(), headers.collect()))
}

fn serve(mut stream: impl Read + Write, (shared, changed): &(Mutex<Shared>, Condvar)) {
    let Some((path, headers)) = read_request(&mut stream) else { return };
    let reply = {
        let mut shared = shared.lock().unwrap();
        shared.asked.push(Asked { path: path.clone(), range: headers.get("range").cloned() });
        changed.notify_all();
        let replies = shared.replies.entry(path.clone()).or_insert_with(|| vec![Reply::status(404)]);
        let reply = if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() };
        let count = |shared: &Shared| shared.asked.iter().filter(|asked| asked.path == path).count();
        drop(changed.wait_while(shared, |shared| count(shared) < reply.after && !shared.ends).unwrap());
        reply
    };
    // The client may have hung up, which is its right.
    let _ = answer(&mut stream, &reply, &headers);
    if reply.stalls {
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

fn answer(stream: &mut impl Write, reply: &Reply, headers: &HashMap<String, String>) -> std::io::Result<()> {
    let known = reply.etag.as_ref().is_some_and(|etag| headers.get("if-none-match") == Some(etag));
    let changed = headers.get("if-range").is_some_and(|etag| reply.etag.as_ref() != Some(etag));
    let range = headers.get("range").filter(|_| reply.ranges && !changed && reply.status == 200);
    let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let whole = reply.body.len();
    let (status, body) = match start {
        _ if known => (304, &[][..]),
        Some(start) if start >= whole => (416, &[][..]),
        Some(start) => (206, &reply.body[start..]),
        None => (reply.status, &reply.body[..]),
    };
    let claimed = reply.claimed.map_or(body.len(), |claimed| claimed - start.unwrap_or(0));
    write!(stream, "HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {claimed}\r\n")?;
    if let (206, Some(start)) = (status, start) {
        write!(stream, "Content-Range: bytes {start}-{}/{whole}\r\n", whole - 1)?;
    }
    if let Some(etag) = &reply.etag {
        write!(stream, "ETag: {etag}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&body[..reply.sent.unwrap_or(body.len()).min(body.len())])?;
    stream.flush()
}
