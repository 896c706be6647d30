//! A pool of kept HTTP/1.1 connections to one target.

use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::outcome::Outcome;

pub(crate) type Connection = SendRequest<Full<Bytes>>;

/// As many connections as requests underway, kept when idle.
#[derive(Debug)]
pub(crate) struct Connections {
    host: String,
    port: u16,
    idle: Mutex<Vec<Connection>>,
}

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    NotConnected,
    Broken,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotConnected => Outcome::NotConnected,
            Failure::Broken => Outcome::Broken,
        }
    }
}

impl Connections {
    /// No connection yet, to an `http://host:port` of a checked plan.
    pub(crate) fn to(target: &Uri) -> Self {
        let host = target.host().unwrap_or_default();
        Connections {
            // Brackets of IPv6 belong to the URL, not to the address.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: target.port_u16().unwrap_or(80),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Tries kept connections first. One that the server closed meanwhile never saw the request
    /// (hyper hands it back), so the next is tried: that is no failure of the server.
    ///
    /// Give the connection back with [`Connections::keep`] once the body was read.
    pub(crate) async fn first_response(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Connection, Response<Incoming>), Failure> {
        while let Some(mut kept) = self.take() {
            if kept.ready().await.is_err() {
                continue;
            }
            match kept.try_send_request(request).await {
                Ok(response) => return Ok((kept, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::Broken),
                },
            }
        }
        let mut fresh = self.connect().await.map_err(|_| Failure::NotConnected)?;
        let response = fresh.send_request(request).await;
        Ok((fresh, response.map_err(|_| Failure::Broken)?))
    }

    async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // Ends with its sender; its error reaches the request that suffers from it.
        drop(tokio::spawn(connection));
        Ok(sender)
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    pub(crate) fn keep(&self, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(connection);
    }
}
