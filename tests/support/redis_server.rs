//! A real Redis server of a test's own: on a free port, in a folder of its own, nothing on
//! disk, stopped on drop. Speaks just enough of the protocol to set the scene.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary includes this file and uses a part"
)]

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A running (or killed) server.
#[derive(Debug)]
pub struct RedisServer {
    address: SocketAddr,
    process: Option<Child>,
    settings: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Like [`RedisServer::start`], with further command-line settings.
    pub fn start_with(settings: &[&str]) -> Self {
        let mut server = Self {
            address: free_port(),
            process: None,
            settings: settings
                .iter()
                .map(|setting| (*setting).to_owned())
                .collect(),
            folder: tempfile::tempdir().expect("a folder for redis-server"),
        };
        // Another process may take a free port before the server does.
        for _ in 0..5 {
            if server.try_start() {
                return server;
            }
            server.address = free_port();
        }
        panic!("redis-server did not start on any of 5 ports");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a client wants it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Stops it as `kill -9` does; connections break, data is lost.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("redis-server is our child");
            process.wait().expect("redis-server is our child");
        }
    }

    /// Starts it again after [`RedisServer::kill`], empty, on the same port.
    pub fn restart(&mut self) {
        self.kill();
        assert!(
            self.try_start(),
            "redis-server did not start again on {}",
            self.address
        );
    }

    /// Sends one command and returns the answer as text; nested answers on one line each.
    pub fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> String {
        self.try_command(arguments).expect("redis-server answers")
    }

    /// Registers one record of a service.
    pub fn register(&self, service: &str, instance: &str, record: &str) {
        let key = format!("service:{service}:{instance}");
        assert_eq!(self.command(&["SET", &key, record]), "OK");
    }

    fn try_command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        let mut request = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            request.extend(format!("${}\r\n", argument.as_ref().len()).bytes());
            request.extend_from_slice(argument.as_ref());
            request.extend_from_slice(b"\r\n");
        }
        stream.write_all(&request)?;
        read_answer(&mut BufReader::new(stream))
    }

    /// `false` when the process ended before it answered, as it does when the port is taken.
    fn try_start(&mut self) -> bool {
        let mut process = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &self.address.port().to_string(),
            ])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            .args(&self.settings)
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is needed for this test: apt-get install redis-server");
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            if process
                .try_wait()
                .expect("redis-server is our child")
                .is_some()
            {
                return false;
            }
            // Any answer will do: a server with a password refuses this one.
            if self.try_command(&["PING"]).is_ok() {
                self.process = Some(process);
                return true;
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        self.process = Some(process);
        panic!("redis-server gave no answer within {START_LIMIT:?}");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already, and a test that fails elsewhere should say so itself.
            drop((process.kill(), process.wait()));
        }
    }
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound port")
}

fn read_answer(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let Some(kind) = line.chars().next() else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let rest = line[1..].trim_end();
    let length = rest.parse().unwrap_or(0);
    match kind {
        '$' => {
            let mut text = vec![0; length + 2];
            reader.read_exact(&mut text)?;
            Ok(String::from_utf8_lossy(&text[..length]).into_owned())
        }
        '*' => (0..length)
            .map(|_| read_answer(reader))
            .collect::<Result<Vec<_>, _>>()
            .map(|answers| answers.join("\n")),
        _ => Ok(rest.to_owned()),
    }
}
