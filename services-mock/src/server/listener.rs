//! Accepts connections, closes down on a crash and comes back on the same port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection::{Life, converse};
use crate::faults::Fault;
use crate::instance::Instance;

/// Most connections one instance holds; accepting waits beyond, so that sockets stay bounded.
const MAX_CONNECTIONS: usize = 4096;
const BACKLOG: u32 = 1024;
/// Pause after a failed accept (such as out of file descriptors) or a failed return to the port.
const BREATHER: Duration = Duration::from_millis(50);

/// Binds and listens.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    reserve(address)?.listen(BACKLOG)
}

/// Serves until `stop` says [`Life::Finish`] and connections are finished or out of grace.
pub(crate) async fn serve(
    mut listener: TcpListener,
    address: SocketAddr,
    instance: Arc<Instance>,
    mut stop: watch::Receiver<Life>,
) {
    let stopped = async move {
        // An error means that the owner is gone, which is a stop as well.
        drop(stop.wait_for(|life| *life != Life::Serve).await);
    };
    tokio::pin!(stopped);
    loop {
        let mut floor = Floor::new(Arc::clone(&instance));
        tokio::select! {
            () = floor.accept(&listener) => {}
            () = &mut stopped => {
                drop(listener);
                return floor.finish().await;
            }
            () = instance.faults.wait_for(true, is_crash) => {}
        }
        drop(listener);
        floor.reset().await;
        tokio::select! {
            revived = revive(address, &instance) => listener = revived,
            () = &mut stopped => return,
        }
    }
}

/// Waits for the crash to end with the port bound but not listening, so that clients are refused
/// and nobody else is given the port.
async fn revive(address: SocketAddr, instance: &Instance) -> TcpListener {
    let mut reserved = reserve(address);
    instance.faults.wait_for(false, is_crash).await;
    loop {
        match reserved.and_then(|socket| socket.listen(BACKLOG)) {
            Ok(listener) => return listener,
            Err(error) => log::warn!("{}: cannot return to {address}: {error}", instance.name),
        }
        sleep(BREATHER).await;
        reserved = reserve(address);
    }
}

fn is_crash(fault: Fault) -> bool {
    fault == Fault::Crash
}

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // Without it connections of an earlier run in TIME_WAIT would keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The connections between one start or revival and its end; dropped ones are closed.
struct Floor {
    instance: Arc<Instance>,
    life: watch::Sender<Life>,
    room: Arc<Semaphore>,
    connections: JoinSet<()>,
}

impl Floor {
    fn new(instance: Arc<Instance>) -> Self {
        Floor {
            instance,
            life: watch::Sender::new(Life::Serve),
            room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            connections: JoinSet::new(),
        }
    }

    /// Accepts for ever, as far as there is room.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            let room = Arc::clone(&self.room).acquire_owned().await;
            match listener.accept().await {
                Ok((stream, _)) => self.open(stream, room),
                Err(error) => {
                    log::warn!("{}: cannot accept: {error}", self.instance.name);
                    sleep(BREATHER).await;
                }
            }
            while self.connections.try_join_next().is_some() {}
        }
    }

    fn open(&mut self, stream: TcpStream, room: impl Send + 'static) {
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("no delay not set: {error}");
        }
        let conversation = converse(stream, Arc::clone(&self.instance), self.life.subscribe());
        self.connections.spawn(async move {
            conversation.await;
            drop(room);
        });
    }

    /// Lets connections finish, for a while.
    async fn finish(mut self) {
        self.life.send_replace(Life::Finish);
        let all = async { while self.connections.join_next().await.is_some() {} };
        if timeout(self.instance.grace(), all).await.is_err() {
            log::info!("{}: cut connections that took too long", self.instance.name);
        }
    }

    async fn reset(mut self) {
        self.life.send_replace(Life::Reset);
        while self.connections.join_next().await.is_some() {}
    }
}
