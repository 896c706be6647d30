//! Limits on what a client may send.

use super::Refusal;
use crate::config;
use pingora::http::RequestHeader;

#[derive(Debug)]
pub(super) struct Limits {
    settings: config::Limits,
}

impl Limits {
    pub(super) fn new(settings: &config::Limits) -> Self {
        Self {
            settings: settings.clone(),
        }
    }

    pub(super) fn check(&self, header: &RequestHeader) -> Result<(), Refusal> {
        let lines = header
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4);
        let size: usize = header.raw_path().len() + lines.sum::<usize>();
        if size > self.settings.request_headers || header.headers.len() > self.settings.header_count
        {
            return Err(Refusal::HeadersTooLarge);
        }
        // A body of unknown length is counted as it comes (`proxy`).
        let declared = header.headers.get(http::header::CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > self.settings.request_body as u64) {
            return Err(Refusal::BodyTooLarge);
        }
        Ok(())
    }
}
