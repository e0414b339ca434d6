//! The program itself, as its owner meets it.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

fn raincloud(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raincloud"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // What the surroundings have set is not what is tested.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RAINCLOUD_")) {
        command.env_remove(name);
    }
    command
}

/// A command of the program that is expected to end by itself.
fn done(args: &[&str]) -> Output {
    raincloud(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A process that is not left behind.
struct Process(Child);

impl Process {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// How it ended, and after how long.
    fn ended(&mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().unwrap() {
                return (status.code(), start.elapsed());
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not end");
    }

    fn lines(&mut self) -> BufReader<std::process::ChildStdout> {
        BufReader::new(self.0.stdout.take().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Server {
    process: Process,
    says: Value,
    data: PathBuf,
}

impl Server {
    fn start(data: &Path) -> Self {
        let free = ["--http", "0", "--https", "0", "--mqtts", "0"];
        let args = [&["serve", "--json", "--data", data.to_str().unwrap()], free.as_slice()].concat();
        let mut process = Process(raincloud(&args).spawn().unwrap());
        let mut line = String::new();
        process.lines().read_line(&mut line).unwrap();
        let says = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}: {}", rest(&mut process)));
        Self { process, says, data: data.to_owned() }
    }

    fn port(&self, name: &str) -> u16 {
        u16::try_from(self.says[name].as_u64().unwrap()).unwrap()
    }

    fn http(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port("http"))).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn data(&self) -> &str {
        self.data.to_str().unwrap()
    }
}

fn rest(process: &mut Process) -> String {
    let mut text = String::new();
    process.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The status and the body of the answer.
fn answer(stream: &mut TcpStream) -> (u16, Value) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

fn request(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = server.http();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    answer(&mut stream)
}

#[test]
fn it_serves_stops_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    assert_eq!(server.says["mqtt_host"], "localhost");
    assert_eq!(request(&server, "GET", "/readyz", "").0, 200);
    assert_eq!(request(&server, "GET", "/nowhere", "").0, 404);
    assert_eq!(request(&server, "DELETE", "/healthz", "").0, 405);
    let account = r#"{"user_name":"a@x.io","password":"Passw0rd"}"#;
    assert!(request(&server, "POST", "/v1/user2", account).0 < 300);
    server.process.signal(Signal::TERM);
    let (code, took) = server.process.ended();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");

    let code = text(&done(&["mailbox", "--data", data.to_str().unwrap(), "--code", "a@x.io"]).stdout);
    let server = Server::start(&data);
    let confirm = format!(r#"{{"user_name":"a@x.io","verification_code":"{}"}}"#, code.trim());
    assert!(request(&server, "POST", "/v1/user2", &confirm).0 < 300, "{code}");
    assert!(request(&server, "POST", "/v1/login2", account).0 < 300);
}

#[test]
fn a_request_that_has_begun_is_answered_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    let mut stream = server.http();
    let body = r#"{"user_name":"a@x.io","password":"Passw0rd"}"#;
    let (begin, end) = body.split_at(10);
    write!(stream, "POST /v1/user2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{begin}", body.len()).unwrap();
    thread::sleep(Duration::from_millis(300));
    server.process.signal(Signal::TERM);
    thread::sleep(Duration::from_millis(300));
    assert!(TcpStream::connect(("127.0.0.1", server.port("http"))).is_err(), "nobody else gets in");
    stream.write_all(end.as_bytes()).unwrap();
    assert!(answer(&mut stream).0 < 300);
    assert_eq!(server.process.ended().0, Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    // A request that never becomes whole holds up the end.
    let mut stream = server.http();
    write!(stream, "POST /v1/user2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(200));
    server.process.signal(Signal::INT);
    thread::sleep(Duration::from_millis(200));
    server.process.signal(Signal::INT);
    let (code, took) = server.process.ended();
    assert_eq!(code, Some(1));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn what_holds_up_the_end_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    let mut stream = server.http();
    write!(stream, "POST /v1/user2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(200));
    server.process.signal(Signal::TERM);
    let (code, took) = server.process.ended();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn the_first_start_speaks_to_people_and_the_next_is_short() {
    let folder = tempfile::tempdir().unwrap();
    let free = ["--http", "0", "--https", "0", "--mqtts", "0"];
    let start = || {
        let mut command = raincloud(&[["--data", "data"].as_slice(), &free].concat());
        let mut process = Process(command.current_dir(folder.path()).spawn().unwrap());
        let mut lines = process.lines();
        let mut said = String::new();
        while !said.contains("Data ") {
            assert!(lines.read_line(&mut said).unwrap() > 0, "{said}{}", rest(&mut process));
        }
        process.signal(Signal::TERM);
        lines.read_to_string(&mut said).unwrap();
        assert_eq!(process.ended().0, Some(0));
        said
    };
    let first = start();
    for part in [
        "REST API   http://localhost:",
        "https://localhost:",
        "mqtts://localhost:",
        "data/ca.crt",
        "mailbox --data data --follow",
        "Ctrl-C",
    ] {
        assert!(first.contains(part), "{part} is missing in:\n{first}");
    }
    let next = start();
    assert!(next.contains("REST API   http://localhost:") && !next.contains("Try next"), "{next}");
}

#[test]
fn what_is_wrong_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let free = ["--http", "0", "--https", "0", "--mqtts", "0"];
    let server = Server::start(&folder.path().join("data"));
    let taken = server.port("http").to_string();
    fs::write(path("file"), "").unwrap();
    fs::create_dir(path("foreign")).unwrap();
    fs::write(path("foreign/raincloud.db"), "no database at all, but long enough to be looked at ".repeat(10)).unwrap();
    fs::create_dir(path("set")).unwrap();
    fs::write(path("set/raincloud.toml"), "hots = \"x\"").unwrap();
    let (other, file, foreign, set, none) = (path("other"), path("file"), path("foreign"), path("set"), path("none"));
    let with = |args: &[&str]| done(&[args, free.as_slice()].concat());
    for (output, says) in [
        (with(&["--data", server.data()]), "another raincloud serves the data folder"),
        (done(&["--data", &other, "--http", &taken, "--https", "0", "--mqtts", "0"]), "is in use by another program"),
        (done(&["--data", &other, "--http", "off", "--https", "off", "--mqtts", "off"]), "there is nothing to serve"),
        (with(&["--data", &file]), "it is no folder"),
        (with(&["--data", &foreign]), "is not a Raincloud database"),
        (with(&["--data", &set]), "there is no setting `hots`; did you mean `host`?"),
        (with(&["--data", &other, "--bind", "192.0.2.1"]), "is no address of this machine"),
        (done(&["--http", "eighty"]), "invalid value 'eighty' for '--http <PORT|off>'"),
        (done(&["mailbox", "--data", &none]), "there is no data folder"),
        (done(&["mailbox", "--data", server.data(), "--code", "b@x.io"]), "no code has been sent to b@x.io"),
        (done(&["admin", "node", "revoke", "--data", server.data(), "n1"]), "no node n1 is registered"),
    ] {
        let error = text(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{says}: {output:?}");
        assert!(error.starts_with("raincloud: ") && error.contains(says) && error.lines().count() == 1, "{says}: {error}");
    }
}

#[test]
fn a_node_that_is_revoked_by_another_process_loses_its_connection_and_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let out = folder.path().join("nodes");
    let added = done(&["admin", "node", "add", "--data", server.data(), "--out", out.to_str().unwrap(), "--count", "2", "--json"]);
    let added = text(&added.stdout);
    let added: Vec<Value> = added.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(added.len(), 2);
    let (id, credentials) = (added[0]["node_id"].as_str().unwrap(), added[0]["folder"].as_str().unwrap());

    let port = server.port("mqtts").to_string();
    let mut node = Process(raincloud(&["node", "--credentials", credentials, "--port", &port, "--json"]).spawn().unwrap());
    let mut lines = node.lines().lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut until = |event: &str| lines.find(|line| line["event"] == event).unwrap_or_else(|| panic!("no {event}"));
    until("connected");
    let revoked = done(&["admin", "node", "revoke", "--data", server.data(), id, "--json"]);
    assert!(revoked.status.success(), "{revoked:?}");
    until("disconnected");

    let listed = text(&done(&["admin", "node", "list", "--data", server.data(), "--json"]).stdout);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let revoked: Vec<&str> = listed.iter().filter(|node| node["revoked"] == true).filter_map(|node| node["node_id"].as_str()).collect();
    assert_eq!((listed.len(), revoked), (2, vec![id]));
}

#[test]
fn a_reader_who_has_gone_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(data.join("mailbox")).unwrap();
    for number in 0..500 {
        let letter = format!("To: a@x.io\nSubject: x\nDate: y\n\n{}\n", "long ".repeat(100));
        fs::write(data.join(format!("mailbox/01795262400123-{number:06}.txt")), letter).unwrap();
    }
    let mut reader = Process(raincloud(&["mailbox", "--data", data.to_str().unwrap()]).spawn().unwrap());
    let mut line = String::new();
    reader.lines().read_line(&mut line).unwrap();
    assert_eq!(reader.ended().0, Some(0));
    assert_eq!(rest(&mut reader), "");
}
