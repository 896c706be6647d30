//! Which part of a list is asked for: no list is answered whole.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, Problems};

const LARGEST_PAGE: i64 = 100;
const LAST_PAGE: i64 = 1_000_000;

/// Which part of a list.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// Counts from 0.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000, default = 0)]
    pub(crate) page: i64,
    /// Entries of a page.
    #[serde(default = "largest")]
    #[param(minimum = 1, maximum = 100, default = 100)]
    pub(crate) size: i64,
}

fn largest() -> i64 {
    LARGEST_PAGE
}

/// Which part of whose notifications.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageWish {
    /// Counts from 0.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000, default = 0)]
    pub(crate) page: i64,
    /// Entries of a page.
    #[serde(default = "twenty")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub(crate) size: i64,
    /// The caller when it is missing; somebody else's are for administrators and services. 0 is
    /// SYSTEM.
    pub(crate) user_id: Option<i64>,
}

fn twenty() -> i64 {
    20
}

impl Span {
    /// 400 when there can be no such page.
    pub(crate) fn check(self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let (page, size) = (self.page, self.size);
        let kept = (0..=LAST_PAGE).contains(&page);
        problems.check(kept, "page", page, "must be 0 to 1000000");
        let kept = (1..=LARGEST_PAGE).contains(&size);
        problems.check(kept, "size", size, "must be 1 to 100");
        problems.finish()
    }

    /// Entries that are passed over; of a page that was checked.
    pub(crate) fn offset(self) -> i64 {
        self.page * self.size
    }
}

impl PageWish {
    /// 400 when there can be no such page.
    pub(crate) fn span(self) -> Result<Span, ApiError> {
        let span = Span {
            page: self.page,
            size: self.size,
        };
        span.check()?;
        Ok(span)
    }
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageBody<T> {
    content: Vec<T>,
    total_elements: i64,
    total_pages: i64,
    /// From 0.
    number: i64,
    size: i64,
    first: bool,
    last: bool,
}

impl<T> PageBody<T> {
    /// The page that was wished for, of so many entries in all.
    pub(crate) fn new(content: Vec<T>, span: Span, total_elements: i64) -> PageBody<T> {
        let total_pages = (total_elements + span.size - 1) / span.size;
        PageBody {
            content,
            total_elements,
            total_pages,
            number: span.page,
            size: span.size,
            first: span.page == 0,
            last: span.page + 1 >= total_pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_passes_over_those_before_it() {
        let span = Span { page: 3, size: 20 };
        assert!(span.check().is_ok());
        assert_eq!(span.offset(), 60);
        for (page, size) in [(-1, 1), (0, 0), (0, 101), (1_000_001, 1)] {
            assert!(Span { page, size }.check().is_err(), "{page} {size}");
        }
    }

    #[test]
    fn a_page_knows_its_place() {
        let page = |page, total| PageBody::new(vec![()], Span { page, size: 10 }, total);
        assert!(page(0, 11).first && !page(0, 11).last);
        assert!(page(1, 11).last && page(1, 11).total_pages == 2);
        assert!(page(0, 0).first && page(0, 0).last);
    }
}
