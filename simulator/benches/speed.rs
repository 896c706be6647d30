//! Simulated requests per second of one core, with sixteen endpoints and four balancers. Run it
//! with `cargo bench -p lb-simulator --bench speed`; it prints a median for each policy, in
//! processor time.

use lb_policy::{
    model::{Scorer, compile_native},
    policies::{Choices, LoadSource, Onnx, OnnxSettings, Policy, PolicyConfig, build},
};
use lb_simulator::{
    scenario::{
        Arrivals, Class, Demand, Discipline, HealthCheck, Information, Outlier, Rate, Registry,
        Retry, Scenario, Server,
    },
    simulation::{Chooser, run},
};
use rustix::time::{ClockId, clock_gettime};
use std::{io::Write, sync::Arc};

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../models/default/7/model.onnx"
);
const ENDPOINTS: usize = 16;
const BALANCERS: usize = 4;
const ROUNDS: usize = 7;
/// Requests per second of virtual time: 70 % of what the servers can do.
const RATE: f64 = 0.7 * ENDPOINTS as f64 * 2.0 / WORK;
const WORK: f64 = 0.01;

fn main() {
    let model: Arc<dyn Scorer> = {
        let bytes = std::fs::read(MODEL).expect("the default model is in the repository");
        Arc::from(compile_native(&bytes).expect("the default model compiles"))
    };
    let least_request = || build(&PolicyConfig::LEAST_REQUEST);
    let full = || {
        build(&PolicyConfig::LeastRequest {
            choices: Choices::All,
            load: LoadSource::Own,
            error_factor: 0.0,
        })
    };
    let peak_ewma = || build(&PolicyConfig::PEAK_EWMA);
    let onnx = || -> Box<dyn Policy> {
        let settings = OnnxSettings::default();
        let fallback = build(&PolicyConfig::PEAK_EWMA);
        Box::new(Onnx::new(Arc::clone(&model), settings, fallback))
    };
    measure("least_request of 2", 400_000, &least_request);
    measure("least_request of all", 400_000, &full);
    measure("peak_ewma", 200_000, &peak_ewma);
    measure("onnx", 100_000, &onnx);
}

/// Prints the median of several rounds.
fn measure(name: &str, requests: u32, policy: &dyn Fn() -> Box<dyn Policy>) {
    let scenario = scenario(f64::from(requests));
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let choosers = (0..BALANCERS).map(|_| Chooser::Policy(policy())).collect();
            let started = processor_seconds();
            let result = run(&scenario, choosers, None);
            result.requests as f64 / (processor_seconds() - started)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let (least, median, most) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{name:<22} {:>6.0} thousand requests/s (of {ROUNDS} rounds {:.0} to {:.0})",
        median / 1e3,
        least / 1e3,
        most / 1e3
    )
    .expect("standard output is open");
}

/// Time that this thread has had a core; other programs do not count.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn scenario(requests: f64) -> Scenario {
    let server = Server {
        cores: 2.0,
        speed: 1.0,
        discipline: Discipline {
            workers: usize::MAX,
            queue: 0,
        },
        rtt: 0.001,
        weight: 1,
        joined: true,
    };
    Scenario {
        name: "speed".to_owned(),
        seed: 1,
        duration: requests / RATE,
        warm_up: 0.0,
        counted: Vec::new(),
        balancers: vec![1.0 / BALANCERS as f64; BALANCERS],
        servers: vec![server; ENDPOINTS],
        classes: vec![Class {
            share: 1.0,
            demand: Demand::Exponential { mean: WORK },
        }],
        arrivals: Arrivals::Rates(vec![Rate {
            from: 0.0,
            per_second: RATE,
        }]),
        changes: Vec::new(),
        timeout: 10.0,
        health_check: Some(HealthCheck {
            interval: 2.0,
            timeout: 1.0,
            work: 0.001,
            noise: 0.0,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
        }),
        outlier: Some(Outlier {
            errors_in_a_row: 5,
            interval: 10.0,
            base_ejection: 5.0,
            max_ejection: 0.5,
            min_error_ratio: 10.0,
        }),
        panic_threshold: 0.5,
        retry: Retry {
            attempts: 0,
            budget: 0.2,
        },
        information: Information {
            piggyback: true,
            momentary_utilization: false,
            registry: Some(Registry {
                interval: 1.0,
                lag: 0.5,
            }),
        },
    }
}
