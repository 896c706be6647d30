//! A tiny run from start to end: what it writes, that it repeats, and that it goes on after an
//! interruption.

use lb_policy::model::{LoadOptions, RuntimeChoice, load_version};
use lb_policy::{features::schema_id, time::Timestamp};
use lb_simulator::family::Family;
use lb_trainer::{
    progress::Progress,
    publish::{Destination, Provenance, publish},
    settings::Settings,
    train::{Trained, train},
    weights::Weights,
    work_folder::{Identity, WorkFolder},
};
use std::{fs, path::Path};

fn settings() -> Settings {
    let mut settings = Settings {
        scenarios: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/tiny.yaml"),
        ..Settings::default()
    };
    settings.network.first = 8;
    settings.network.second = 6;
    settings.members = 2;
    settings.gather.rounds = 3;
    settings.gather.scenarios = 4;
    settings.fit.window = 2;
    settings.fit.batch = 64;
    settings.validate.scenarios = 3;
    settings.finetune.generations = 4;
    settings.finetune.pairs = 2;
    settings.finetune.scenarios = 2;
    settings.finetune.validate_every = 2;
    settings
}

fn train_in(folder: &Path, settings: &Settings) -> Trained {
    let identity = Identity {
        settings,
        scenarios_sha256: String::new(),
        schema: schema_id().to_owned(),
    };
    let work = WorkFolder::open(folder, &identity).expect("the folder is ours");
    let family = Family::load(&settings.scenarios).expect("the family is sound");
    train(&family, settings, &work, &Progress::silent()).expect("trains")
}

fn publish_to(dir: &Path, trained: &Trained, settings: &Settings) {
    let provenance = Provenance {
        command: "trainer train".to_owned(),
        commit: "0123".to_owned(),
    };
    let destination = Destination::parse(dir).expect("ends in a version");
    publish(trained, settings, &provenance, &destination).expect("the folder is writable");
}

#[test]
fn the_same_run_gives_the_same_files_and_so_does_an_interrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let settings = settings();
    let whole = train_in(&at("whole"), &settings);
    let again = train_in(&at("again"), &settings);

    // As if the second network's third round had been interrupted: the second one's data have to
    // come again.
    fs::create_dir(at("resumed")).unwrap();
    for entry in fs::read_dir(at("whole")).unwrap() {
        let file = entry.unwrap().file_name();
        let later = ["network-2-round-3.json", "mean.json", "search.json"];
        if !later.iter().any(|later| file == *later) {
            fs::copy(at("whole").join(&file), at("resumed").join(&file)).unwrap();
        }
    }
    let resumed = train_in(&at("resumed"), &settings);
    assert_eq!(whole, resumed);

    for (name, trained) in [("whole", &whole), ("again", &again), ("resumed", &resumed)] {
        publish_to(&at("models").join(name).join("2"), trained, &settings);
    }
    for file in ["weights.json", "training.json", "curve.svg"] {
        let bytes = |name: &str| fs::read(at("models").join(name).join("2").join(file)).unwrap();
        assert!(bytes("whole") == bytes("again"), "{file} differs");
        assert!(bytes("whole") == bytes("resumed"), "{file} differs");
    }
}

#[test]
fn what_it_writes_is_a_model_that_the_proxy_loads() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings();
    let trained = train_in(&folder.path().join("work"), &settings);
    let dir = folder.path().join("tiny/7");
    publish_to(&dir, &trained, &settings);

    let mut options = LoadOptions::new(|| Timestamp::ZERO);
    options.runtime = RuntimeChoice::Native;
    let model = load_version(&dir, &options).unwrap();
    assert_eq!((model.name(), model.version()), ("tiny", 7));
    assert_eq!(Weights::load(&dir).unwrap(), trained.weights);

    let card = fs::read_to_string(dir.join("MODEL_CARD.md")).unwrap();
    for text in [
        "trainer train",
        "| Seed | 1 |",
        "peak_ewma",
        "network 2, round 3",
        "mean of the networks",
        "rounds: 3",
    ] {
        assert!(card.contains(text), "the card lacks {text:?}");
    }
    let manifest = fs::read_to_string(dir.join("manifest.yaml")).unwrap();
    assert!(manifest.contains("in_flight"), "ranges are missing");

    let again = Destination::parse(&dir).unwrap().check_free().unwrap_err();
    assert!(again.to_string().contains("never overwritten"));
}

#[test]
fn another_seed_gives_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.gather.rounds = 1;
    settings.members = 1;
    settings.finetune.generations = 0;
    let first = train_in(&folder.path().join("1"), &settings);
    settings.seed = 2;
    let second = train_in(&folder.path().join("2"), &settings);
    assert_ne!(first.weights, second.weights);
    assert_eq!(first.history.chosen, "network 1, round 1");
    assert_eq!(first.history.mean, None);
    assert_eq!(
        first.history.baselines, second.history.baselines,
        "validation scenarios do not depend on the seed"
    );
}

#[test]
fn several_networks_are_those_of_their_seeds_and_the_model_may_be_their_mean() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.finetune.generations = 0;
    let both = train_in(&folder.path().join("both"), &settings);
    settings.members = 1;
    let alone = [1, 2].map(|seed| {
        settings.seed = seed;
        train_in(&folder.path().join(seed.to_string()), &settings)
    });
    let weights = alone.each_ref().map(|trained| trained.weights.clone());
    let score = |trained: &Trained| trained.history.score;
    let mean = both.history.mean.expect("there are two networks");
    let scores = [score(&alone[0]), score(&alone[1]), mean];
    let best = (0..3).min_by(|a, b| scores[*a].objective.total_cmp(&scores[*b].objective));
    let expected = [
        ("network 1, round 3", weights[0].clone()),
        ("network 2, round 3", weights[1].clone()),
        ("mean of 2 networks", Weights::mean_of(&weights).unwrap()),
    ];
    let (name, weights) = &expected[best.expect("there are three")];
    assert_eq!(both.history.chosen, *name);
    assert_eq!(both.weights, *weights);
}
