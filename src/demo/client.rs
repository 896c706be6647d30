//! Questions to the proxy's admin interface and orders to back ends: one connection each, bounded
//! in time and size.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// Longest wait for a whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 4 << 20;

/// The body of a `GET`.
///
/// # Errors
/// Without an answer of 200 in time, or with one that is no text.
pub(super) async fn get(address: SocketAddr, path: &str) -> Result<String> {
    ask(address, "GET", path, String::new()).await
}

/// Sends a `POST` with a JSON body.
///
/// # Errors
/// As [`get`].
pub(super) async fn post(address: SocketAddr, path: &str, body: &serde_json::Value) -> Result<()> {
    ask(address, "POST", path, body.to_string()).await.map(drop)
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: String) -> Result<String> {
    let answer = timeout(ANSWER_WITHIN, exchange(address, method, path, body)).await;
    let answer = answer
        .context("no answer in time")
        .and_then(|answer| answer);
    answer.with_context(|| format!("{method} http://{address}{path}"))
}

async fn exchange(address: SocketAddr, method: &str, path: &str, body: String) -> Result<String> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with its sender; its error reaches the request.
    drop(tokio::spawn(connection));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(body))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, LARGEST_ANSWER).collect().await;
    let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
    let text = String::from_utf8(body.into()).context("the answer is no text")?;
    if head.status != http::StatusCode::OK {
        bail!("answered {}: {}", head.status, text.trim());
    }
    Ok(text)
}
