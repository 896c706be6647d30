//! Which part of a list is asked for: no list is answered whole.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::{ApiError, Problems};
use crate::payments::rules::DeliveryStatus;

const LARGEST_PAGE: i64 = 100;
const LAST_PAGE: i64 = 1_000_000;

/// A part of a long list.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct PageWish {
    /// From 0.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000)]
    pub(in super::super) page: i64,
    #[serde(default = "ten")]
    #[param(minimum = 1, maximum = 100)]
    pub(in super::super) size: i64,
}

/// A part of the deliveries.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct DeliveriesWish {
    /// All when it is missing.
    pub(in super::super) status: Option<DeliveryStatus>,
    /// From 0.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000)]
    page: i64,
    #[serde(default = "ten")]
    #[param(minimum = 1, maximum = 100)]
    size: i64,
}

fn ten() -> i64 {
    10
}

impl PageWish {
    /// 400 that names all that is wrong.
    pub(in super::super) fn check(self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let kept = (0..=LAST_PAGE).contains(&self.page);
        problems.check(kept, "page", self.page, "must be 0 to 1000000");
        let kept = (1..=LARGEST_PAGE).contains(&self.size);
        problems.check(kept, "size", self.size, "must be 1 to 100");
        problems.finish()
    }

    /// Entries before the page.
    pub(in super::super) fn offset(self) -> i64 {
        self.page * self.size
    }
}

impl DeliveriesWish {
    /// Which part it is.
    pub(in super::super) fn page(self) -> PageWish {
        PageWish {
            page: self.page,
            size: self.size,
        }
    }
}
