//! `healthcheck`: asks a running proxy whether it is ready; for containers without curl.

use anyhow::{Context, Result, bail};
use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// Longest wait for each step.
const STEP_MAX: Duration = Duration::from_secs(2);
/// More than the head of the answer is not needed.
const ANSWER_MAX: u64 = 1024;

/// Fails unless the proxy whose admin interface is at `admin` is ready.
///
/// # Errors
/// When it cannot be reached or is not ready.
pub fn healthcheck(admin: &str) -> Result<()> {
    let status =
        ready_status(admin).with_context(|| format!("no answer from http://{admin}/ready"))?;
    if status != "200" {
        bail!("http://{admin}/ready answers {status}");
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command that asks once and ends; nothing else waits for its thread"
)]
fn ready_status(admin: &str) -> Result<String> {
    let address = admin
        .to_socket_addrs()?
        .next()
        .context("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, STEP_MAX)?;
    stream.set_read_timeout(Some(STEP_MAX))?;
    stream.set_write_timeout(Some(STEP_MAX))?;
    // In one piece: a server that answers early may reset a connection with more to come.
    let request = format!("GET /ready HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    let head = String::from_utf8_lossy(&answer);
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    Ok(status.context("not an HTTP answer")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    fn answering(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 512];
            let received = stream.read(&mut request).expect("a request");
            assert!(received > 0);
            stream.write_all(answer.as_bytes()).expect("answered");
        });
        address
    }

    #[test]
    fn only_a_200_is_healthy() {
        assert!(healthcheck(&answering("HTTP/1.1 200 OK\r\n\r\nready")).is_ok());
        assert!(healthcheck(&answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).is_err());
        assert!(healthcheck(&answering("hello")).is_err());
    }
}
