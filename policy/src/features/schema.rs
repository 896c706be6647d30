//! The identity of the feature table: models carry it and are refused when it differs.

use super::table::{CANDIDATE_FEATURES, CONTEXT_FEATURES, Feature};
use sha2::{Digest, Sha256};
use std::{fmt::Write, sync::OnceLock};

/// Version of the schema; the hash tells versions apart even when this was forgotten.
pub const SCHEMA: u32 = 1;

/// Identifier of the schema, `<version>:<sha256 of the canonical lines>`.
pub fn schema_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let digest = Sha256::digest(canonical_lines().as_bytes());
        let mut id = format!("{SCHEMA}:");
        for byte in digest {
            write!(id, "{byte:02x}").expect("writing to a string succeeds");
        }
        id
    })
}

/// One line per feature, `name|formula|unit|default|clamp`, candidates first.
pub fn canonical_lines() -> String {
    let features = CANDIDATE_FEATURES.iter().chain(&CONTEXT_FEATURES);
    features.map(canonical_line).collect()
}

fn canonical_line(feature: &Feature) -> String {
    let Feature {
        name,
        formula,
        unit,
        default,
        clamp: (least, greatest),
    } = feature;
    format!("{name}|{formula}|{unit}|{default}|{least}..{greatest}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_is_version_and_sha256() {
        let (version, hash) = schema_id().split_once(':').expect("a colon parts them");
        assert_eq!(version, "1");
        assert_eq!(hash.len(), 64);
        assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn each_feature_has_one_canonical_line() {
        let lines = canonical_lines();
        assert_eq!(
            lines.lines().count(),
            super::super::FEATURES + super::super::CONTEXT
        );
        assert!(lines.starts_with("in_flight|ln(1 + own requests in flight)|requests|0|0..10\n"));
    }
}
