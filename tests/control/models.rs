//! Models taken over, refused and kept by a reload.

use crate::{authored, backends::Backends, support::edge::Edge};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A proxy that serves version 1 of a model of its own.
struct Scene {
    edge: Edge,
    model: PathBuf,
    backends: Backends,
}

impl Scene {
    fn start() -> Self {
        Self::start_with(|model| authored::write_good(model, 1, 0.0))
    }

    fn start_with(prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let model = folder.path().join("model");
        prepare(&model);
        let backends = Backends::start(2);
        let config = format!(
            "admin: {{ address: 127.0.0.1:0 }}\nlisteners: [{{ address: 127.0.0.1:0 }}]\naccess_log: off\nclusters: [{{ name: web, {}, policy: {{ type: onnx, model: {}, runtime: native, score_budget: 1s }} }}]\nroutes: [{{ match: {{ path_prefix: / }}, cluster: web }}]\n",
            backends.discovery([0, 1]),
            model.display()
        );
        let edge = Edge::start_in(folder, &config, &[]);
        Self {
            edge,
            model,
            backends,
        }
    }

    fn served(&self) -> Value {
        self.edge.admin_get("/policy").json()["clusters"][0]["model"].clone()
    }

    fn version(&self) -> u64 {
        self.served()["version"].as_u64().expect("a version")
    }

    fn last_success(&self) -> f64 {
        let metric = self.edge.metric("lb_model_last_reload_success", &[]);
        metric.expect("always there")
    }

    /// Fails unless a reload is refused with all of `named`, and version `kept` goes on.
    fn assert_refused(&mut self, kept: u64, named: &[&str]) {
        let before = self.served();
        let refused = self.edge.reload().expect_err("a broken model");
        for part in named {
            assert!(refused.contains(part), "no {part:?} in {refused}");
        }
        assert_eq!(self.served(), before);
        assert_eq!(self.version(), kept);
        assert!(self.last_success() < 0.5);
        assert_eq!(self.edge.admin_get("/ready").status, 200);
        assert_eq!(self.edge.get("/").status, 200);
    }

    fn assert_serves(&mut self, version: u64) {
        self.edge
            .reload()
            .unwrap_or_else(|error| panic!("version {version}: {error}"));
        assert_eq!(self.version(), version);
        assert_eq!(self.edge.get("/").status, 200);
    }
}

#[test]
fn a_newer_model_takes_over_and_is_told_everywhere() {
    let mut scene = Scene::start();
    let old = scene.served()["sha256"].clone();
    authored::write_good(&scene.model, 2, 1.0);
    scene.assert_serves(2);
    let served = scene.served();
    let sha256 = served["sha256"].as_str().expect("a sha256").to_owned();
    assert_ne!(served["sha256"], old);
    let info = format!("sha256=\"{sha256}\"");
    assert_eq!(scene.edge.metric("lb_policy_info", &[&info]), Some(1.0));
    assert_eq!(scene.edge.metric("lb_policy_info", &[]), Some(1.0));
    assert!(scene.last_success() > 0.5);
    let old = old.as_str().expect("a sha256").to_owned();
    scene.edge.await_true("old and new in one line", |edge| {
        let log = edge.log_so_far();
        log.lines()
            .any(|line| line.contains(&sha256) && line.contains(&old))
    });
}

#[test]
fn a_broken_newest_model_is_refused_until_it_is_mended_or_removed() {
    let mut scene = Scene::start();
    authored::write_not_a_number(&scene.model, 2);
    let graph = scene.model.join("2/model.onnx").display().to_string();
    scene.assert_refused(1, &[&graph, "NaN"]);
    authored::remove(&scene.model, 2);
    scene.assert_serves(1);
    assert!(scene.last_success() > 0.5);
    authored::write_good(&scene.model, 3, 1.0);
    authored::truncate(&scene.model, 3);
    scene.assert_refused(1, &["3/model.onnx", "sha256"]);
    authored::remove(&scene.model, 3);
    authored::write_good(&scene.model, 3, 1.0);
    scene.assert_serves(3);
    assert!(scene.last_success() > 0.5);
}

#[test]
fn of_a_good_and_a_newer_broken_model_the_good_one_takes_over_and_the_broken_one_is_told() {
    let mut scene = Scene::start();
    authored::write_good(&scene.model, 2, 1.0);
    authored::write_not_a_number(&scene.model, 3);
    scene.assert_serves(2);
    assert!(scene.last_success() < 0.5, "the newest could not be served");
    scene.edge.await_true("the log names it", |edge| {
        edge.log_so_far().contains("3/model.onnx")
    });
}

#[test]
fn at_start_the_highest_good_model_is_served_and_the_broken_one_told() {
    let mut scene = Scene::start_with(|model| {
        authored::write_good(model, 1, 0.0);
        authored::write_not_a_number(model, 2);
    });
    assert_eq!(scene.version(), 1);
    assert!(scene.last_success() < 0.5);
    scene.edge.await_true("the log names it", |edge| {
        edge.log_so_far().contains("2/model.onnx")
    });
}

#[test]
fn a_running_model_that_is_damaged_on_disk_keeps_serving() {
    let mut scene = Scene::start();
    authored::truncate(&scene.model, 1);
    scene.assert_refused(1, &["1/model.onnx"]);
    authored::remove(&scene.model, 1);
    scene.assert_refused(1, &["no version can be served"]);
}

#[test]
fn damage_to_the_running_model_is_no_way_back_to_an_older_one_and_its_removal_is() {
    let mut scene = Scene::start();
    authored::write_good(&scene.model, 2, 1.0);
    scene.assert_serves(2);
    authored::truncate(&scene.model, 2);
    scene.assert_refused(2, &["2/model.onnx"]);
    authored::remove(&scene.model, 2);
    authored::write_not_a_number(&scene.model, 3);
    scene.assert_refused(2, &["3/model.onnx"]);
    authored::remove(&scene.model, 3);
    scene.assert_serves(1);
}

#[test]
fn a_version_that_is_still_being_written_is_not_served() {
    let mut scene = Scene::start();
    authored::write_good(&scene.model, 2, 1.0);
    std::fs::remove_file(scene.model.join("2/manifest.yaml")).expect("written last");
    scene.assert_refused(1, &["2/manifest.yaml"]);
    assert_eq!(scene.backends.mock(0).in_flight(), 0);
}
