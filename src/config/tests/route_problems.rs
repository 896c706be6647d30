//! What invalid routes are told.

use super::{MINIMAL, assert_begins, assert_single, problems};

/// The minimal file with other routes.
fn routes(list: &str) -> String {
    problems(&MINIMAL.replace("[{ match: { path_prefix: / }, cluster: web }]", list))
}

#[test]
fn routes_lead_somewhere_and_match_what_no_other_does() {
    let route = "{ match: { path_prefix: /a }, cluster: web }";
    assert_begins(
        &routes(&format!("[{route}, {route}]")),
        "routes[1].match",
        "same as routes[0].match",
    );
    let missing = routes("[{ match: { path_prefix: / }, cluster: webs }]");
    assert_single(
        &missing,
        "routes[0].cluster: \"webs\": there is no such cluster, did you mean web?",
    );
    let same_host =
        "[{ match: { host: a.b }, cluster: web }, { match: { hosts: [c, A.B] }, cluster: web }]";
    assert_begins(
        &routes(same_host),
        "routes[1].match.hosts[1]",
        "same as routes[0].match.host",
    );
    let same_name = "[{ name: route-1, match: { host: a }, cluster: web }, { match: { host: b }, cluster: web }]";
    assert_begins(&routes(same_name), "routes[1]", "same as routes[0].name");
    let cases = [
        ("{}", "match", "needs a host"),
        ("{ host: a, hosts: [b] }", "match", "not both"),
        ("{ hosts: [] }", "match", "hosts is empty"),
        ("{ host: 'a:80' }", "match.host", "not a host"),
        ("{ host: '*' }", "match.host", "not a host"),
        ("{ path_prefix: a }", "match.path_prefix", "not a path"),
        ("{ path_prefix: '/a?b' }", "match.path_prefix", "not a path"),
    ];
    for (matches, place, expected) in cases {
        let found = routes(&format!("[{{ match: {matches}, cluster: web }}]"));
        assert_begins(&found, &format!("routes[0].{place}"), expected);
    }
}

#[test]
fn a_strip_prefix_is_whole_segments_of_the_path_prefix() {
    let strip = |prefix: &str, strip: &str| {
        routes(&format!(
            "[{{ match: {{ path_prefix: {prefix} }}, strip_prefix: {strip}, cluster: web }}]"
        ))
    };
    for (prefix, good) in [
        ("/a/b", "/a"),
        ("/a/b", "/a/b"),
        ("/a/", "/a"),
        ("/a", "/a/"),
    ] {
        assert_eq!(strip(prefix, good), "", "{good} of {prefix}");
    }
    for (prefix, bad) in [
        ("/ab", "/a"),
        ("/a", "/a/b"),
        ("/a", "/b"),
        ("/a", "/"),
        ("/a", "a"),
    ] {
        assert_begins(&strip(prefix, bad), "routes[0].strip_prefix", "");
    }
}
