//! Whose cart it is: a user's by the token, a guest's by `X-Session-ID`.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, schema};

use crate::auth::{Caller, Role};
use crate::error::ApiError;
use crate::state::AppState;

const SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");
const LONGEST_SESSION_ID: usize = 128;

/// Whose cart it is. As an argument of a handler: the user of the token; without a token the
/// guest of the session, whose id is the only proof of ownership; 401 without either.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) enum Owner {
    /// An account's number.
    User(i64),
    /// What a client drew for itself; to be kept secret like a token.
    Session(String),
}

impl Owner {
    /// Where the cart is kept.
    pub(super) fn key(&self) -> String {
        match self {
            Owner::User(id) => format!("cart:user:{id}"),
            Owner::Session(id) => format!("cart:session:{id}"),
        }
    }

    /// Where is kept that the cart became this order. Per owner, so that nobody can mark orders
    /// of others as converted.
    pub(super) fn conversion_key(&self, order_id: &str) -> String {
        format!(
            "{}:order:{order_id}",
            self.key().replacen("cart:", "cart:converted:", 1)
        )
    }
}

/// The session a request names; 400 when it names one that cannot be.
pub(super) fn session_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(given) = headers.get(SESSION_ID) else {
        return Ok(None);
    };
    let text = given.to_str().unwrap_or_default();
    if !is_session_id(text) {
        let rule = "X-Session-ID must have 1 to 128 visible ASCII characters";
        return Err(ApiError::invalid(rule));
    }
    Ok(Some(text.to_owned()))
}

/// Whether the text can be a session's id.
pub(super) fn is_session_id(text: &str) -> bool {
    let visible = text.bytes().all(|b| b.is_ascii_graphic());
    visible && (1..=LONGEST_SESSION_ID).contains(&text.len())
}

/// The session a request names beside its token, when it names one.
#[derive(Clone, Debug)]
pub(super) struct Session(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Session, ApiError> {
        session_of(&parts.headers).map(Session)
    }
}

impl FromRequestParts<AppState> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Owner, ApiError> {
        if parts.headers.contains_key(AUTHORIZATION) {
            let caller = Caller::from_request_parts(parts, state).await?;
            // Services have no carts.
            caller.require(&[Role::User])?;
            return Ok(Owner::User(caller.user_id));
        }
        let session = session_of(&parts.headers)?;
        let missing = || ApiError::unauthorized("a token or X-Session-ID is needed");
        session.map(Owner::Session).ok_or_else(missing)
    }
}

impl IntoParams for Session {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(LONGEST_SESSION_ID))
            .pattern(Some("^[!-~]+$"))
            .build();
        let session = ParameterBuilder::new()
            .name("X-Session-ID")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("Names a guest's cart; a token counts before it"))
            .schema(Some(text))
            .build();
        vec![session]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_never_share_a_key() {
        let owners = [Owner::User(7), Owner::Session("7".into())];
        assert_eq!(owners[0].key(), "cart:user:7");
        assert_eq!(owners[1].key(), "cart:session:7");
        assert_eq!(
            owners[0].conversion_key("9"),
            "cart:converted:user:7:order:9"
        );
    }

    #[test]
    fn a_session_id_is_visible_and_bounded() {
        assert!(is_session_id("a:b-c") && is_session_id(&"x".repeat(128)));
        for text in ["", "a b", "ä", &"x".repeat(129)] {
            assert!(!is_session_id(text), "{text}");
        }
    }
}
