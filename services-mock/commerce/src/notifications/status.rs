//! Which states may follow which, and what the channels of a notification say about it as a whole.

use super::names::{DeliveryStatus, NotificationStatus};

impl NotificationStatus {
    /// What may follow.
    pub(crate) fn followers(self) -> &'static [NotificationStatus] {
        use NotificationStatus::*;
        match self {
            Pending => &[Processing, Failed, Cancelled, Expired],
            Processing => &[Sent, Failed, Cancelled, Expired],
            Sent => &[Delivered, Failed],
            Delivered | Failed | Cancelled | Expired => &[],
        }
    }

    /// Whether the other may follow.
    pub(crate) fn may_become(self, next: NotificationStatus) -> bool {
        self.followers().contains(&next)
    }

    /// Whether something may still be sent.
    pub(crate) fn is_open(self) -> bool {
        matches!(
            self,
            NotificationStatus::Pending | NotificationStatus::Processing
        )
    }
}

impl DeliveryStatus {
    /// Whether something may still be sent.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, DeliveryStatus::Pending | DeliveryStatus::Processing)
    }
}

/// The state of a notification whose channels are all done; none while one is not. It passes SENT
/// on its way to DELIVERED.
pub(crate) fn settled(channels: &[DeliveryStatus]) -> Option<NotificationStatus> {
    use DeliveryStatus::{Delivered, Sent};
    if channels.iter().any(|status| status.is_open()) {
        return None;
    }
    let has = |wanted| channels.contains(&wanted);
    Some(match (has(Sent), has(Delivered)) {
        (true, _) => NotificationStatus::Sent,
        (false, true) => NotificationStatus::Delivered,
        (false, false) => NotificationStatus::Failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_notification_goes_forward_and_ends_once() {
        use NotificationStatus::*;
        assert!(Pending.may_become(Processing) && Processing.may_become(Sent));
        assert!(Sent.may_become(Delivered));
        assert!(!Pending.may_become(Sent) && !Sent.may_become(Cancelled));
        for end in [Delivered, Failed, Cancelled, Expired] {
            assert!(end.followers().is_empty(), "{end:?}");
        }
        for &from in NotificationStatus::ALL {
            assert!(!from.may_become(from), "{from:?}");
            assert!(!from.may_become(Pending), "{from:?}");
        }
    }

    #[test]
    fn the_channels_decide_together() {
        use DeliveryStatus::*;
        let cases: [(&[DeliveryStatus], Option<NotificationStatus>); 6] = [
            (&[Sent, Pending], None),
            (&[Processing], None),
            (&[Sent, Delivered, Failed], Some(NotificationStatus::Sent)),
            (&[Delivered, Rejected], Some(NotificationStatus::Delivered)),
            (&[Rejected, Bounced], Some(NotificationStatus::Failed)),
            (&[], Some(NotificationStatus::Failed)),
        ];
        for (channels, expected) in cases {
            assert_eq!(settled(channels), expected, "{channels:?}");
        }
    }

    proptest! {
        #[test]
        fn a_notification_is_settled_when_no_channel_is_open(
            channels in proptest::collection::vec(proptest::sample::select(DeliveryStatus::ALL), 0..6),
        ) {
            let open = channels.iter().any(|status| status.is_open());
            prop_assert_eq!(settled(&channels).is_none(), open);
            prop_assert!(settled(&channels).is_none_or(|status| !status.is_open()));
        }
    }
}
