use super::{fake::FakeLookup, *};
use tokio::sync::Semaphore;

const SOON: Duration = Duration::from_millis(20);
const AMPLE: Duration = Duration::from_secs(30);

fn resolver(lookup: &Arc<FakeLookup>, refresh: Duration) -> Resolver {
    Resolver::new(Arc::clone(lookup) as Arc<dyn Lookup>, refresh, |ip| {
        !ip.is_unspecified()
    })
}

fn names(wanted: &[&str]) -> BTreeSet<String> {
    wanted.iter().map(|name| (*name).to_owned()).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn ipv4_is_preferred_and_the_address_in_use_stays_while_it_is_an_answer() {
    let answers = [ip("::1"), ip("10.0.0.2"), ip("10.0.0.1")];
    assert_eq!(choose(&answers, None), Some(ip("10.0.0.2")));
    assert_eq!(choose(&answers, Some(ip("10.0.0.1"))), Some(ip("10.0.0.1")));
    assert_eq!(choose(&answers, Some(ip("::1"))), Some(ip("::1")));
    assert_eq!(choose(&answers, Some(ip("10.0.0.9"))), Some(ip("10.0.0.2")));
    assert_eq!(choose(&[ip("::1")], None), Some(ip("::1")));
    assert_eq!(choose(&[], Some(ip("10.0.0.1"))), None);
}

#[tokio::test]
async fn a_failing_look_up_keeps_the_last_address() {
    let lookup = Arc::new(FakeLookup::default());
    let mut resolver = resolver(&lookup, Duration::ZERO);
    lookup.answer("a", &["10.0.0.1"]);
    resolver
        .refresh(&names(&["a", "b"]), Instant::now() + AMPLE)
        .await;
    lookup.fail("a");
    resolver
        .refresh(&names(&["a", "b"]), Instant::now() + AMPLE)
        .await;
    assert_eq!(resolver.address("a"), Some(ip("10.0.0.1")));
    assert_eq!(
        resolver.address("b"),
        None,
        "a name that never resolved has no address"
    );
}

#[tokio::test]
async fn answers_that_are_not_accepted_count_as_a_failure() {
    let lookup = Arc::new(FakeLookup::default());
    let mut resolver = resolver(&lookup, Duration::ZERO);
    lookup.answer("a", &["0.0.0.0"]);
    resolver
        .refresh(&names(&["a"]), Instant::now() + AMPLE)
        .await;
    assert_eq!(resolver.address("a"), None);
    lookup.answer("a", &["0.0.0.0", "10.0.0.1"]);
    resolver
        .refresh(&names(&["a"]), Instant::now() + AMPLE)
        .await;
    lookup.answer("a", &["0.0.0.0"]);
    resolver
        .refresh(&names(&["a"]), Instant::now() + AMPLE)
        .await;
    assert_eq!(resolver.address("a"), Some(ip("10.0.0.1")));
}

#[tokio::test]
async fn a_name_is_looked_up_again_only_when_it_is_due() {
    let lookup = Arc::new(FakeLookup::default());
    let mut resolver = resolver(&lookup, AMPLE);
    lookup.answer("a", &["10.0.0.1"]);
    for _ in 0..3 {
        resolver
            .refresh(&names(&["a"]), Instant::now() + AMPLE)
            .await;
    }
    assert_eq!(lookup.calls(), 1);
}

#[tokio::test]
async fn a_name_that_is_no_longer_wanted_is_forgotten() {
    let lookup = Arc::new(FakeLookup::default());
    let mut resolver = resolver(&lookup, AMPLE);
    lookup.answer("a", &["10.0.0.1"]);
    resolver
        .refresh(&names(&["a"]), Instant::now() + AMPLE)
        .await;
    resolver.refresh(&names(&[]), Instant::now() + AMPLE).await;
    assert_eq!(resolver.address("a"), None);
}

#[tokio::test]
async fn a_hanging_look_up_is_given_up_at_the_deadline_and_its_answer_taken_later() {
    let lookup = Arc::new(FakeLookup::hanging());
    let mut resolver = resolver(&lookup, Duration::ZERO);
    lookup.answer("a", &["10.0.0.1"]);
    resolver
        .refresh(&names(&["a"]), Instant::now() + SOON)
        .await;
    assert_eq!(resolver.address("a"), None);

    let wanted = names(&["a"]);
    tokio::time::timeout(AMPLE / 2, resolver.refresh(&wanted, Instant::now() + AMPLE))
        .await
        .expect("a pass should not wait for the hanging look-up of an earlier one");
    assert_eq!(
        lookup.calls(),
        1,
        "a name should be looked up once at a time"
    );

    lookup.let_through(2);
    while resolver.address("a").is_none() {
        tokio::task::yield_now().await;
        resolver
            .refresh(&names(&["a"]), Instant::now() + AMPLE)
            .await;
    }
    assert_eq!(resolver.address("a"), Some(ip("10.0.0.1")));
}

#[tokio::test]
async fn look_ups_run_in_parallel_within_a_bound() {
    let lookup = Arc::new(FakeLookup::hanging());
    let mut resolver = resolver(&lookup, Duration::ZERO);
    let many: BTreeSet<String> = (0..100).map(|number| format!("host-{number}")).collect();
    for _ in 0..3 {
        resolver.refresh(&many, Instant::now() + SOON).await;
    }
    assert_eq!(lookup.most_running(), MAX_LOOKUPS);
    lookup.let_through(Semaphore::MAX_PERMITS);
    for name in &many {
        lookup.answer(name, &["10.0.0.1"]);
    }
    while many.iter().any(|name| resolver.address(name).is_none()) {
        tokio::task::yield_now().await;
        resolver.refresh(&many, Instant::now() + AMPLE).await;
    }
    assert_eq!(lookup.most_running(), MAX_LOOKUPS);
}
