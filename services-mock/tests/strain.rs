//! Processor and memory faults really strain the process. Alone in its file: what a process uses is
//! looked at, and other tests would be seen as well.

mod support;

use std::collections::BTreeMap;
use std::fs;

use http::StatusCode;
use services_mock::Running;
use support::{get, post, start, until};

const MIB: u64 = 1024 * 1024;

async fn ordered(mock: &Running, what: &str) {
    let path = format!("/api/degradation/{what}");
    let answer = post(mock.addr(), &path, "").await.expect("can be read");
    assert_eq!(answer.status, StatusCode::OK, "{what}: {}", answer.text());
}

async fn held_bytes(mock: &Running) -> u64 {
    let status = get(mock.addr(), "/api/degradation/status")
        .await
        .expect("can be read");
    status.json()["memoryHeldBytes"].as_u64().expect("a number")
}

/// Processor time in clock ticks of the threads that burn it, by thread.
fn burners() -> BTreeMap<String, u64> {
    let mut burners = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")
        .expect("can be read")
        .flatten()
    {
        let Ok(line) = fs::read_to_string(task.path().join("stat")) else {
            continue;
        };
        let Some((head, tail)) = line.rsplit_once(')') else {
            continue;
        };
        if head.ends_with("(cpu-fault") {
            let user_ticks = tail
                .split_whitespace()
                .nth(11)
                .expect("a time")
                .parse()
                .expect("a number");
            burners.insert(task.file_name().to_string_lossy().into_owned(), user_ticks);
        }
    }
    burners
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("can be read");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a line");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .expect("a size")
        .parse()
        .expect("a number");
    kib * 1024
}

#[tokio::test]
async fn processors_are_really_busy_and_memory_is_really_taken_until_released() {
    let processors = std::thread::available_parallelism().unwrap().get();
    let mock = start(|s| s.degradation_memory_mib = 200).await;
    ordered(&mock, "cpu/start?intensityPercent=100").await;
    until("a burner has used processor time", async || {
        burners().values().any(|ticks| *ticks >= 5)
    })
    .await;
    assert_eq!(burners().len(), processors);
    ordered(&mock, "cpu/stop").await;

    let before = resident_bytes();
    ordered(&mock, "memory/start?memoryPercent=50").await;
    until("half of the allowance is held", async || {
        held_bytes(&mock).await == 100 * MIB
    })
    .await;
    let taken = resident_bytes().saturating_sub(before);
    assert!(taken >= 80 * MIB, "{taken} bytes more are resident");
    ordered(&mock, "memory/stop").await;
    until("it is released", async || {
        held_bytes(&mock).await == 0 && resident_bytes() < before + 60 * MIB && burners().is_empty()
    })
    .await;
}
