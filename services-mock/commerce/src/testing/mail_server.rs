//! A mail server that keeps what it is sent, or refuses it as a test says.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A larger message breaks the connection.
const LARGEST_MAIL: usize = 1024 * 1024;

/// A message that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The receivers of the envelope.
    pub to: Vec<String>,
    /// Headers and text as they were sent, lines ended by `\n`.
    pub data: String,
}

impl Mail {
    /// The value of a header that stands on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (headers, _) = self.data.split_once("\n\n")?;
        let mut fields = headers.lines().filter_map(|line| line.split_once(": "));
        let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// The text below the headers, encoded as it was sent.
    pub fn text(&self) -> &str {
        let parts = self.data.split_once("\n\n");
        parts.map_or("", |(_, text)| text)
    }
}

#[derive(Default)]
struct Kept {
    mails: Vec<Mail>,
    /// What every receiver is answered with instead of 250.
    refusal: Option<u16>,
    /// Receivers that were refused.
    refused: Vec<String>,
}

/// Listens on a free port of this machine until it is dropped.
pub struct MailServer {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    _serving: JoinSet<()>,
}

impl MailServer {
    /// Starts one that takes everything.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let kept = Arc::new(Mutex::new(Kept::default()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&kept)));
        MailServer {
            address,
            kept,
            _serving: serving,
        }
    }

    /// For `Settings::smtp_url`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Answers every receiver with this status, such as 450 or 550; none takes everything again.
    pub fn refuse(&self, status: Option<u16>) {
        lock(&self.kept).refusal = status;
    }

    /// All messages so far.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.kept).mails.clone()
    }

    /// Receivers that were refused so far, once for each try.
    pub fn refused(&self) -> Vec<String> {
        lock(&self.kept).refused.clone()
    }

    /// Forgets messages and refusals so far.
    pub fn forget(&self) {
        let mut kept = lock(&self.kept);
        kept.mails.clear();
        kept.refused.clear();
    }
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailServer({})", self.address)
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, kept: Arc<Mutex<Kept>>) {
    // Dropped with this task, so that connections end with the port.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let kept = Arc::clone(&kept);
        // A client that breaks off has nothing more to say.
        connections.spawn(async move { drop(Session::new(stream, kept).run().await) });
    }
}

/// One connection.
struct Session {
    lines: BufReader<OwnedReadHalf>,
    answers: OwnedWriteHalf,
    kept: Arc<Mutex<Kept>>,
    mail: Mail,
}

impl Session {
    fn new(stream: TcpStream, kept: Arc<Mutex<Kept>>) -> Session {
        let (reading, answers) = stream.into_split();
        Session {
            lines: BufReader::new(reading),
            answers,
            kept,
            mail: Mail::default(),
        }
    }

    async fn run(mut self) -> io::Result<()> {
        self.answer("220 ready").await?;
        while let Some(line) = self.line().await? {
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" | "HELO" | "RSET" => {
                    self.mail = Mail::default();
                    self.answer("250 ok").await?;
                }
                "NOOP" => self.answer("250 ok").await?,
                "MAIL" => {
                    self.mail.from = address(&line);
                    self.answer("250 ok").await?;
                }
                "RCPT" => self.receiver(address(&line)).await?,
                "DATA" if self.mail.to.is_empty() => self.answer("503 no receiver").await?,
                "DATA" => self.data().await?,
                "QUIT" => return self.answer("221 bye").await,
                _ => self.answer("502 not known here").await?,
            }
        }
        Ok(())
    }

    async fn receiver(&mut self, receiver: String) -> io::Result<()> {
        let refusal = lock(&self.kept).refusal;
        match refusal {
            None => {
                self.mail.to.push(receiver);
                self.answer("250 ok").await
            }
            Some(status) => {
                lock(&self.kept).refused.push(receiver);
                self.answer(&format!("{status} refused as scripted")).await
            }
        }
    }

    /// Until a line that is a dot alone; a dot more was put before others (RFC 5321, 4.5.2).
    async fn data(&mut self) -> io::Result<()> {
        self.answer("354 go on").await?;
        while let Some(line) = self.line().await? {
            if line == "." {
                let mail = std::mem::take(&mut self.mail);
                lock(&self.kept).mails.push(mail);
                return self.answer("250 kept").await;
            }
            let line = line.strip_prefix('.').unwrap_or(&line);
            self.mail.data.push_str(line);
            self.mail.data.push('\n');
            if self.mail.data.len() > LARGEST_MAIL {
                return Err(io::Error::other("too large"));
            }
        }
        Ok(())
    }

    /// The next line without its end; none when the client is gone.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).await?;
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        Ok((read > 0).then_some(line))
    }

    async fn answer(&mut self, line: &str) -> io::Result<()> {
        self.answers
            .write_all(format!("{line}\r\n").as_bytes())
            .await
    }
}

/// What stands between `<` and `>`.
fn address(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or("", |(address, _)| address).to_owned()
}
