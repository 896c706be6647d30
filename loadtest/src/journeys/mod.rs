//! Journeys of shoppers through the shop: register, look around, fill a cart, check out, follow the
//! order. They start at scheduled times, whatever became of earlier ones, and every choice comes
//! from a seed.
//!
//! A module uses only modules above its own line.

mod cents;
mod shopper;
mod step;

mod plan;

mod script;

mod journey;

mod answers;
mod ledger;
mod timeline;

mod tally;

mod progress;

pub mod bar;

mod shop;

mod orders;
mod visit;

mod report;

mod tables;

mod chart;
mod page;

mod run;

pub use cents::Cents;
pub use ledger::{Cancel, Checkout, OrderLine, PlacedOrder, Token};
pub use plan::{BadPhase, Phase, Plan};
pub use progress::{Progress, Snapshot};
pub use report::{
    Ending, HostReport, JourneyReport, OrderFigures, PhaseReport, Report, StepReport,
};
pub use run::{run, run_with_progress};
pub use shopper::{Shopper, UnknownShopper};
pub use step::Step;
pub use tally::{Classes, Journeys, Requests};
pub use timeline::{Span, Timeline};
