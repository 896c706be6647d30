//! The shop of the tests, to try journeys and the wrk scripts without the services:
//! `cargo run -p loadtest --example fake-shop -- 127.0.0.1:8080`

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{self, Write};
use std::time::Duration;

use support::{FakeShop, Troubles};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let troubles = Troubles {
        looks_to_settle: 2,
        service_time: Duration::from_millis(3),
        every_nth_fails: Some(200),
        ..Troubles::default()
    };
    let address = address.as_deref().unwrap_or("127.0.0.1:8080");
    let shop = FakeShop::open_at(address, troubles).await;
    writeln!(io::stderr(), "a shop at {}", shop.url())?;
    tokio::signal::ctrl_c().await
}
