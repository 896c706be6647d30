//! Rules of the domain, without store and time: what products, movements and reservations can be,
//! and what may become of a reservation.

use crate::named::named;

named! {
    /// Whether a product is sold.
    ProductStatus {
        Active => "ACTIVE",
        Inactive => "INACTIVE",
        Discontinued => "DISCONTINUED",
    }
}

named! {
    /// What became of a reservation.
    ReservationStatus {
        /// Stock is held.
        Active => "ACTIVE",
        /// Nobody confirmed it in time; the stock is for sale again.
        Expired => "EXPIRED",
        /// Given back; the stock is for sale again.
        Released => "RELEASED",
        /// Sold; the stock has left.
        Confirmed => "CONFIRMED",
    }
}

named! {
    /// Why stock changed.
    MovementKind {
        Inbound => "INBOUND",
        Outbound => "OUTBOUND",
        Adjustment => "ADJUSTMENT",
        Reservation => "RESERVATION",
        Release => "RELEASE",
    }
}

/// How an active reservation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Release,
    Expire,
    Confirm,
}

impl Ending {
    /// What the reservation is afterwards.
    pub(super) fn status(self) -> ReservationStatus {
        match self {
            Ending::Release => ReservationStatus::Released,
            Ending::Expire => ReservationStatus::Expired,
            Ending::Confirm => ReservationStatus::Confirmed,
        }
    }

    /// What the stock goes through.
    pub(super) fn movement(self) -> MovementKind {
        match self {
            Ending::Release | Ending::Expire => MovementKind::Release,
            Ending::Confirm => MovementKind::Outbound,
        }
    }

    /// Whether a reservation with this status already is what the ending asks for, so that asking
    /// again changes nothing. Goods that expired are back as well as released ones.
    pub(super) fn is_reached_by(self, status: ReservationStatus) -> bool {
        let back = matches!(
            status,
            ReservationStatus::Released | ReservationStatus::Expired
        );
        match self {
            Ending::Confirm => status == ReservationStatus::Confirmed,
            Ending::Release => back,
            Ending::Expire => status != ReservationStatus::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReservationStatus::{Active, Confirmed, Expired, Released};

    #[test]
    fn an_ending_is_reached_by_what_asks_for_the_same_and_by_nothing_else() {
        for (ending, reached) in [
            (Ending::Release, vec![Expired, Released]),
            (Ending::Confirm, vec![Confirmed]),
            (Ending::Expire, vec![Expired, Released, Confirmed]),
        ] {
            for status in [Active, Expired, Released, Confirmed] {
                let expected = reached.contains(&status);
                assert_eq!(
                    ending.is_reached_by(status),
                    expected,
                    "{ending:?} {status:?}"
                );
            }
        }
    }

    #[test]
    fn names_are_read_as_they_are_written_and_as_in_answers() {
        for status in [Active, Expired, Released, Confirmed] {
            assert_eq!(ReservationStatus::from_name(status.name()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
        assert_eq!(ProductStatus::from_name("active"), None);
        assert_eq!(
            MovementKind::from_name("INBOUND"),
            Some(MovementKind::Inbound)
        );
    }
}
