//! Which part of a list is asked for: no list is answered whole.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::{ApiError, Problems};

const LARGEST_PAGE: i64 = 500;
const LAST_PAGE: i64 = 1_000_000;
const LONGEST_QUERY: usize = 200;

/// Which part of a list.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Counts from 0.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000, default = 0)]
    page: i64,
    /// Entries of a page.
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 500, default = 100)]
    size: i64,
}

/// A search, and which part of what is found.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// A part of name, description, brand, category or SKU, in upper or lower case.
    #[param(min_length = 1, max_length = 200)]
    pub(super) query: String,
    /// Counts from 0.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000, default = 0)]
    page: i64,
    /// Entries of a page.
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 500, default = 100)]
    size: i64,
}

fn hundred() -> i64 {
    100
}

/// Entries to return and to pass over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) limit: i64,
    pub(super) offset: i64,
}

impl Page {
    /// 400 when there can be no such page.
    pub(super) fn span(self) -> Result<Span, ApiError> {
        let mut problems = Problems::default();
        let (page, size) = (self.page, self.size);
        let kept = (0..=LAST_PAGE).contains(&page);
        problems.check(kept, "page", page, "must be 0 to 1000000");
        let kept = (1..=LARGEST_PAGE).contains(&size);
        problems.check(kept, "size", size, "must be 1 to 500");
        problems.finish()?;
        Ok(Span {
            limit: size,
            offset: page * size,
        })
    }
}

impl Search {
    /// 400 when nothing is searched, or there can be no such page.
    pub(super) fn span(&self) -> Result<Span, ApiError> {
        let mut problems = Problems::default();
        problems.text("query", &self.query, LONGEST_QUERY);
        problems.finish()?;
        let (page, size) = (self.page, self.size);
        Page { page, size }.span()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_passes_over_those_before_it() {
        let span = Page { page: 3, size: 20 }.span().unwrap();
        assert_eq!((span.limit, span.offset), (20, 60));
        for (page, size) in [(-1, 1), (0, 0), (0, 501), (1_000_001, 1)] {
            assert!(Page { page, size }.span().is_err(), "{page} {size}");
        }
    }

    #[test]
    fn nothing_cannot_be_searched() {
        let search = |query: &str| Search {
            query: query.into(),
            page: 0,
            size: 1,
        };
        assert!(search("a").span().is_ok());
        assert!(search(" ").span().is_err());
        assert!(search(&"a".repeat(201)).span().is_err());
    }
}
