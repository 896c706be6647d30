//! Who may degrade an instance: in shop mode administrators and whoever has the token for it.

use std::sync::Arc;

use commerce::{Role, Secret};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

use crate::shop::Shop;

/// Open to all when there is neither a token nor a shop.
#[derive(Debug)]
pub(crate) struct Guard {
    token: Option<Secret>,
    shop: Option<Arc<Shop>>,
}

impl Guard {
    pub(crate) fn new(token: Option<Secret>, shop: Option<Arc<Shop>>) -> Self {
        Guard { token, shop }
    }

    /// Lets the caller pass.
    ///
    /// # Errors
    /// 401 without a token that is known, 403 for one that does not suffice; with the reason.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
        if self.token.is_none() && self.shop.is_none() {
            return Ok(());
        }
        let unauthorized = |reason: &str| (StatusCode::UNAUTHORIZED, reason.to_owned());
        let given =
            bearer(headers).ok_or_else(|| unauthorized("Authorization must be: Bearer <token>"))?;
        if self
            .token
            .as_ref()
            .is_some_and(|token| same(token.reveal(), given))
        {
            return Ok(());
        }
        let shop = self.shop.as_ref();
        let shop = shop.ok_or_else(|| unauthorized("token is not valid"))?;
        let caller = shop.tokens().check(given);
        match caller {
            Ok(caller) if caller.is(Role::Admin) => Ok(()),
            Ok(_) => Err((
                StatusCode::FORBIDDEN,
                "not allowed for your role".to_owned(),
            )),
            Err(error) => Err((error.status(), error.message().to_owned())),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Takes as long for a wrong text as for the right one, so that time tells nothing.
fn same(expected: &str, given: &str) -> bool {
    let differences = expected.bytes().zip(given.bytes());
    let differences = differences.fold(0, |sum, (a, b)| sum | (a ^ b));
    expected.len() == given.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, authorization: Option<&str>) -> Option<u16> {
        let mut headers = HeaderMap::new();
        if let Some(text) = authorization {
            headers.insert(AUTHORIZATION, text.parse().unwrap());
        }
        guard
            .check(&headers)
            .err()
            .map(|(status, _)| status.as_u16())
    }

    #[test]
    fn without_token_and_shop_all_may_pass() {
        assert_eq!(check(&Guard::new(None, None), None), None);
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        let guard = Guard::new(Some(Secret::new("let me in")), None);
        assert_eq!(check(&guard, None), Some(401));
        assert_eq!(check(&guard, Some("Bearer let me")), Some(401));
        assert_eq!(check(&guard, Some("Bearer let me iN")), Some(401));
        assert_eq!(check(&guard, Some("Basic let me in")), Some(401));
        assert_eq!(check(&guard, Some("bearer let me in")), None);
    }
}
