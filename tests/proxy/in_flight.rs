//! However a request ends, its place is given back: nothing stays in flight.

use crate::{
    backend::{Mocks, Scripted},
    setup::{await_idle, counted, one_cluster},
    support::edge::Edge,
    wire::Wire,
};
use services_mock::Fault;

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

fn await_in_flight(edge: &mut Edge, count: usize) {
    edge.await_true(&format!("{count} in flight"), |edge| {
        edge.metric("lb_endpoint_inflight", &[]) == Some(count as f64)
    });
}

fn await_left(edge: &mut Edge, count: usize) {
    edge.await_true("departed clients are counted", |edge| {
        counted(edge, "lb_requests_total", &[r#"code="499""#]) as usize == count
    });
}

#[test]
fn a_client_may_leave_at_any_time() {
    let mocks = Mocks::start(2);
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), ""));
    // In the middle of its body.
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nbegun";
    let uploads: Vec<_> = (0..3)
        .map(|_| Wire::sending(edge.address(), head))
        .collect();
    await_in_flight(&mut edge, 3);
    drop(uploads);
    await_idle(&mut edge);
    await_left(&mut edge, 3);
    // In the middle of the answer.
    let slow = "GET /slow-body?chunks=10000&delay=5ms HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut downloads: Vec<_> = (0..3)
        .map(|_| Wire::sending(edge.address(), slow))
        .collect();
    for wire in &mut downloads {
        assert_eq!(wire.head().status, 200);
        wire.take(1);
    }
    await_in_flight(&mut edge, 3);
    drop(downloads);
    await_idle(&mut edge);
    // Before the answer.
    (0..2).for_each(|index| mocks[index].inject(Fault::Pause));
    let waiting: Vec<_> = (0..3).map(|_| Wire::sending(edge.address(), GET)).collect();
    await_in_flight(&mut edge, 3);
    drop(waiting);
    await_idle(&mut edge);
    (0..2).for_each(|index| mocks[index].recover());
    assert_eq!(edge.get("/").status, 200);
    assert_eq!(counted(&edge, "lb_dropped_requests_total", &[]) as u64, 0);
}

#[test]
fn an_upload_is_done_when_the_back_end_answers_early() {
    let backend = Scripted::start(|connection| {
        if connection.head().is_some() {
            connection.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
        }
    });
    let mut edge = Edge::start(&one_cluster(&[backend.address()], ""));
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegun";
    assert_eq!(Wire::sending(edge.address(), head).answer().status, 403);
    await_idle(&mut edge);
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let mocks = Mocks::start(1);
    let rest = one_cluster(&mocks.addresses(), "");
    let mut edge = Edge::start(&format!(
        "limits: {{ response_write_timeout: 300ms }}\n{rest}"
    ));
    // More than the buffers between back end and client can hold.
    let large = "GET /bytes/60000000 HTTP/1.1\r\nHost: h\r\n\r\n";
    let idle_client = Wire::sending(edge.address(), large);
    edge.await_true("the client is given up", |edge| {
        counted(edge, "lb_failures_total", &["downstream_timeout"]) as u64 == 1
    });
    await_idle(&mut edge);
    drop(idle_client);
}

#[test]
fn a_back_end_killed_in_the_middle_of_its_answers_leaves_nothing_in_flight() {
    let mocks = Mocks::start(2);
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), ""));
    let slow = "GET /slow-body?chunks=10000&delay=5ms HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut downloads: Vec<_> = (0..4)
        .map(|_| Wire::sending(edge.address(), slow))
        .collect();
    for wire in &mut downloads {
        assert_eq!(wire.head().status, 200);
    }
    (0..2).for_each(|index| mocks[index].inject(Fault::Crash));
    for wire in &mut downloads {
        wire.rest();
    }
    await_idle(&mut edge);
}

#[test]
fn the_circuit_breaker_turns_away_what_is_too_much_and_frees_its_places() {
    let mocks = Mocks::start(1);
    let settings = ", circuit_breaker: { max_requests: 2 }";
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), settings));
    for round in 1..=3 {
        mocks[0].inject(Fault::Pause);
        let mut held: Vec<_> = (0..2).map(|_| Wire::sending(edge.address(), GET)).collect();
        await_in_flight(&mut edge, 2);
        let answer = edge.get("/");
        assert_eq!(
            (answer.status, &answer.json()["reason"]),
            (503, &"overflow".into())
        );
        // One is answered, the other leaves.
        held.pop();
        await_in_flight(&mut edge, 1);
        mocks[0].recover();
        assert_eq!(held[0].answer().status, 200);
        await_idle(&mut edge);
        await_left(&mut edge, round);
    }
}
