//! Who asks: tokens (HS256), the caller they prove, and password hashes.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::error::ApiError;
use crate::settings::Secret;

/// How long a user's token holds.
pub const USER_TOKEN_MS: i64 = 86_400_000;
/// How long a token between services holds: longer than any call may take, with time to spare for
/// clocks that differ.
const SERVICE_TOKEN_MS: i64 = 120_000;
/// The number under which services call each other; no user has it.
const SERVICE_USER_ID: i64 = 0;

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Uses the shop.
    User,
    /// Runs the shop.
    Admin,
    /// Is one of the services.
    Service,
}

impl Role {
    /// As written in tokens, such as `ROLE_USER`.
    pub fn authority(self) -> &'static str {
        match self {
            Role::User => "ROLE_USER",
            Role::Admin => "ROLE_ADMIN",
            Role::Service => "ROLE_SERVICE",
        }
    }

    fn from_authority(text: &str) -> Option<Role> {
        [Role::User, Role::Admin, Role::Service]
            .into_iter()
            .find(|role| role.authority() == text)
    }
}

/// Who asks, as an accepted token says. As an argument of a handler it answers 401 for all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account's number; 0 for services.
    pub user_id: i64,
    /// The account's e-mail address; the name for services.
    pub email: String,
    /// What the token allows.
    pub roles: Vec<Role>,
}

impl Caller {
    /// Whether the token gives the role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether the caller sees everybody's data.
    pub fn is_privileged(&self) -> bool {
        self.is(Role::Admin) || self.is(Role::Service)
    }

    /// 403 unless the caller has one of the roles.
    pub(crate) fn require(&self, any_of: &[Role]) -> Result<(), ApiError> {
        if any_of.iter().any(|&role| self.is(role)) {
            return Ok(());
        }
        Err(ApiError::forbidden("not allowed for your role"))
    }

    /// 403 unless the data is the caller's own, or the caller sees everybody's.
    pub(crate) fn require_access(&self, owner_id: i64) -> Result<(), ApiError> {
        if self.user_id == owner_id || self.is_privileged() {
            return Ok(());
        }
        Err(ApiError::forbidden("belongs to somebody else"))
    }
}

/// The token as it came, to be handed on to another service in the caller's name.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(pub(crate) Secret);

#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    sub: String,
    #[serde(rename = "userId")]
    user_id: String,
    email: String,
    authorities: Vec<String>,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
}

/// Makes and checks tokens.
#[derive(Clone)]
pub struct Tokens {
    encoding: Arc<EncodingKey>,
    decoding: Arc<DecodingKey>,
    clock: Clock,
}

impl Tokens {
    /// Tokens of everybody who has the same secret.
    pub fn new(secret: &Secret, clock: Clock) -> Tokens {
        let secret = secret.reveal().as_bytes();
        Tokens {
            encoding: Arc::new(EncodingKey::from_secret(secret)),
            decoding: Arc::new(DecodingKey::from_secret(secret)),
            clock,
        }
    }

    /// A token for the caller.
    pub fn mint(&self, caller: &Caller, for_ms: i64) -> Result<Secret, ApiError> {
        let now_ms = self.clock.now_ms();
        let authorities = caller.roles.iter().map(|role| role.authority().to_owned());
        let claims = Claims {
            sub: caller.email.clone(),
            user_id: caller.user_id.to_string(),
            email: caller.email.clone(),
            authorities: authorities.collect(),
            iat: now_ms / 1000,
            exp: (now_ms + for_ms) / 1000,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map(Secret::new)
            .map_err(|cause| ApiError::unavailable("token", cause))
    }

    /// A short-lived token with which the named service calls another.
    pub fn mint_for_service(&self, name: &str) -> Result<Secret, ApiError> {
        let service = Caller {
            user_id: SERVICE_USER_ID,
            email: name.into(),
            roles: vec![Role::Service],
        };
        self.mint(&service, SERVICE_TOKEN_MS)
    }

    /// The caller that a token proves; 401 when it proves none.
    pub fn check(&self, token: &str) -> Result<Caller, ApiError> {
        let invalid = || ApiError::unauthorized("token is not valid");
        let claims = decode::<Claims>(token, &self.decoding, &validation())
            .map_err(|_| invalid())?
            .claims;
        if claims.exp <= self.clock.now_ms() / 1000 {
            return Err(ApiError::unauthorized("token has expired"));
        }
        let roles = claims.authorities.iter();
        Ok(Caller {
            user_id: claims.user_id.parse().map_err(|_| invalid())?,
            email: claims.email,
            roles: roles
                .filter_map(|text| Role::from_authority(text))
                .collect(),
        })
    }
}

/// The library would ask the machine's clock about expiry; [`Tokens::check`] asks ours.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    validation
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl<S> FromRequestParts<S> for Bearer
where
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Bearer, ApiError> {
        let given = parts.headers.get(AUTHORIZATION);
        let text = given.and_then(|value| value.to_str().ok());
        let token = text.and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let missing = || ApiError::unauthorized("Authorization must be: Bearer <token>");
        token.map(|t| Bearer(Secret::new(t))).ok_or_else(missing)
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Tokens: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Caller, ApiError> {
        let Bearer(token) = Bearer::from_request_parts(parts, state).await?;
        Tokens::from_ref(state).check(token.reveal())
    }
}

/// Hashes a password, off the threads that serve: it takes long on purpose.
pub(crate) async fn hash_password(password: Secret, cost: u32) -> Result<String, ApiError> {
    let hashing =
        tokio::task::spawn_blocking(move || bcrypt::non_truncating_hash(password.reveal(), cost));
    match hashing.await {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(bcrypt::BcryptError::Truncation(_))) => {
            Err(ApiError::invalid("password must have at most 71 bytes"))
        }
        Ok(Err(cause)) => Err(ApiError::unavailable("password hashing", cause)),
        Err(cause) => Err(ApiError::unavailable("password hashing", cause)),
    }
}

/// Whether the password made the hash; a hash that cannot be read was made by none.
pub(crate) async fn password_fits(password: Secret, hash: String) -> Result<bool, ApiError> {
    let checking = tokio::task::spawn_blocking(move || {
        bcrypt::non_truncating_verify(password.reveal(), &hash)
    });
    match checking.await {
        Ok(fits) => Ok(fits.unwrap_or(false)),
        Err(cause) => Err(ApiError::unavailable("password check", cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(clock: &Clock) -> Tokens {
        Tokens::new(
            &Secret::new("0123456789abcdef0123456789abcdef"),
            clock.clone(),
        )
    }

    fn ada() -> Caller {
        Caller {
            user_id: 7,
            email: "ada@example.com".into(),
            roles: vec![Role::User],
        }
    }

    #[test]
    fn a_token_proves_its_caller_until_it_expires() {
        let clock = Clock::manual(1_000_000);
        let tokens = tokens(&clock);
        let token = tokens.mint(&ada(), 60_000).unwrap();
        assert_eq!(tokens.check(token.reveal()).unwrap(), ada());
        clock.advance_ms(60_000);
        let error = tokens.check(token.reveal()).unwrap_err();
        assert_eq!(error.message(), "token has expired");
    }

    #[test]
    fn a_token_of_another_secret_or_algorithm_proves_nothing() {
        let clock = Clock::manual(0);
        let other = Tokens::new(&Secret::new("another"), clock.clone());
        let token = other.mint(&ada(), 60_000).unwrap();
        assert!(tokens(&clock).check(token.reveal()).is_err());
        // {"alg":"none"} and claims that fit, without a signature.
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwidXNlcklkIjoiNyIsImVtYWlsIjoiYSIsImF1dGhvcml0aWVzIjpbXSwiaWF0IjowLCJleHAiOjk5OTk5OTk5OTl9.";
        assert!(tokens(&clock).check(unsigned).is_err());
    }

    #[test]
    fn own_data_is_open_to_its_owner_and_to_the_privileged() {
        let mut caller = ada();
        assert!(caller.require_access(7).is_ok());
        assert_eq!(caller.require_access(8).unwrap_err().status(), 403);
        caller.roles = vec![Role::Admin];
        assert!(caller.require_access(8).is_ok());
        assert!(caller.require(&[Role::Service]).is_err());
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let hash = hash_password(Secret::new("correct horse"), 4)
            .await
            .unwrap();
        let fits = |text: &str| password_fits(Secret::new(text), hash.clone());
        assert!(fits("correct horse").await.unwrap());
        assert!(!fits("battery staple").await.unwrap());
        assert!(
            !password_fits(Secret::new("x"), "no hash".into())
                .await
                .unwrap()
        );
    }
}
