//! One accepted connection, until its client leaves or the instance ends it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::answer::answer;
use crate::instance::Instance;

/// What connections are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Serve.
    Serve,
    /// Finish what is underway, then close.
    Finish,
    /// Reset at once, as when the process was killed.
    Reset,
}

/// A client that sends nothing for so long is let go, so that idle sockets stay bounded.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);
const LARGEST_HEAD: usize = 64 * 1024;

/// Serves one connection to its end.
pub(super) async fn converse(
    stream: TcpStream,
    instance: Arc<Instance>,
    mut life: watch::Receiver<Life>,
) {
    let handle = service_fn(move |request: Request<Incoming>| {
        let instance = Arc::clone(&instance);
        async move { Ok::<_, Infallible>(answer(instance, request).await) }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST_SILENCE)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), handle);
    loop {
        let ordered = tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    log::debug!("connection ended: {error}");
                }
                return;
            }
            ordered = next_order(&mut life) => ordered,
        };
        match ordered {
            Life::Serve => {}
            Life::Finish => Pin::new(&mut connection).graceful_shutdown(),
            Life::Reset => return reset(connection.into_parts().io.into_inner()),
        }
    }
}

/// The next order; when whoever gives orders is gone, the connection goes on to its own end.
async fn next_order(life: &mut watch::Receiver<Life>) -> Life {
    if life.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    *life.borrow_and_update()
}

/// Closes with RST instead of FIN.
fn reset(stream: TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        log::debug!("connection closed without reset: {error}");
    }
}
