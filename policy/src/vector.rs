//! Loops for whatever vector instructions the processor has. The crate is built for the oldest
//! processors it may meet; what runs in here is compiled for newer ones as well.

use pulp::Arch;

/// Runs a piece of work with the widest vector instructions there are. Only what is inlined into
/// it gains, so functions that it calls are `#[inline(always)]`. Results are the same on every
/// processor: multiplications and additions are not fused, and sums keep their order.
#[inline(always)]
pub(crate) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}
