//! Contenders against each other: every family, seed and contender is one run, and the figures
//! of the runs become ratios, medians and intervals.

mod statistics;
mod bootstrap;
mod figures;
mod results;
mod race;
mod compare;
mod summary;
#[cfg(test)]
pub(crate) mod fixture;

pub use bootstrap::Estimate;
pub use compare::{
    Pair, SATURATED_ERROR_RATE, error_excess, error_rate, error_ratio, gap_closed, hindsight_best,
    is_saturated, median_ratio, objective, ratios, wins,
};
pub use figures::{Figures, LatencyFigures, Metric};
pub use race::{RaceError, Round, run};
pub use results::{ContenderInfo, FamilyInfo, FamilyResults, ResultsError, check};
pub use statistics::{geometric_mean, median, quantile, spearman};
pub use summary::{
    FamilySummary, GAP_FROM, GAP_TO, MeanRatios, Medians, Ratios, Reference, Row, Spread, Standing,
    Summary, summarize,
};
