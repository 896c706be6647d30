//! What every source must do when it is empty, failing or flapping. A new source is tested by
//! adding its rig to the list.

use super::{
    Declared, FixedEndpoint, RedisSettings, Source,
    fixed::FixedSource,
    redis::RedisSource,
    resolve::{Lookup, fake::FakeLookup},
};
use redis_server::RedisServer;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

#[path = "../../tests/support/redis_server.rs"]
mod redis_server;

/// A source together with the means to make it fail. Offers two endpoints unless empty.
trait Rig {
    fn source(&self) -> &dyn Source;
    fn break_down(&mut self);
    fn mend(&mut self);
}

struct FixedRig {
    source: FixedSource,
    lookup: Arc<FakeLookup>,
    hosts: Vec<&'static str>,
}

impl FixedRig {
    fn new(hosts: &[&'static str]) -> Self {
        let lookup = Arc::new(FakeLookup::default());
        let endpoint = |host: &&str| FixedEndpoint {
            host: (*host).into(),
            port: 80,
            weight: 1,
        };
        let endpoints: Vec<_> = hosts.iter().map(endpoint).collect();
        let source = FixedSource::with_lookup(&endpoints, Arc::clone(&lookup) as Arc<dyn Lookup>);
        let mut rig = Self {
            source,
            lookup,
            hosts: hosts.to_vec(),
        };
        rig.mend();
        rig
    }
}

impl Rig for FixedRig {
    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn break_down(&mut self) {
        for host in &self.hosts {
            self.lookup.fail(host);
        }
    }

    fn mend(&mut self) {
        for host in &self.hosts {
            self.lookup.answer(host, &["10.0.0.1"]);
        }
    }
}

struct RedisRig {
    source: RedisSource,
    server: RedisServer,
    instances: Vec<&'static str>,
}

impl RedisRig {
    fn new(instances: &[&'static str]) -> Self {
        let server = RedisServer::start();
        let settings = RedisSettings {
            url: server.url(),
            service: "a".to_owned(),
            max_age: Duration::from_secs(600),
        };
        let source = RedisSource::new(&settings).unwrap();
        let rig = Self {
            source,
            server,
            instances: instances.to_vec(),
        };
        rig.register();
        rig
    }

    fn register(&self) {
        for (number, instance) in self.instances.iter().enumerate() {
            let record = format!(r#"{{"url": "http://10.0.0.{}:80"}}"#, number + 1);
            self.server.register("a", instance, &record);
        }
    }
}

impl Rig for RedisRig {
    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn break_down(&mut self) {
        self.server.kill();
    }

    fn mend(&mut self) {
        self.server.restart();
        self.register();
    }
}

fn rigs(names: &[&'static str]) -> Vec<(&'static str, Box<dyn Rig>)> {
    vec![
        ("fixed", Box::new(FixedRig::new(names))),
        ("redis", Box::new(RedisRig::new(names))),
    ]
}

fn assert_valid(set: &[Declared], source: &str) {
    let ids: BTreeSet<_> = set.iter().map(|endpoint| &endpoint.id).collect();
    assert_eq!(
        ids.len(),
        set.len(),
        "{source}: identities should be unique"
    );
    assert!(
        set.iter()
            .all(|endpoint| (1..=1000).contains(&endpoint.weight)),
        "{source}"
    );
}

/// What a caller believes who keeps the last set when a pass fails.
async fn pass(source: &dyn Source, held: &mut Vec<Declared>) {
    if let Ok(set) = source.discover().await {
        *held = set;
    }
}

#[tokio::test]
async fn an_empty_source_answers_with_an_empty_set() {
    for (name, rig) in rigs(&[]) {
        assert_eq!(rig.source().discover().await, Ok(Vec::new()), "{name}");
    }
}

#[tokio::test]
async fn a_failing_source_takes_no_endpoint_away() {
    for (name, mut rig) in rigs(&["one", "two"]) {
        let mut held = Vec::new();
        pass(rig.source(), &mut held).await;
        assert_valid(&held, name);
        let before = held.clone();
        assert_eq!(before.len(), 2, "{name}");
        rig.break_down();
        for _ in 0..3 {
            pass(rig.source(), &mut held).await;
            assert_eq!(held, before, "{name}: a failing pass should change nothing");
        }
    }
}

#[tokio::test]
async fn a_source_that_fails_from_the_start_recovers() {
    for (name, mut rig) in rigs(&["one", "two"]) {
        rig.break_down();
        let mut held = Vec::new();
        pass(rig.source(), &mut held).await;
        assert_eq!(held, [], "{name}");
        rig.mend();
        while held.is_empty() {
            pass(rig.source(), &mut held).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(held.len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_flapping_source_never_takes_an_endpoint_away() {
    for (name, mut rig) in rigs(&["one", "two"]) {
        let mut held = Vec::new();
        pass(rig.source(), &mut held).await;
        for _ in 0..3 {
            rig.break_down();
            pass(rig.source(), &mut held).await;
            assert_eq!(held.len(), 2, "{name}");
            rig.mend();
            pass(rig.source(), &mut held).await;
            assert_eq!(held.len(), 2, "{name}");
            assert_valid(&held, name);
        }
    }
}
