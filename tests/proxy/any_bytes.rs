//! Whatever bytes come as a request, the proxy goes on.

use crate::{
    backend::Mocks,
    setup::{await_idle, by_prefix, cluster},
    support::edge::Edge,
    wire::Wire,
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};
use std::time::Duration;

const CASES: u32 = 300;

/// Requests to change bytes of.
const WELL_FORMED: [&str; 6] = [
    "GET /web/a?b=c HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /web/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
    "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "GET http://h/web/ HTTP/1.1\r\nHost: h\r\nConnection: close, x\r\nX: 1\r\n\r\n",
    "HEAD / HTTP/1.0\r\nX-Forwarded-For: 1.2.3.4\r\ntraceparent: 00-aa-bb-01\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nUpgrade: h2c\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
];
/// Pieces that parsers stumble over.
const PIECES: [&str; 10] = [
    "\r\n",
    "\r",
    "\0",
    "\u{7f}",
    " HTTP/2.0\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Host: [::\r\n",
    "CONNECT ",
];

/// A well-formed request with some bytes replaced, pieces put in, and perhaps its end cut off.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let replaced = vec((any::<Index>(), any::<u8>()), 0..6);
    let inserted = vec((any::<Index>(), select(&PIECES[..])), 0..4);
    let parts = (
        select(&WELL_FORMED[..]),
        replaced,
        inserted,
        any::<Index>(),
        any::<bool>(),
    );
    parts.prop_map(|(request, replaced, inserted, cut, is_cut)| {
        let mut bytes = request.as_bytes().to_vec();
        for (at, byte) in replaced {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, piece) in inserted {
            let at = at.index(bytes.len());
            bytes.splice(at..at, piece.bytes());
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    })
}

#[test]
fn no_bytes_kill_or_block_the_proxy() {
    let mocks = Mocks::start(2);
    let config = by_prefix(&[("web", cluster("web", &mocks.addresses(), ""))]);
    let limits = "limits: { request_read_timeout: 1s, response_write_timeout: 1s }";
    let mut edge = Edge::start(&format!("{limits}\n{config}"));
    let requests = prop_oneof![1 => vec(any::<u8>(), 0..2000), 4 => mutated()];
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&requests, |bytes| {
        let mut wire = Wire::sending(edge.address(), &bytes);
        // A moment to answer: a client that ends its side at once counts as gone.
        wire.closes_within(Duration::from_millis(10));
        wire.end_sending();
        wire.rest();
        let status = edge.get("/web/").status;
        prop_assert_eq!(status, 200, "after these bytes");
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}\nlog:\n{}", edge.log_so_far());
    }
    await_idle(&mut edge);
}
