//! What keeps one cluster fresh: its source of endpoints, its health checks, its timers.

use crate::{
    balance::Balancer,
    clock::Clock,
    config::Discovery,
    discovery::Source,
    health::Checker,
    upstream::{Cluster, Member},
};
use lb_policy::policies::Scratch;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::MissedTickBehavior};

/// Time that the first pass may take; after it the proxy serves with what is known.
const FIRST_PASS_MAX: Duration = Duration::from_secs(2);
/// Checks of one cluster that run at the same time; bounds open sockets.
const CHECKS_AT_ONCE: usize = 64;
/// How often host names of static endpoints are looked up again.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);
/// How precisely ejections end.
const EJECTION_TICK: Duration = Duration::from_millis(100);

/// What a cluster is kept fresh with.
pub(super) struct Watch {
    pub(super) source: Arc<dyn Source>,
    /// Whether this cluster had the same endpoints before, so that they are known.
    pub(super) source_is_known: bool,
    pub(super) checker: Option<Checker>,
}

/// One cluster's background work.
pub struct Feed {
    balancer: Arc<Balancer>,
    watch: Watch,
    failing: AtomicBool,
    clock: Clock,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("cluster", &self.balancer.cluster().name())
            .finish_non_exhaustive()
    }
}

impl Feed {
    pub(super) fn new(balancer: Arc<Balancer>, watch: Watch, clock: Clock) -> Self {
        Self {
            balancer,
            watch,
            failing: AtomicBool::new(false),
            clock,
        }
    }

    pub(super) fn cluster_and_source(&self) -> (&Cluster, Arc<dyn Source>) {
        (self.balancer.cluster(), Arc::clone(&self.watch.source))
    }

    /// The first pass: endpoints, then a check of each. Never takes longer than two seconds.
    pub(super) async fn prime(self: &Arc<Self>) {
        let pass = async {
            // Before the pass, which may hang until the limit cuts it short.
            if self.watch.source_is_known {
                self.balancer.cluster().adopt();
            }
            self.discover().await;
            self.check_unchecked().await;
        };
        if tokio::time::timeout(FIRST_PASS_MAX, pass).await.is_err() {
            log::warn!(
                "first pass cut short cluster={} after={FIRST_PASS_MAX:?}",
                self.balancer.cluster().name()
            );
        }
    }

    /// Starts the tasks; they end when `tasks` is dropped.
    pub(super) fn start(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        tasks.spawn(Arc::clone(self).keep_discovering());
        if self.watch.checker.is_some() {
            tasks.spawn(Arc::clone(self).keep_checking());
        }
        if self
            .balancer
            .cluster()
            .settings()
            .outlier_detection
            .is_some()
        {
            tasks.spawn(Arc::clone(self).keep_releasing());
        }
        if let Some(interval) = self.balancer.refresh_interval() {
            tasks.spawn(Arc::clone(self).keep_scoring(interval));
        }
    }

    async fn keep_discovering(self: Arc<Self>) {
        let interval = match &self.balancer.cluster().settings().discovery {
            Discovery::Static { .. } => RESOLVE_EVERY,
            Discovery::Redis(redis) => redis.interval,
        };
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = self.watch.source.changed() => {}
            }
            self.discover().await;
            self.balancer.cluster().forget_departed();
            self.check_unchecked().await;
        }
    }

    async fn keep_checking(self: Arc<Self>) {
        let Some(settings) = &self.balancer.cluster().settings().health_check else {
            return;
        };
        let mut ticks = tokio::time::interval(settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.check(self.balancer.cluster().members()).await;
        }
    }

    async fn keep_releasing(self: Arc<Self>) {
        let cluster = self.balancer.cluster();
        let Some(settings) = &cluster.settings().outlier_detection else {
            return;
        };
        let mut forgiven = self.clock.now();
        loop {
            tokio::time::sleep(EJECTION_TICK).await;
            let now = self.clock.now();
            cluster.release_ejected(now);
            if now.since(forgiven) >= settings.interval {
                forgiven = now;
                cluster.forgive();
            }
        }
    }

    async fn keep_scoring(self: Arc<Self>, interval: Duration) {
        let mut scratch = Scratch::from_seed(rand::random());
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.balancer.refresh(&mut scratch);
        }
    }

    /// One pass of the source; when it fails, the last known good set stays.
    async fn discover(&self) {
        let cluster = self.balancer.cluster();
        let pass = self.watch.source.discover().await;
        let worked = pass.is_ok();
        match pass {
            Ok(declared) => cluster.apply(&declared, self.clock.now()),
            // Redis may be away for hours: one line when it goes, one when it is back.
            Err(error) if self.failing.swap(true, Relaxed) => {
                log::debug!(
                    "discovery still failing cluster={} error=\"{error}\"",
                    cluster.name()
                );
            }
            Err(error) => log::warn!(
                "discovery failed, endpoints stay cluster={} error=\"{error}\"",
                cluster.name()
            ),
        }
        if worked && self.failing.swap(false, Relaxed) {
            log::info!("discovery works again cluster={}", cluster.name());
        }
    }

    async fn check_unchecked(self: &Arc<Self>) {
        let mut members = self.balancer.cluster().members();
        members.retain(|member| member.needs_first_check());
        self.check(members).await;
    }

    async fn check(self: &Arc<Self>, members: Vec<Arc<Member>>) {
        for group in members.chunks(CHECKS_AT_ONCE) {
            let mut checks = JoinSet::new();
            for member in group {
                checks.spawn(Arc::clone(self).check_one(Arc::clone(member)));
            }
            while checks.join_next().await.is_some() {}
        }
    }

    async fn check_one(self: Arc<Self>, member: Arc<Member>) {
        let Some(checker) = &self.watch.checker else {
            return;
        };
        let result = checker.check(member.address()).await;
        self.balancer
            .cluster()
            .observe_check(&member, result, self.clock.now());
    }
}
