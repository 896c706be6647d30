//! The data plane: Pingora's phases, each handing over to one module.

mod access_log;
mod affinity;
mod connections;
mod context;
mod failure;
mod load_report;
mod metrics;
mod respond;
mod retry;
mod target;

pub use access_log::AccessLog;
pub use connections::{Limited, OpenConnections};
pub use context::RequestContext;
pub use metrics::ProxyMetrics;

use crate::{
    balance::{SelectError, Selection},
    clock::Clock,
    config,
    filter::{set_forwarding_headers, strip_hop_by_hop},
    topology::SharedTopology,
    upstream::Member,
};
use async_trait::async_trait;
use bytes::Bytes;
use failure::Failure;
use http::{StatusCode, Version};
use lb_policy::request::{Outcome, Request};
use pingora::{
    Error, ErrorSource, ErrorType, Result, RetryType,
    http::{RequestHeader, ResponseHeader},
    protocols::{http::ServerSession, l4::socket::SocketAddr as PeerAddress},
    upstreams::peer::HttpPeer,
};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use retry::Sent;
use std::{net::IpAddr, sync::Arc, time::Duration};
use target::{host_of, upstream_target};

/// Marks an error made to retry a response whose status is configured for it.
const RETRIED_STATUS: ErrorType = ErrorType::Custom("RetriedStatus");

/// Proxies the requests of one listener.
#[derive(Debug)]
pub struct EdgeProxy {
    topology: SharedTopology,
    clock: Clock,
    metrics: ProxyMetrics,
    access_log: AccessLog,
    keepalive_timeout: Duration,
}

impl EdgeProxy {
    /// Serves whatever `topology` holds.
    pub fn new(
        topology: SharedTopology,
        clock: Clock,
        metrics: ProxyMetrics,
        access_log: AccessLog,
        listener: &config::Listener,
    ) -> Self {
        Self {
            topology,
            clock,
            metrics,
            access_log,
            keepalive_timeout: listener.keepalive_timeout,
        }
    }

    /// Filters, routes and admits a request, or says why not.
    fn prepare(&self, session: &mut Session, ctx: &mut RequestContext) -> Result<(), Failure> {
        ctx.peer = peer_ip(session);
        let header = session.req_header();
        let filters = ctx.topology.filters();
        ctx.identity = filters.identify(header, ctx.peer);
        filters.check(header)?;
        let route = ctx
            .topology
            .route(host_of(header), header.uri.path())
            .ok_or(Failure::NoRoute)?;
        ctx.route_index = Some(route.index);
        let balancer = ctx.topology.balancer(route);
        let affinity = affinity::key(&balancer.cluster().settings().policy, header, ctx.peer);
        ctx.request = Request {
            class: route.class,
            affinity,
        };
        ctx.admission = Some(balancer.admit()?);
        Ok(())
    }

    fn set_up_downstream(&self, session: &mut Session, ctx: &RequestContext) {
        let limits = &ctx.topology.config().runtime.limits;
        session.set_read_timeout(Some(limits.request_read_timeout));
        session.set_write_timeout(Some(limits.response_write_timeout));
        if session.get_keepalive().is_some() {
            session.set_keepalive(Some(self.keepalive_timeout.as_secs().max(1)));
        }
        // Pingora would drop a request that is sent before the one before it is answered.
        if let ServerSession::H1(session) = &mut *session.downstream_session {
            session.set_pipelining_enabled(true);
        }
    }

    fn select(&self, ctx: &mut RequestContext) -> Result<Selection, Failure> {
        let balancer = ctx.balancer().ok_or(Failure::Internal)?;
        let selected = match balancer.select(&ctx.request, &ctx.tried) {
            // The endpoint itself did not fail, only a pooled connection to it.
            Err(SelectError::NoEndpoint) if ctx.retry.stale_connection => {
                balancer.select(&ctx.request, &[])
            }
            other => other,
        };
        Ok(selected?)
    }

    /// Takes the attempt out of the context after a failure and remembers its endpoint.
    fn abandon(ctx: &mut RequestContext, outcome: Outcome) {
        let Some(attempt) = ctx.attempt.take() else {
            return;
        };
        ctx.tried.push(Arc::clone(attempt.member()));
        attempt.finish(outcome);
    }

    fn count_retry(&self, ctx: &RequestContext, reason: &'static str) {
        if let Some(balancer) = ctx.balancer() {
            self.metrics.retried(balancer.cluster().name(), reason);
        }
    }
}

#[async_trait]
impl ProxyHttp for EdgeProxy {
    type CTX = RequestContext;

    fn new_ctx(&self) -> Self::CTX {
        RequestContext::new(self.topology.load_full(), self.clock.now())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<bool> {
        self.set_up_downstream(session, ctx);
        let Err(failure) = self.prepare(session, ctx) else {
            return Ok(false);
        };
        ctx.failure = Some(failure);
        respond::respond(session, ctx, failure).await?;
        Ok(true)
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        ctx: &mut Self::CTX,
    ) -> Result<Box<HttpPeer>> {
        let mut selection = self.select(ctx).map_err(|failure| {
            // After a failed attempt its own failure says more than "none left".
            ctx.failure.get_or_insert(failure);
            Error::new_in(ErrorType::HTTPStatus(failure.status()))
        })?;
        let request_id = ctx.identity.trace.request_id();
        selection.attempt.identify(request_id, ctx.retry.count + 1);
        ctx.decision_time += selection.decision_time;
        ctx.pick = Some(selection.pick);
        ctx.retry.stale_connection = false;
        // What failed so far is made good by this attempt, or replaced by how it fails.
        ctx.failure = None;
        ctx.upstream_time = None;
        // Another attempt is sent the body from its start, and it is counted anew.
        ctx.body_received = 0;
        let peer = peer_for(selection.attempt.member(), ctx);
        ctx.attempt = Some(selection.attempt);
        Ok(Box::new(peer))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        let prefix = ctx.route().and_then(|route| route.strip_prefix.as_deref());
        if let Some(path) = upstream_target(session.req_header(), prefix) {
            request.set_raw_path(&path)?;
        }
        ctx.identity.trace.set_headers(request)?;
        set_forwarding_headers(request, ctx.peer, "http", ctx.identity.trusted_peer)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        ctx.body_received += body.as_ref().map_or(0, Bytes::len);
        if ctx.body_received > ctx.topology.config().runtime.limits.request_body {
            ctx.failure = Some(Failure::BodyTooLarge);
            return Error::e_explain(ErrorType::HTTPStatus(413), "request body over the limit")
                .map_err(Error::into_down);
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            // Nobody asked for it: upgrades are refused (`filter::upgrade`).
            return Error::e_explain(ErrorType::InvalidHTTPHeader, "unasked-for 101")
                .map_err(Error::into_up);
        }
        if response.status.is_informational() {
            return Ok(());
        }
        strip_hop_by_hop(response);
        let report = response
            .remove_header(load_report::HEADER)
            .and_then(|value| load_report::parse(value.as_bytes()));
        if let Some(attempt) = &mut ctx.attempt {
            ctx.upstream_time = Some(attempt.respond(response.status, report.as_ref()));
        }
        let retried = ctx.balancer().is_some_and(|balancer| {
            balancer
                .cluster()
                .settings()
                .retry
                .statuses
                .contains(&response.status.as_u16())
        });
        if retried && retry::take_for_status(session, ctx) {
            self.count_retry(ctx, "status");
            return Err(Error::new_up(RETRIED_STATUS));
        }
        response.insert_header("x-request-id", ctx.identity.trace.request_id().clone())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        _ctx: &mut Self::CTX,
    ) -> Result<()> {
        if session.req_header().version <= Version::HTTP_10 {
            // Chunks came with HTTP/1.1; before it, the end of the connection ends a body.
            response.remove_header(&http::header::TRANSFER_ENCODING);
            if !response.headers.contains_key(http::header::CONTENT_LENGTH) {
                session.set_keepalive(None);
            }
        }
        Ok(())
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Self::CTX,
        mut error: Box<Error>,
    ) -> Box<Error> {
        error.as_up();
        let failure = Failure::of(&error);
        ctx.failure = Some(failure);
        Self::abandon(ctx, failure.outcome());
        let retry = retry::take(session, ctx, Sent::Nothing);
        if retry {
            self.count_retry(ctx, failure.as_str());
        }
        error.set_retry(retry);
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        ctx: &mut Self::CTX,
        client_reused: bool,
    ) -> Box<Error> {
        if std::mem::take(&mut ctx.retry.because_of_status) {
            error.set_retry(true);
            return error;
        }
        if *error.esource() != ErrorSource::Upstream {
            ctx.failure.get_or_insert(Failure::of(&error));
            error.set_retry(false);
            return error;
        }
        let failure = Failure::of(&error);
        ctx.failure = Some(failure);
        ctx.retry.stale_connection = client_reused && matches!(error.retry, RetryType::ReusedOnly);
        let outcome = if ctx.retry.stale_connection {
            Outcome::Cancelled
        } else {
            failure.outcome()
        };
        Self::abandon(ctx, outcome);
        let retry = retry::take(session, ctx, Sent::Possibly);
        if retry {
            self.count_retry(ctx, failure.as_str());
        }
        error.set_retry(retry);
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Self::CTX,
    ) -> FailToProxy {
        let failure = *ctx.failure.get_or_insert_with(|| Failure::of(error));
        let answered = session
            .response_written()
            .is_some_and(|response| !response.status.is_informational());
        if !answered
            && failure != Failure::DownstreamGone
            && let Err(error) = respond::respond(session, ctx, failure).await
        {
            log::debug!("cannot answer client error=\"{error}\"");
        }
        FailToProxy {
            error_code: failure.status(),
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Self::CTX) {
        let duration = self.clock.now().since(ctx.started);
        let failure = ctx
            .failure
            .filter(|_| error.is_some() || ctx.attempt.is_none());
        ctx.failure = failure;
        let written = session
            .response_written()
            .map(|response| response.status.as_u16());
        let status = match failure {
            Some(Failure::DownstreamGone) => Failure::DownstreamGone.status(),
            _ => written
                .or(failure.map(Failure::status))
                .unwrap_or(Failure::DownstreamGone.status()),
        };
        let cluster = ctx
            .balancer()
            .map_or("-", |balancer| balancer.cluster().name());
        self.metrics
            .finished(ctx.route(), cluster, status, duration);
        if let Some(failure) = failure {
            self.metrics.failed(cluster, failure);
            if failure.is_upstream() && ctx.retry.was_refused_by_count {
                self.metrics.dropped(cluster);
            }
        }
        self.access_log.log(session, ctx, status, duration);
        if let Some(attempt) = ctx.attempt.take() {
            attempt.finish(if error.is_some() {
                Outcome::Cancelled
            } else {
                Outcome::Success
            });
        }
    }

    fn suppress_error_log(&self, _session: &Session, _ctx: &Self::CTX, _error: &Error) -> bool {
        // The access log and the counters tell it; a line of text a failure would flood.
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &Self::CTX,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

fn peer_for(member: &Member, ctx: &RequestContext) -> HttpPeer {
    let mut peer = HttpPeer::new(member.address(), false, String::new());
    if let Some(balancer) = ctx.balancer() {
        let timeouts = &balancer.cluster().settings().timeouts;
        peer.options.connection_timeout = Some(timeouts.connect);
        peer.options.total_connection_timeout = Some(timeouts.connect);
        peer.options.read_timeout = Some(timeouts.read);
        peer.options.write_timeout = Some(timeouts.write);
        peer.options.idle_timeout = Some(timeouts.idle);
    }
    peer
}

fn peer_ip(session: &Session) -> Option<IpAddr> {
    match session.client_addr() {
        Some(PeerAddress::Inet(address)) => Some(address.ip()),
        _ => None,
    }
}
