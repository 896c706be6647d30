//! A value for each endpoint of a set, found again by endpoint when the set has changed.

use crate::telemetry::EndpointStats;
use std::{iter::zip, sync::Arc};

/// A value for each endpoint of a set. Finding one takes a single comparison as long as the
/// endpoint stands where it stood.
#[derive(Debug)]
pub(super) struct ByEndpoint<T> {
    /// The endpoints are held, so that an address stays its owner's.
    entries: Vec<(Arc<EndpointStats>, T)>,
    /// Address of each endpoint and its place in `entries`, in order of the addresses.
    places: Vec<(usize, u32)>,
}

impl<T> ByEndpoint<T> {
    pub(super) fn new(endpoints: &[Arc<EndpointStats>], values: impl Iterator<Item = T>) -> Self {
        let mut places: Vec<_> = zip(endpoints.iter().map(address), 0u32..).collect();
        places.sort_unstable();
        Self {
            entries: zip(endpoints.iter().map(Arc::clone), values).collect(),
            places,
        }
    }

    /// The value of an endpoint that most likely stood at `index`.
    pub(super) fn find(&self, index: usize, endpoint: &Arc<EndpointStats>) -> Option<&T> {
        if let Some((owner, value)) = self.entries.get(index)
            && Arc::ptr_eq(owner, endpoint)
        {
            return Some(value);
        }
        let place = self
            .places
            .binary_search_by_key(&address(endpoint), |place| place.0)
            .ok()?;
        let entry = self.entries.get(self.places[place].1 as usize);
        entry.map(|(_, value)| value)
    }
}

fn address(endpoint: &Arc<EndpointStats>) -> usize {
    Arc::as_ptr(endpoint).addr()
}
