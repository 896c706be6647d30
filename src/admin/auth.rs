//! The token that orders must carry: `Authorization: Bearer <token>`, compared with the
//! content of a file that is read for each order, so that it can be rotated.

use http::{HeaderValue, StatusCode};
use std::{fs::File, io::Read, path::Path};

/// Longest token; a larger file is no token.
const TOKEN_MAX: u64 = 4096;

/// Whether an order may be carried out.
///
/// # Errors
/// 403 where no token is configured or its file cannot be read, 401 where another was sent.
pub(super) fn check(file: Option<&Path>, sent: Option<&HeaderValue>) -> Result<(), StatusCode> {
    let path = file.ok_or(StatusCode::FORBIDDEN)?;
    let expected = read_token(path).ok_or(StatusCode::FORBIDDEN)?;
    let sent = sent
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    if same(sent, expected.as_bytes()) {
        Ok(())
    } else {
        Err(StatusCode::UNAUTHORIZED)
    }
}

/// What to tell the one who was refused.
pub(super) fn explain(status: StatusCode) -> &'static str {
    if status == StatusCode::FORBIDDEN {
        "{\"error\":\"orders need admin.token_file in the configuration, and a readable token in it\"}\n"
    } else {
        "{\"error\":\"send the token as Authorization: Bearer <token>\"}\n"
    }
}

fn read_token(path: &Path) -> Option<String> {
    let read = || {
        let mut token = String::new();
        File::open(path)?
            .take(TOKEN_MAX)
            .read_to_string(&mut token)?;
        Ok(token.trim().to_owned())
    };
    match read() {
        Ok(token) if !token.is_empty() => Some(token),
        Ok(_) => {
            log::error!("admin token file is empty path={}", path.display());
            None
        }
        Err(error) => {
            let error: std::io::Error = error;
            log::error!(
                "cannot read admin token path={} error=\"{error}\"",
                path.display()
            );
            None
        }
    }
}

/// Compares in a time that tells nothing of where two tokens differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .fold(0, |differ, (a, b)| differ | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_need_a_configured_token_and_the_right_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let header = |text: &str| HeaderValue::from_str(text).expect("a header");
        assert_eq!(
            check(None, Some(&header("Bearer x"))),
            Err(StatusCode::FORBIDDEN)
        );
        assert_eq!(
            check(Some(&path), Some(&header("Bearer "))),
            Err(StatusCode::FORBIDDEN),
            "no file"
        );
        std::fs::write(&path, "\n").expect("written");
        assert_eq!(
            check(Some(&path), Some(&header("Bearer "))),
            Err(StatusCode::FORBIDDEN),
            "empty file"
        );
        std::fs::write(&path, "secret\n").expect("written");
        assert_eq!(check(Some(&path), None), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(
            check(Some(&path), Some(&header("Bearer secre"))),
            Err(StatusCode::UNAUTHORIZED)
        );
        assert_eq!(
            check(Some(&path), Some(&header("Basic secret"))),
            Err(StatusCode::UNAUTHORIZED)
        );
        assert_eq!(check(Some(&path), Some(&header("Bearer secret"))), Ok(()));
    }
}
