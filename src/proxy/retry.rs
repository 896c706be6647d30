//! When a failed attempt may be repeated on another endpoint.
//!
//! Nothing is repeated that could be executed twice: a request that is not idempotent is
//! retried only while nothing of it was sent. A retry also needs an endpoint that was not
//! tried, an attempt left, and a place in the retry budget.

use super::context::RequestContext;
use lb_policy::request::Outcome;
use pingora_proxy::Session;
use std::sync::Arc;

/// How much of the request may have reached the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// There was no connection.
    Nothing,
    /// The connection broke, or an answer came.
    Possibly,
}

/// Whether repeating the request is harmless and could help, whatever the limits say.
fn could_help(session: &Session, ctx: &RequestContext, sent: Sent) -> bool {
    let Some(balancer) = ctx.balancer() else {
        return false;
    };
    if session
        .response_written()
        .is_some_and(|response| !response.status.is_informational())
    {
        return false;
    }
    is_repeatable(session, sent) && (ctx.retry.stale_connection || balancer.has_untried(&ctx.tried))
}

/// Whether repeating the request is harmless, and its body still at hand.
fn is_repeatable(session: &Session, sent: Sent) -> bool {
    let harmless = match sent {
        Sent::Nothing => true,
        Sent::Possibly => session.req_header().method.is_idempotent(),
    };
    harmless && !session.retry_buffer_truncated()
}

/// Decides on a retry and takes it out of the budget. Where only the number of attempts stands
/// against it, the failure was an avoidable one, and the context is told so: later the budget
/// may look different.
pub(super) fn take(session: &Session, ctx: &mut RequestContext, sent: Sent) -> bool {
    ctx.retry.was_refused_by_count = false;
    let Some(balancer) = ctx.balancer() else {
        return false;
    };
    let attempts = balancer.cluster().settings().retry.attempts;
    if !could_help(session, ctx, sent) || !balancer.take_retry() {
        return false;
    }
    if ctx.retry.count >= attempts {
        ctx.retry.was_refused_by_count = true;
        return false;
    }
    ctx.retry.count += 1;
    true
}

/// Ends the attempt whose status is to be retried, if a retry is allowed.
pub(super) fn take_for_status(session: &Session, ctx: &mut RequestContext) -> bool {
    let Some(member) = ctx
        .attempt
        .as_ref()
        .map(|attempt| Arc::clone(attempt.member()))
    else {
        return false;
    };
    ctx.tried.push(member);
    if !take(session, ctx, Sent::Possibly) {
        ctx.tried.pop();
        return false;
    }
    ctx.retry.because_of_status = true;
    if let Some(attempt) = ctx.attempt.take() {
        attempt.finish(Outcome::Success);
    }
    true
}
