//! A real `redis-server` for tests: own port, own temporary folder, gone on drop. Not for production.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// A running Redis on loopback, without persistence.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
}

const READY_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);
/// Between choosing a free port and Redis binding it, another process may take it.
const PORTS_TRIED: usize = 5;

impl RedisServer {
    /// Starts a server on a free port and waits until it accepts connections.
    ///
    /// # Errors
    /// `redis-server` is not installed (the message says how to), or does not come up in 5 s.
    pub async fn start() -> io::Result<Self> {
        let mut attempt = Self::start_on(free_port()?).await;
        for _ in 1..PORTS_TRIED {
            match &attempt {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    attempt = Self::start_on(free_port()?).await;
                }
                _ => break,
            }
        }
        attempt
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the server as `kill -9` does; nothing is saved.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // Fails only when the process has ended by itself, which is what is wanted.
        drop(process.kill());
        drop(process.wait());
    }

    /// Kills the server and starts it again on the same port, empty.
    ///
    /// # Errors
    /// The server does not come up, for example because its port was taken meanwhile.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.process = Some(spawn(self.port, &self.folder)?);
        self.ready().await
    }

    async fn start_on(port: u16) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let process = Some(spawn(port, &folder)?);
        let mut server = RedisServer {
            port,
            folder,
            process,
        };
        server.ready().await?;
        Ok(server)
    }

    /// Waits until the port accepts; an early end of the process is taken as a port in use.
    async fn ready(&mut self) -> io::Result<()> {
        let came_up = async {
            loop {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
                    .await
                    .is_ok()
                {
                    return self.alive();
                }
                self.alive()?;
                sleep(POLL).await;
            }
        };
        timeout(READY_LIMIT, came_up)
            .await
            .unwrap_or_else(|_| Err(io::Error::other("redis-server did not come up in 5 s")))
    }

    fn alive(&mut self) -> io::Result<()> {
        let ended = self.process.as_mut().map(Child::try_wait).transpose()?;
        match ended.flatten() {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::AddrInUse.into()),
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> io::Result<u16> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(probe.local_addr()?.port())
}

fn spawn(port: u16, folder: &TempDir) -> io::Result<Child> {
    let port = port.to_string();
    Command::new("redis-server")
        .args(["--port", &port, "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                io::Error::other("redis-server not found: apt-get install redis-server")
            }
            _ => error,
        })
}
