//! Questions and orders over HTTP to what the evaluation started: one connection each, bounded in
//! time and size.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for a whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 4 << 20;

/// The body of a `GET`.
///
/// # Errors
/// Without an answer of 200 in time, or with one that is no text.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<String> {
    ask(address, "GET", path, String::new()).await
}

/// Sends a `POST` with a JSON body.
///
/// # Errors
/// As [`get`].
pub(crate) async fn post(address: SocketAddr, path: &str, body: &Value) -> Result<()> {
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
        .body(Full::<Bytes>::from(body))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, LARGEST_ANSWER).collect().await;
    let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
    let text = String::from_utf8(body.into()).context("the answer is no text")?;
    if head.status != StatusCode::OK {
        bail!("answered {}: {}", head.status, text.trim());
    }
    Ok(text)
}

/// Sum of all series of a Prometheus family whose labels, as written, contain `label`.
pub(crate) fn sum_of(metrics: &str, family: &str, label: &str) -> f64 {
    let values = metrics.lines().filter_map(|line| {
        let labels = line.strip_prefix(family)?;
        let (labels, value) = labels.rsplit_once(' ')?;
        let wanted = labels.is_empty() || labels.starts_with('{');
        (wanted && labels.contains(label)).then(|| value.parse::<f64>().ok())?
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_family_and_label() {
        let metrics = "# TYPE picks counter\npicks{cluster=\"a\",kind=\"x\"} 2\n\
            picks{cluster=\"a\",kind=\"y\"} 3\npicks{cluster=\"b\",kind=\"x\"} 7\npicks_total 9\n";
        assert!((sum_of(metrics, "picks", "cluster=\"a\"") - 5.0).abs() < 1e-9);
        assert!((sum_of(metrics, "picks", "") - 12.0).abs() < 1e-9);
        assert!((sum_of(metrics, "picks_total", "") - 9.0).abs() < 1e-9);
        assert!(sum_of(metrics, "none", "").abs() < 1e-9);
    }
}
