//! Signals that do not end the process. Installed before anything else is done: a hang-up
//! that nobody handles would kill it.

use std::{io, thread};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// What an operator asks for by signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// SIGHUP: load configuration, models and endpoints anew.
    Reload,
    /// SIGUSR1: open log files anew.
    ReopenLogs,
}

/// Catches SIGHUP and SIGUSR1 and ignores SIGUSR2 from now on, on a thread of its own.
///
/// # Errors
/// When a handler cannot be installed.
pub fn catch() -> io::Result<UnboundedReceiver<Order>> {
    let (sender, receiver) = unbounded_channel();
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (mut hangup, mut user1, mut user2) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::hangup())?,
            signal(SignalKind::user_defined1())?,
            signal(SignalKind::user_defined2())?,
        )
    };
    let forward = async move {
        loop {
            let open = tokio::select! {
                _ = hangup.recv() => send(&sender, Order::Reload),
                _ = user1.recv() => send(&sender, Order::ReopenLogs),
                _ = user2.recv() => true,
            };
            if !open {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(forward))?;
    Ok(receiver)
}

fn send(sender: &UnboundedSender<Order>, order: Order) -> bool {
    sender.send(order).is_ok()
}
