//! Protocol upgrades are not proxied yet; forwarding them half would be worse than saying so.

use super::Refusal;
use http::header::UPGRADE;
use pingora::http::RequestHeader;

/// Refuses upgrades, except the offer of `h2c`, which a server may ignore (RFC 9110, 7.8).
pub(super) fn check(header: &RequestHeader) -> Result<(), Refusal> {
    let mut offers = header.headers.get_all(UPGRADE).iter();
    if offers.all(|offer| offer.as_bytes().eq_ignore_ascii_case(b"h2c")) {
        return Ok(());
    }
    Err(Refusal::UpgradeNotSupported)
}
