//! Certificates and proxies, as the environment names them.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::archive::Archive;
use super::installing::{Shop, failed};
use super::server::Server;
use super::world::{World, run};

/// A name that no name server has.
const NAME: &str = "julia.test";

/// A shop behind TLS, with one release and the file of its certificate authority.
fn shop() -> (Shop, PathBuf) {
    let (config, authority) = certificate();
    let shop = Shop { world: World::new(), server: Server::start_tls(Arc::new(config)) };
    shop.server.release("1.10.4", &Archive::of_julia("1.10.4").bytes());
    let file = shop.world.write("authority.pem", &authority);
    (shop, file)
}

/// For 127.0.0.1 and [`NAME`], and the authority that vouches for it.
fn certificate() -> (ServerConfig, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), NAME.to_owned()];
    let own = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = config.with_no_client_auth().with_single_cert(vec![own.der().clone()], key).unwrap();
    (config, authority.pem())
}

/// A proxy that leads every CONNECT (RFC 9110, 9.3.6) to one address, and keeps what it was asked for.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    ends: Arc<Mutex<bool>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Proxy {
    fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, ends) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<bool>>::default());
        let (known, ending) = (Arc::clone(&asked), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            let mut open = Vec::new();
            for client in listener.incoming().flatten() {
                if *ending.lock().unwrap() {
                    break;
                }
                let known = Arc::clone(&known);
                // Whoever hangs up early has a right to.
                open.push(thread::spawn(move || drop(lead(client, target, &known))));
            }
            for connection in open {
                let _ = connection.join();
            }
        });
        Self { address, asked, ends, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        *self.ends.lock().unwrap() = true;
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

fn lead(mut client: TcpStream, target: SocketAddr, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let lines = BufReader::new(&client).lines().map_while(Result::ok);
    let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    asked.lock().unwrap().extend(request.into_iter().next());
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let mut server = TcpStream::connect(target)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let upwards = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = upwards.join();
    Ok(())
}

fn with(mut command: Command, variables: &[(&str, &str)]) -> Command {
    command.envs(variables.iter().copied());
    command
}

#[test]
fn a_certificate_authority_of_ones_own() {
    let (shop, authority) = shop();
    let trusting = [("SSL_CERT_FILE", authority.to_str().unwrap())];
    let said = run(with(shop.command(&["add", "1.10"]), &trusting));
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.err.contains("downloading https://127.0.0.1:"), "{}", said.err);
}

/// It is not asked again: it would answer the same.
#[test]
fn a_server_that_nobody_vouches_for() {
    let (shop, _) = shop();
    let other = shop.world.write("other.pem", &certificate().1);
    let said = run(with(shop.command(&["add", "1.10"]), &[("SSL_CERT_FILE", other.to_str().unwrap())]));
    let message = failed(&said);
    let url = format!("cannot download {}/bin/versions.json: ", shop.server.url());
    assert!(message.contains(&url) && message.contains("certificate"), "{message}");
    assert!(message.contains("in SSL_CERT_FILE") && !said.err.contains("trying again"), "{}", said.err);
    shop.assert_nothing_installed();
}

#[test]
fn certificates_that_are_not_there() {
    let (shop, _) = shop();
    for (file, text) in [("nowhere.pem", None), ("empty.pem", Some(""))] {
        let path = shop.world.path(file);
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let message = failed(&run(with(shop.command(&["add", "1.10"]), &[("SSL_CERT_FILE", path.to_str().unwrap())])));
        assert!(message.contains("SSL_CERT_FILE"), "{message}");
        shop.assert_nothing_installed();
    }
}

/// The server's name is known to the proxy alone.
#[test]
fn a_proxy_leads_to_a_server() {
    let (shop, authority) = shop();
    let proxy = Proxy::to(shop.server.address());
    let server = format!("https://{NAME}");
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let _ = fs::remove_dir_all(shop.world.path("home/.julia"));
        let variables =
            [("SSL_CERT_FILE", authority.to_str().unwrap()), ("JULIAUP_SERVER", &server), (variable, &proxy.url())];
        let said = run(with(shop.command(&["add", "1.10"]), &variables));
        assert_eq!(said.status, 0, "{variable}: {}", said.err);
    }
    let asked = proxy.asked();
    assert!(asked.len() >= 3 && asked.iter().all(|line| *line == format!("CONNECT {NAME}:443 HTTP/1.1")), "{asked:?}");
}

#[test]
fn no_proxy_names_those_that_need_none() {
    let (shop, authority) = shop();
    let proxy = Proxy::to(shop.server.address());
    let trusting = [("SSL_CERT_FILE", authority.to_str().unwrap()), ("HTTPS_PROXY", &proxy.url())];
    let mut command = with(shop.command(&["add", "1.10"]), &trusting);
    command.env("NO_PROXY", "julia.example,127.0.0.1");
    let said = run(command);
    assert_eq!((said.status, proxy.asked()), (0, Vec::new()), "{}", said.err);
}

#[test]
fn a_proxy_that_is_down() {
    let (shop, authority) = shop();
    let proxy = Proxy::to(shop.server.address()).url();
    let trusting = [("SSL_CERT_FILE", authority.to_str().unwrap()), ("HTTPS_PROXY", &proxy)];
    let mut command = with(shop.command(&["add", "1.10"]), &trusting);
    command.env("JLAPP_HTTP_TIMEOUT", "0.5");
    let message = failed(&run(command));
    assert!(message.contains(&shop.server.url()) && message.contains("check the network, HTTPS_PROXY"), "{message}");
    shop.assert_nothing_installed();
}
