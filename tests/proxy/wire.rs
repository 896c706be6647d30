//! A client that writes its requests byte by byte and may misbehave.

use crate::support::edge::{Answer, SOON, read_head, read_next_answer};
use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// One connection to the proxy; dropping it disconnects.
#[derive(Debug)]
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the proxy accepts");
        stream
            .set_read_timeout(Some(SOON))
            .expect("a socket takes a timeout");
        Self(BufReader::new(stream))
    }

    /// Opens a connection and sends `bytes`.
    pub(crate) fn sending(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let mut wire = Self::open(address);
        wire.send(bytes);
        wire
    }

    /// A peer that has closed already is no surprise here: its answer tells.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).ok();
    }

    /// The next final answer.
    pub(crate) fn answer(&mut self) -> Answer {
        read_next_answer(&mut self.0, false).expect("an answer")
    }

    /// The next final answer, to a HEAD request.
    pub(crate) fn answer_to_head(&mut self) -> Answer {
        read_next_answer(&mut self.0, true).expect("an answer")
    }

    /// The next head, interim or final.
    pub(crate) fn head(&mut self) -> Answer {
        read_head(&mut self.0).expect("the head of an answer")
    }

    /// So many bytes.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("that many bytes");
        bytes
    }

    /// Everything until the peer closes, cleanly or not.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).ok();
        rest
    }

    /// Whether the peer closes within `time`, sending nothing before.
    pub(crate) fn closes_within(&mut self, time: Duration) -> bool {
        self.0
            .get_ref()
            .set_read_timeout(Some(time))
            .expect("a socket takes a timeout");
        match self.0.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn end_sending(&mut self) {
        self.0.get_ref().shutdown(Shutdown::Write).ok();
    }
}
