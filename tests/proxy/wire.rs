//! A client that writes its requests byte by byte and may misbehave.

use crate::support::edge::{Answer, SOON, read_head, read_next_answer};
use std::{
    io::{BufReader, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// One connection to the proxy; dropping it disconnects.
#[derive(Debug)]
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the proxy accepts");
        let wire = Self(BufReader::new(stream));
        wire.wait_at_most(SOON);
        wire
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
        self.wait_at_most(SOON);
        let mut rest = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut rest) {
            let is_hang = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            assert!(!is_hang, "the peer neither sends nor closes");
        }
        rest
    }

    /// Whether the peer closes within `time`, sending nothing before.
    pub(crate) fn closes_within(&mut self, time: Duration) -> bool {
        self.wait_at_most(time);
        match self.0.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn end_sending(&mut self) {
        self.0.get_ref().shutdown(Shutdown::Write).ok();
    }

    fn wait_at_most(&self, time: Duration) {
        let stream = self.0.get_ref();
        stream
            .set_read_timeout(Some(time))
            .expect("a socket takes a timeout");
    }
}
