//! Questions and orders over HTTP to what was started: one connection each, bounded in time and
//! size.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for a whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 4 << 20;

/// An answer other than 200, among the causes of an error.
#[derive(Debug, thiserror::Error)]
#[error("answered {status}: {body}")]
pub struct Refusal {
    /// Its status.
    pub status: StatusCode,
    body: String,
}

/// A request with a JSON body or none.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    address: SocketAddr,
    method: &'a str,
    path: &'a str,
    bearer: Option<&'a str>,
    body: Option<&'a Value>,
}

/// The body of a `GET`.
///
/// # Errors
/// Without an answer of 200 in time, or with one that is no text.
pub async fn get(address: SocketAddr, path: &str) -> Result<String> {
    Question::new(address, "GET", path).text().await
}

/// Sends a `POST` with a JSON body.
///
/// # Errors
/// As [`get`].
pub async fn post(address: SocketAddr, path: &str, body: &Value) -> Result<()> {
    let question = Question::new(address, "POST", path).with(body);
    question.text().await.map(drop)
}

impl<'a> Question<'a> {
    /// Without a body.
    pub fn new(address: SocketAddr, method: &'a str, path: &'a str) -> Self {
        Question {
            address,
            method,
            path,
            bearer: None,
            body: None,
        }
    }

    /// With that body.
    pub fn with(self, body: &'a Value) -> Self {
        let body = Some(body);
        Question { body, ..self }
    }

    /// In the name of whom the token tells.
    pub fn by(self, token: &'a str) -> Self {
        let bearer = Some(token);
        Question { bearer, ..self }
    }

    /// The answer's body.
    ///
    /// # Errors
    /// Without an answer of 200 in time, of another status as [`Refusal`], or with one that is no
    /// text.
    pub async fn text(&self) -> Result<String> {
        let answer = timeout(ANSWER_WITHIN, self.exchange()).await;
        let answer = answer
            .context("no answer in time")
            .and_then(|answer| answer);
        let (method, address, path) = (self.method, self.address, self.path);
        answer.with_context(|| format!("{method} http://{address}{path}"))
    }

    /// The answer's body as JSON.
    ///
    /// # Errors
    /// As [`Question::text`], and when it is no JSON of that form.
    pub async fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let text = self.text().await?;
        let (method, path) = (self.method, self.path);
        serde_json::from_str(&text).with_context(|| format!("the answer to {method} {path}"))
    }

    async fn exchange(&self) -> Result<String> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with its sender; its error reaches the request.
        drop(tokio::spawn(connection));
        let (head, body) = sender.send_request(self.request()?).await?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        let text = String::from_utf8(body.into()).context("the answer is no text")?;
        if head.status != StatusCode::OK {
            let body = text.trim().to_owned();
            return Err(Refusal {
                status: head.status,
                body,
            }
            .into());
        }
        Ok(text)
    }

    fn request(&self) -> http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(header::HOST, self.address.to_string());
        if let Some(token) = self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(Full::from(
            self.body.map(Value::to_string).unwrap_or_default(),
        ))
    }
}

/// Sum of all series of a Prometheus family whose labels, as written, contain each of `labels`.
pub fn sum_of(metrics: &str, family: &str, labels: &[&str]) -> f64 {
    let values = metrics.lines().filter_map(|line| {
        let written = line.strip_prefix(family)?;
        let (written, value) = written.rsplit_once(' ')?;
        let of_family = written.is_empty() || written.starts_with('{');
        let wanted = of_family && labels.iter().all(|label| written.contains(label));
        wanted.then(|| value.parse::<f64>().ok())?
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_answer_other_than_200_is_an_error_that_tells_its_status() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 8\r\n\r\nno order";
            stream.write_all(answer).await.unwrap();
        });
        let error = get(address, "/orders/1").await.unwrap_err();
        let refusal = error.downcast_ref::<Refusal>().unwrap();
        assert_eq!(refusal.status, StatusCode::NOT_FOUND);
        assert!(
            format!("{error:#}").contains("404 Not Found: no order"),
            "{error:#}"
        );
        server.await.unwrap();
    }

    #[test]
    fn series_are_summed_by_family_and_label() {
        let metrics = "# TYPE picks counter\npicks{cluster=\"a\",kind=\"x\"} 2\n\
            picks{cluster=\"a\",kind=\"y\"} 3\npicks{cluster=\"b\",kind=\"x\"} 7\npicks_total 9\n";
        assert!((sum_of(metrics, "picks", &["cluster=\"a\""]) - 5.0).abs() < 1e-9);
        let both = ["cluster=\"a\"", "kind=\"y\""];
        assert!((sum_of(metrics, "picks", &both) - 3.0).abs() < 1e-9);
        assert!((sum_of(metrics, "picks", &[]) - 12.0).abs() < 1e-9);
        assert!((sum_of(metrics, "picks_total", &[]) - 9.0).abs() < 1e-9);
        assert!(sum_of(metrics, "none", &[]).abs() < 1e-9);
    }
}
