//! Whole runs within this process, with a batch that is spoilt on purpose.

use super::*;
use crate::config::{CaptionerConfig, CnnConfig, DataConfig, DiffusionConfig, GanConfig, RuntimeConfig};
use crate::run::read_events;
use crate::train::material::spoilt;
use std::path::Path;

const SPOILT: u64 = 3;

/// A run of one epoch on a hundred pictures, with a checkpoint after every step.
fn a_run(root: &Path, model: ModelKind) -> RunDir {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
    let config = Config {
        model: Some(model),
        data: DataConfig { path: Some(sample), limit: Some(100) },
        // Runs of others that compute on this machine are not waited for.
        runtime: RuntimeConfig { slots: 64, ..RuntimeConfig::default() },
        cnn: CnnConfig { batch_size: 18, epochs: 1, checkpoint_every_s: 0.0, ..CnnConfig::default() },
        gan: GanConfig { batch_size: 18, epochs: 1, checkpoint_every_s: 0.0, ..GanConfig::default() },
        diffusion: DiffusionConfig {
            batch_size: 18,
            epochs: 1,
            sample_steps: 2,
            classified: 2,
            fitted: 2,
            checkpoint_every_s: 0.0,
            ..DiffusionConfig::default()
        },
        captioner: CaptionerConfig {
            batch_size: 18,
            epochs: 1,
            width: 16,
            heads: 2,
            layers: 1,
            checkpoint_every_s: 0.0,
            ..CaptionerConfig::default()
        },
        ..Config::default()
    };
    RunDir::create(root, &"run".parse().unwrap(), &config.to_toml().unwrap()).unwrap()
}

fn compute(of: &RunDir, spoil: Option<u64>) -> State {
    spoilt::STEP.set(spoil);
    run(of, &StartOptions::default(), &Signals::default(), &mut Unwatched).unwrap()
}

fn finished_weights(run: &RunDir) -> Vec<u8> {
    std::fs::read(run.weights_dir().join(crate::train::checkpoints::MODEL)).unwrap()
}

#[test]
fn a_nan_in_a_batch_ends_the_run_as_diverged_and_its_last_good_checkpoint_goes_on() {
    for model in [ModelKind::Cnn, ModelKind::Gan, ModelKind::Diffusion, ModelKind::Captioner] {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let run = a_run(root.path(), model);
        let state = compute(&run, Some(SPOILT));
        assert_eq!((state.phase, state.step), (Phase::Diverged, SPOILT), "{model}");
        let reason = state.reason.unwrap();
        assert!(reason.contains("NaN at step 3; try a lower learning_rate"), "{reason}");
        let (events, _) = read_events(&run.events_path()).unwrap();
        let saved = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::CheckpointSaved { step, .. } => Some(*step),
            _ => None,
        });
        assert_eq!(saved, Some(SPOILT), "the weights of before the spoilt step");

        // The same run with whole numbers from there, and one that never saw the others.
        assert_eq!(compute(&run, None).phase, Phase::Finished);
        let untouched = a_run(other.path(), model);
        compute(&untouched, None);
        assert!(finished_weights(&run) == finished_weights(&untouched), "{model}");
    }
}

#[test]
fn what_a_run_is_resumed_with_stays_its_own() {
    let root = tempfile::tempdir().unwrap();
    let a_run = a_run(root.path(), ModelKind::Cnn);
    assert_eq!(compute(&a_run, None).epoch, 1);
    let options = StartOptions { sets: vec!["epochs=2".to_owned()], ..StartOptions::default() };
    let state = run(&a_run, &options, &Signals::default(), &mut Unwatched).unwrap();
    assert_eq!((state.phase, state.epoch), (Phase::Finished, 2));
    let kept = config::load(Some(&a_run.config_path()), &[], None).unwrap();
    assert_eq!((kept.cnn.epochs, kept.data.limit), (2, Some(100)));
    let refused = StartOptions { sets: vec!["seed=2".to_owned()], ..StartOptions::default() };
    assert!(matches!(
        run(&a_run, &refused, &Signals::default(), &mut Unwatched),
        Err(WorkerError::Config(ConfigError::FixedOnResume { .. }))
    ));
}
