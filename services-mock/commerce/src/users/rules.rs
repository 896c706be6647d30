//! What an account must look like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{ApiError, Problems};
use crate::settings::Secret;

const SHORTEST_PASSWORD: usize = 8;
/// bcrypt reads 72 bytes, of which it ends with one of its own.
const LONGEST_PASSWORD_BYTES: usize = 71;
const LONGEST_EMAIL: usize = 254;
const LONGEST_NAME: usize = 100;
const LONGEST_PHONE: usize = 30;

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum UserStatus {
    Active,
    Inactive,
    Locked,
    PendingVerification,
}

impl UserStatus {
    const ALL: [UserStatus; 4] = [
        UserStatus::Active,
        UserStatus::Inactive,
        UserStatus::Locked,
        UserStatus::PendingVerification,
    ];

    /// As written in store and answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            UserStatus::Active => "ACTIVE",
            UserStatus::Inactive => "INACTIVE",
            UserStatus::Locked => "LOCKED",
            UserStatus::PendingVerification => "PENDING_VERIFICATION",
        }
    }

    /// The inverse of [`UserStatus::name`].
    pub(super) fn from_name(name: &str) -> Option<UserStatus> {
        UserStatus::ALL
            .into_iter()
            .find(|status| status.name() == name)
    }
}

/// What registration asks for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Registration {
    #[schema(max_length = 254, format = Email)]
    pub(super) email: String,
    #[schema(value_type = String, min_length = 8, max_length = 71, format = Password)]
    #[serde(deserialize_with = "secret")]
    pub(super) password: Secret,
    #[schema(min_length = 1, max_length = 100)]
    pub(super) first_name: String,
    #[schema(min_length = 1, max_length = 100)]
    pub(super) last_name: String,
    #[schema(max_length = 30)]
    pub(super) phone_number: Option<String>,
}

/// What login asks for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct Login {
    pub(super) email: String,
    #[schema(value_type = String, format = Password)]
    #[serde(deserialize_with = "secret")]
    pub(super) password: Secret,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// One account is one address, however it is typed.
pub(super) fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

impl Registration {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let email = normal_email(&self.email);
        problems.check(
            is_email(&email),
            "email",
            &self.email,
            "must be an e-mail address",
        );
        problems.text("firstName", &self.first_name, LONGEST_NAME);
        problems.text("lastName", &self.last_name, LONGEST_NAME);
        let password = self.password.reveal();
        if password.chars().count() < SHORTEST_PASSWORD || password.len() > LONGEST_PASSWORD_BYTES {
            problems.add_secret("password", "must have 8 characters to 71 bytes");
        }
        if let Some(phone) = &self.phone_number {
            let kept = phone.chars().count() <= LONGEST_PHONE;
            problems.check(
                kept,
                "phoneNumber",
                phone,
                "must have at most 30 characters",
            );
        }
        problems.finish()
    }
}

/// The little that all addresses share; whether one exists only a message to it can tell.
fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return false;
    };
    let plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts = !local.is_empty() && !domain.is_empty() && !domain.starts_with('.');
    plain && parts && email.len() <= LONGEST_EMAIL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration() -> Registration {
        Registration {
            email: "ada@example.com".into(),
            password: Secret::new("correct horse"),
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            phone_number: None,
        }
    }

    #[test]
    fn a_complete_registration_is_accepted() {
        assert!(registration().check().is_ok());
    }

    #[test]
    fn every_wrong_field_is_named_and_the_password_is_not_repeated() {
        let wrong = Registration {
            email: "ada".into(),
            password: Secret::new("horse"),
            first_name: " ".into(),
            phone_number: Some("1".repeat(31)),
            ..registration()
        };
        let message = wrong.check().unwrap_err().message().to_owned();
        for field in ["email", "password", "firstName", "phoneNumber"] {
            assert!(message.contains(field), "{message}");
        }
        assert!(!message.contains("horse"), "{message}");
        assert!(!message.contains("lastName"), "{message}");
    }

    #[test]
    fn an_address_has_two_sides_without_blanks() {
        assert!(is_email("a@b") && is_email("\"a@b\"@c.de"));
        for text in ["", "@", "a@", "@b", "a b@c", "a@.b"] {
            assert!(!is_email(text), "{text}");
        }
    }
}
