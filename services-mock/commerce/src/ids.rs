//! Identifiers that are drawn, not counted: from the system's randomness, or from a seed in tests.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// Draws identifiers.
#[derive(Clone)]
pub struct Ids(Arc<Mutex<StdRng>>);

impl Ids {
    /// The same seed draws the same identifiers.
    pub fn seeded(seed: u64) -> Ids {
        Ids(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Seeded by the system.
    pub fn random() -> Ids {
        Ids(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// A random UUID, version 4.
    pub fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.rng().fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }

    /// `PAY-<uuid>`.
    pub fn payment(&self) -> String {
        format!("PAY-{}", self.uuid())
    }

    /// `ORD-<ms>-<8 hex>`.
    pub fn order_number(&self, now_ms: i64) -> String {
        let drawn = self.rng().next_u32();
        format!("ORD-{now_ms}-{drawn:08X}")
    }

    /// 32 lower-case hexadecimal digits.
    pub fn trace(&self) -> String {
        let mut bytes = [0; 16];
        self.rng().fill_bytes(&mut bytes);
        Uuid::from_bytes(bytes).simple().to_string()
    }

    /// 16 lower-case hexadecimal digits, never all zero, which traceparent forbids.
    pub fn span(&self) -> String {
        format!("{:016x}", self.rng().next_u64().max(1))
    }

    /// A whole number below the bound, 0 when the bound is 0: jitter, draws of rules.
    pub fn below(&self, bound: u64) -> u64 {
        self.rng().next_u64().checked_rem(bound).unwrap_or(0)
    }

    fn rng(&self) -> MutexGuard<'_, StdRng> {
        // Drawing cannot leave the generator half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_their_form_and_follow_the_seed() {
        let ids = Ids::seeded(1);
        assert_eq!(ids.trace().len(), 32);
        assert_eq!(ids.payment().len(), 4 + 36);
        assert_eq!(ids.order_number(17).len(), "ORD-17-".len() + 8);
        assert_eq!(Ids::seeded(2).uuid(), Ids::seeded(2).uuid());
        assert_ne!(Ids::random().uuid(), Ids::random().uuid());
    }
}
