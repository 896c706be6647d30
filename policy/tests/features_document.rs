//! Holds `docs/features.md` against the feature table. `UPDATE_DOCS=1` writes it anew.

use std::{env, fs, path::Path};

#[test]
fn the_document_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/features.md");
    let expected = lb_policy::features::document();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).expect("docs/features.md can be written");
    }
    let written = fs::read_to_string(&path).expect("docs/features.md exists");
    assert!(
        written == expected,
        "docs/features.md is out of date: UPDATE_DOCS=1 cargo test -p lb-policy --test features_document"
    );
}
