//! Orders over the admin interface: who may give them and what comes of many at once.

use crate::{
    backends::Backends,
    reload::{LISTENERS, web},
    support::edge::{Edge, http},
};
use std::{fs, thread};

#[test]
fn orders_need_a_configured_token_and_the_right_one() {
    let backends = Backends::start(1);
    let rest = web(&backends, &[0], "");
    let with_token = format!(
        "admin: {{ address: 127.0.0.1:0, token_file: \"{{folder}}/token\" }}\n{LISTENERS}{rest}"
    );
    let mut edge = Edge::start(&rest);
    let order = |edge: &Edge, path: &str, token: Option<&str>| {
        let value = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = value
            .iter()
            .map(|v| ("Authorization", v.as_str()))
            .collect();
        http(edge.admin(), "POST", path, &headers, b"")
    };
    assert_eq!(order(&edge, "/reload", None).status, 403);
    assert_eq!(order(&edge, "/reload", Some("x")).status, 403);
    assert_eq!(edge.metric("lb_config_generation", &[]), Some(1.0));

    // The token file alone of the admin settings may change in a reload.
    fs::write(edge.folder().join("token"), "secret\n").expect("written");
    edge.write_config(&with_token);
    assert_eq!(edge.reload(), Ok(2));
    for path in ["/reload", "/reopen_logs"] {
        assert_eq!(order(&edge, path, None).status, 401);
        assert_eq!(order(&edge, path, Some("wrong")).status, 401);
        assert_eq!(order(&edge, path, Some("")).status, 401);
    }
    let done = order(&edge, "/reload", Some("secret"));
    assert_eq!(
        (done.status, done.json()["generation"].as_u64()),
        (200, Some(3))
    );
    assert_eq!(order(&edge, "/reopen_logs", Some("secret")).status, 200);

    edge.write_config("colour: red");
    let refused = order(&edge, "/reload", Some("secret"));
    assert_eq!(refused.status, 422);
    let error = refused.json()["error"].as_str().map(str::to_owned);
    assert!(error.is_some_and(|error| error.contains("colour")));
    assert!(!edge.log_so_far().contains("secret"), "a token in the log");
}

#[test]
fn many_orders_at_once_are_carried_out_or_refused_and_none_hangs() {
    let backends = Backends::start(1);
    let config = format!(
        "admin: {{ address: 127.0.0.1:0, token_file: \"{{folder}}/token\" }}\n{LISTENERS}{}",
        web(&backends, &[0], "")
    );
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("token"), "t").expect("written");
    let edge = Edge::start_in(folder, &config, &[]);
    let admin = edge.admin();
    let orders: Vec<_> = (0..40)
        .map(|_| {
            thread::spawn(move || {
                let token = [("Authorization", "Bearer t")];
                http(admin, "POST", "/reload", &token, b"").status
            })
        })
        .collect();
    let statuses: Vec<_> = orders
        .into_iter()
        .map(|order| order.join().expect("an answer"))
        .collect();
    let done = statuses.iter().filter(|status| **status == 200).count();
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 503)),
        "{statuses:?}"
    );
    assert_eq!(
        edge.metric("lb_config_generation", &[]),
        Some(1.0 + done as f64)
    );
    assert!(done > 0);
}
