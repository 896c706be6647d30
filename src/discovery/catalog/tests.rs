use super::{
    super::{
        address::is_allowed,
        resolve::{Lookup, fake::FakeLookup},
    },
    *,
};

const MAX_AGE: Duration = Duration::from_secs(60);

struct Bench {
    catalog: Catalog,
    lookup: Arc<FakeLookup>,
    stats: Arc<RegistryStats>,
    seconds: u64,
}

impl Bench {
    fn new() -> Self {
        let lookup = Arc::new(FakeLookup::default());
        let stats = Arc::new(RegistryStats::default());
        let resolver = Resolver::new(
            Arc::clone(&lookup) as Arc<dyn Lookup>,
            Duration::ZERO,
            is_allowed,
        );
        let catalog = Catalog::new("a", MAX_AGE, resolver, Arc::clone(&stats));
        Self {
            catalog,
            lookup,
            stats,
            seconds: 0,
        }
    }

    /// One pass, a second after the one before.
    async fn list(&mut self, records: &[(&str, &str)]) -> (Vec<Declared>, usize) {
        self.seconds += 1;
        let now = Timestamp::ZERO + Duration::from_secs(self.seconds);
        let read =
            |(key, value): &(&str, &str)| self.catalog.read(key.as_bytes(), Ok(value.as_bytes()));
        let sightings = records.iter().map(read).collect();
        self.catalog
            .listed(sightings, now, Instant::now() + MAX_AGE)
            .await
    }
}

#[tokio::test]
async fn good_records_are_declared_and_the_others_counted_by_reason() {
    let mut bench = Bench::new();
    let records = [
        (
            "service:a:1",
            r#"{"url": "http://10.0.0.1:8081", "weight": 3}"#,
        ),
        ("service:a:2", r#"{"url": "https://10.0.0.2:8081"}"#),
        ("service:a:3", "garbage"),
    ];
    for pass in 1..=2 {
        let (set, usable) = bench.list(&records).await;
        assert_eq!((set.len(), usable), (1, 1));
        assert_eq!(set[0].address, "10.0.0.1:8081".parse().unwrap());
        assert_eq!(set[0].weight, 3);
        assert_eq!(bench.stats.malformed(Malformed::Tls), pass);
        assert_eq!(bench.stats.malformed(Malformed::Json), pass);
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_a_forbidden_address_is_refused() {
    let mut bench = Bench::new();
    let records = [("service:a:1", r#"{"url": "http://metadata.internal"}"#)];
    bench
        .lookup
        .answer("metadata.internal", &["169.254.169.254"]);
    assert_eq!(bench.list(&records).await.0, []);
    assert_eq!(bench.stats.malformed(Malformed::Unresolved), 1);
    bench
        .lookup
        .answer("metadata.internal", &["169.254.169.254", "10.0.0.7"]);
    let (set, _) = bench.list(&records).await;
    assert_eq!(set[0].address, "10.0.0.7:80".parse().unwrap());
    assert_eq!(set[0].id.as_str(), "metadata.internal:80");
}

#[tokio::test]
async fn a_name_that_stops_resolving_keeps_its_address() {
    let mut bench = Bench::new();
    let records = [("service:a:1", r#"{"url": "http://one.internal:8081"}"#)];
    bench.lookup.answer("one.internal", &["10.0.0.1"]);
    let (before, _) = bench.list(&records).await;
    bench.lookup.fail("one.internal");
    let (after, _) = bench.list(&records).await;
    assert_eq!(before, after);
    assert_eq!(after.len(), 1);
}

#[tokio::test]
async fn a_record_is_news_when_its_content_changes_and_not_when_it_is_only_seen_again() {
    let mut bench = Bench::new();
    let record =
        |n: u32| format!(r#"{{"url": "http://10.0.0.1", "inflight": 5, "updatedAt": {n}}}"#);
    let mut news = Vec::new();
    for written in [1, 1, 2, 2] {
        let (set, _) = bench.list(&[("service:a:1", &record(written))]).await;
        news.push(set[0].load.is_some());
    }
    assert_eq!(news, [true, false, true, false]);
}

#[tokio::test]
async fn what_is_remembered_of_refused_keys_is_only_the_latest_answer() {
    let mut bench = Bench::new();
    for round in 0..5 {
        let keys: Vec<_> = (0..50)
            .map(|number| format!("service:a:{round}-{number}"))
            .collect();
        let records: Vec<_> = keys.iter().map(|key| (key.as_str(), "garbage")).collect();
        bench.list(&records).await;
        assert_eq!(bench.catalog.refused.len(), 50);
    }
}

#[test]
fn a_key_is_logged_short_and_without_control_characters() {
    assert_eq!(loggable(b"service:a:1"), "service:a:1");
    assert_eq!(loggable(b"a b\n\x1b\xff"), r"a\x20b\n\x1b\xff");
    let long = loggable(&[b'\n'; 1000]);
    assert!(long.len() <= MAX_LOGGED_KEY && long.is_ascii());
}
