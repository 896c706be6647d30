//! The report as tables, for people.

use std::fmt;

use crate::journeys::report::{Ending, Report};
use crate::journeys::step::Step;
use crate::journeys::tally::{Journeys, Requests};
use crate::table::Table;

impl Report {
    /// Journeys by kind of shopper.
    pub(crate) fn journey_table(&self) -> Table {
        let mut table = Table::new(&JOURNEY_COLUMNS);
        for kind in &self.shoppers {
            table.add(journey_row(kind.shopper.name(), &kind.journeys));
        }
        table.add(journey_row("all", &self.journeys));
        table
    }

    /// Requests by kind of shopper and step.
    pub(crate) fn step_table(&self) -> Table {
        let mut table = Table::new(&REQUEST_COLUMNS);
        for kind in &self.shoppers {
            for step in &kind.steps {
                let name = format!("{:<8} {}", kind.shopper, step.step);
                table.add(request_row(name, &step.requests));
            }
        }
        for step in &self.steps {
            let name = format!("{:<8} {}", "all", step.step);
            table.add(request_row(name, &step.requests));
        }
        table.add(request_row("all".to_owned(), &self.requests));
        table
    }

    /// Requests and orders by host.
    pub(crate) fn host_table(&self) -> Table {
        let columns = [&REQUEST_COLUMNS[..], &["journeys", "orders", "unknown"]].concat();
        let mut table = Table::new(&columns);
        for host in &self.hosts {
            let mut row = request_row(host.host.clone(), &host.requests);
            row.extend([host.journeys.begun, host.placed, host.unknown].map(|n| n.to_string()));
            table.add(row);
        }
        table
    }

    /// Check-outs by what became of them.
    pub(crate) fn order_table(&self) -> Table {
        let orders = &self.orders;
        let mut table = Table::new(&["check-outs", "count"]);
        let mut add = |what: &str, count: u64| table.add([what.to_owned(), count.to_string()]);
        add("placed (201)", orders.placed);
        for (status, count) in &orders.by_status {
            add(&format!("  {status}"), *count);
        }
        add("  not seen to their end", orders.unsettled);
        add("  after repeated requests", orders.repeated);
        add("refused", orders.refused);
        add("never reached the shop", orders.not_sent);
        add("unknown", orders.unknown);
        table
    }

    /// One sentence on the whole run.
    pub(crate) fn headline(&self) -> String {
        let ending = match self.ending {
            Ending::Complete => "",
            Ending::Cancelled => ", cancelled",
            Ending::CutOff => ", cut off before the last journeys ended",
        };
        let (begun, requests) = (self.journeys.begun, self.requests.counts.arrivals);
        format!(
            "{begun} journeys, {requests} requests, {} orders in {:.1} s (seed {}{ending})",
            self.orders.placed, self.elapsed_s, self.seed
        )
    }

    /// Where journeys ended early, if any did.
    pub(crate) fn abandoned(&self) -> Option<String> {
        let at = |(step, count): (&Step, &u64)| format!("{count} at {step}");
        let places: Vec<String> = self.journeys.abandoned.iter().map(at).collect();
        (!places.is_empty()).then(|| format!("abandoned: {}", places.join(", ")))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.headline())?;
        writeln!(f, "{}", self.journey_table().text())?;
        if let Some(abandoned) = self.abandoned() {
            writeln!(f, "{abandoned}\n")?;
        }
        writeln!(f, "{}", self.step_table().text())?;
        if self.hosts.len() > 1 {
            writeln!(f, "{}", self.host_table().text())?;
        }
        writeln!(f, "{}", self.order_table().text())?;
        writeln!(
            f,
            "ms               mean       p50       p90       p99     p99.9       max"
        )?;
        writeln!(f, "settled    {}", self.orders.settled_after_ms)?;
        writeln!(f, "lateness   {}", self.lateness_ms)
    }
}

const JOURNEY_COLUMNS: [&str; 6] = [
    "journey",
    "begun",
    "completed",
    "abandoned",
    "unfinished",
    "not begun",
];

const REQUEST_COLUMNS: [&str; 10] = [
    "requests", "count", "p50 ms", "p95 ms", "p99 ms", "2xx", "3xx", "4xx", "5xx", "none",
];

fn journey_row(name: &str, journeys: &Journeys) -> Vec<String> {
    let counts = [
        journeys.begun,
        journeys.completed,
        journeys.all_abandoned(),
        journeys.unfinished,
        journeys.overruns,
    ];
    let counts = counts.map(|count| count.to_string());
    [vec![name.to_owned()], counts.to_vec()].concat()
}

fn request_row(name: String, requests: &Requests) -> Vec<String> {
    let (ms, classes) = (&requests.latency_ms, &requests.classes);
    let times = [ms.p50, ms.p95, ms.p99].map(|ms| format!("{ms:.1}"));
    let classes = [
        classes.success,
        classes.redirect,
        classes.client_error,
        classes.server_error,
        classes.none,
    ];
    let classes = classes.map(|count| count.to_string());
    let mut row = vec![name, requests.counts.arrivals.to_string()];
    row.extend(times);
    row.extend(classes);
    row
}
