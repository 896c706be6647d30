//! Proves to a receiver that what it got is ours: HMAC-SHA256 (RFC 2104) of the body.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::ApiError;
use crate::settings::Secret;

/// `sha256=<hex>` over exactly the body. The time stamp beside it is not signed, so that receivers
/// who know only the body can verify.
pub(crate) fn of(secret: &Secret, body: &[u8]) -> Result<String, ApiError> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes());
    let mut mac = mac.map_err(|cause| ApiError::unavailable("webhook signature", cause))?;
    mac.update(body);
    Ok(format!("sha256={:x}", mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6: a short key, and one longer than a block.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let signed = |key: &str, body: &str| of(&Secret::new(key), body.as_bytes()).unwrap();
        assert_eq!(
            signed("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_ne!(signed("Jefe", "what"), signed("jefe", "what"));
    }
}
