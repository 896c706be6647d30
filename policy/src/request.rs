//! What a decision may know of a request, and how a request can end. No proxy types.

/// Classes with statistics of their own; every later one shares the last slot.
pub const OWN_CLASSES: usize = 16;
/// Slots of class statistics: [`OWN_CLASSES`] and the shared one.
pub const CLASS_SLOTS: usize = OWN_CLASSES + 1;

/// The class of a request: the route it matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class(u8);

impl Class {
    /// The class of the route at `index` in the configuration.
    pub fn of_route(index: usize) -> Self {
        Self(index.min(OWN_CLASSES) as u8)
    }

    /// Slot of this class, below [`CLASS_SLOTS`].
    pub fn slot(self) -> usize {
        usize::from(self.0)
    }
}

/// What a policy may know of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// Statistics are kept per class.
    pub class: Class,
    /// Hash of the affinity key; equal keys prefer equal endpoints. 0 where there is none.
    pub affinity: u64,
}

/// How a request to an endpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A response below 500.
    Success,
    /// A response of 500 or above.
    ServerError,
    /// No connection, or it broke before the response was whole.
    ConnectionError,
    /// The endpoint did not answer in time.
    Timeout,
    /// The downstream went away; says nothing about the endpoint.
    Cancelled,
}

impl Outcome {
    /// Whether the endpoint is to blame.
    pub fn is_error(self) -> bool {
        matches!(
            self,
            Self::ServerError | Self::ConnectionError | Self::Timeout
        )
    }
}
