//! A mail server that takes every mail and counts them: so much of SMTP (RFC 5321) as a sender
//! needs to be content.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A longer line ends its connection: nobody fills the memory.
const LONGEST_LINE: u64 = 64 * 1024;

/// The server; gone when dropped.
#[derive(Debug)]
pub(crate) struct Mailbox {
    address: SocketAddr,
    mails: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Mailbox {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn open() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("no free port for mails")?;
        let address = listener.local_addr().context("address of the mailbox")?;
        let mails = Arc::new(AtomicU64::new(0));
        let serving = tokio::spawn(serve(listener, Arc::clone(&mails)));
        Ok(Mailbox {
            address,
            mails,
            serving,
        })
    }

    /// For the option `--smtp`.
    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Mails taken so far.
    pub(crate) fn mails(&self) -> u64 {
        self.mails.load(Relaxed)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, mails: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        let mails = Arc::clone(&mails);
        // A sender that breaks off is its own affair.
        drop(tokio::spawn(async move { converse(stream, &mails).await }));
    }
}

async fn converse(stream: TcpStream, mails: &AtomicU64) -> Option<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 mailbox").await?;
    loop {
        let line = read_line(&mut stream).await?;
        match line
            .split_ascii_whitespace()
            .next()?
            .to_ascii_uppercase()
            .as_str()
        {
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                while read_line(&mut stream).await? != "." {}
                mails.fetch_add(1, Relaxed);
                say(&mut stream, "250 taken").await?;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 fine").await?,
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, words: &str) -> Option<()> {
    let line = format!("{words}\r\n");
    stream.write_all(line.as_bytes()).await.ok()
}

/// A line without its end; none at the end of the conversation.
async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    let read = stream.take(LONGEST_LINE).read_until(b'\n', &mut line).await;
    let whole = read.ok()? > 0 && line.ends_with(b"\n");
    whole.then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn mails_are_counted_and_lines_of_them_are_no_commands() {
        let mailbox = Mailbox::open().await.unwrap();
        let mut stream = BufReader::new(TcpStream::connect(mailbox.address).await.unwrap());
        assert_eq!(read_line(&mut stream).await.unwrap(), "220 mailbox");
        let mail = "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n\r\n\
            QUIT\r\n.\r\nQUIT\r\n";
        stream.write_all(mail.as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        while let Some(answer) = read_line(&mut stream).await {
            answers.push(answer[..3].to_owned());
        }
        assert_eq!(answers, ["250", "250", "250", "354", "250", "221"]);
        assert_eq!(mailbox.mails(), 1);
    }
}
