//! Loading settings: what beats what, what is refused and how, and that nothing is lost between writing and reading.

use std::path::PathBuf;

use pixscribe::config::{Config, ConfigError, DeviceChoice, Flip, ModelKind, Preset, load, load_for_resume};
use proptest::prelude::*;

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn load_text(text: &str, sets: &[&str]) -> Result<Config, ConfigError> {
    let (_folder, path) = file(text);
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    load(Some(&path), &sets, Some(ModelKind::Cnn))
}

#[test]
fn the_settings_of_a_run_of_an_earlier_program_still_load() {
    let text = include_str!("data/config/earlier.toml");
    let (_folder, path) = file(text);
    let config = load_for_resume(&path, &[]).unwrap();
    assert_eq!(config.model, Some(ModelKind::Diffusion));
    let written: toml::Table = text.parse().unwrap();
    let read = toml::Table::try_from(&config).unwrap();
    for (section, settings) in written.iter().filter_map(|(name, value)| Some((name, value.as_table()?))) {
        for (key, value) in settings {
            assert_eq!(read[section].get(key), Some(value), "{section}.{key}");
        }
    }
}

/// The message with the file's folder taken off.
fn refusal(text: &str, sets: &[&str]) -> String {
    let message = load_text(text, sets).expect_err(text).to_string();
    match message.split_once("config.toml") {
        Some((_, rest)) => format!("config.toml{rest}"),
        None => message,
    }
}

#[test]
fn a_set_beats_the_file_and_the_file_beats_the_preset() {
    let config = load_text("[cnn]\nepochs = 3\nlearning_rate = 2\n", &["epochs=4"]).unwrap();
    assert_eq!((config.cnn.epochs, config.cnn.learning_rate), (4, 2.0));
    assert_eq!(config.cnn.batch_size, Config::default().cnn.batch_size);
}

#[test]
fn a_preset_brings_its_own_values_and_leaves_what_was_set() {
    let config = load_text("[cnn]\nmomentum = 0.5\n", &["preset=plain"]).unwrap();
    let plain = Config::of_preset(Preset::Plain).cnn;
    assert_eq!(config.cnn.momentum, 0.5);
    assert_eq!(config.cnn.batch_size, plain.batch_size);
    assert_ne!(plain.batch_size, Config::default().cnn.batch_size);
}

#[test]
fn sets_are_toml_values_and_else_text() {
    let sets = [
        "data.path=/some where/else",
        "runtime.launcher=[\"nice\", \"-n\"]",
        "runtime.device=cuda:1",
        "cnn.flip = \"alternating\"",
        "seed=7",
    ];
    let config = load_text("", &sets).unwrap();
    assert_eq!(config.data.path, Some(PathBuf::from("/some where/else")));
    assert_eq!(config.runtime.launcher, ["nice", "-n"]);
    assert_eq!(config.runtime.device, DeviceChoice::Cuda(1));
    assert_eq!((config.cnn.flip, config.cnn.seed), (Flip::Alternating, 7));
}

#[test]
fn a_folder_may_be_called_like_a_number() {
    for name in ["2024", "2024-01-01", "true", "1e3"] {
        let config = load_text("", &[&format!("data.path={name}")]).unwrap();
        assert_eq!(config.data.path, Some(PathBuf::from(name)));
    }
}

#[test]
fn a_later_set_beats_an_earlier_one() {
    assert_eq!(load_text("", &["seed=1", "cnn.seed=2"]).unwrap().cnn.seed, 2);
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    let cases = [
        ("[cnn]\nepochs = 0", "config.toml: cnn.epochs = 0 is not allowed: it must be a whole number from 1 to 10000"),
        (
            "[cnn]\nlearning_rate = nan",
            "config.toml: cnn.learning_rate = nan is not allowed: it must be a number above 0, up to 1000",
        ),
        (
            "[cnn]\npreset = \"big\"",
            "config.toml: cnn.preset = \"big\" is not allowed: it must be \"plain\" or \"default\"",
        ),
        (
            "[ui]\ngraphics = 3",
            "config.toml: ui.graphics = 3 is not allowed: it must be \"auto\", \"kitty\", \"iterm\", \"sixel\", \"blocks\" or \"ascii\"",
        ),
        (
            "[runtime]\ndevice = \"gpu\"",
            "config.toml: runtime.device = \"gpu\" is not allowed: it must be \"auto\", \"cpu\", \"cuda\" or \"cuda:N\" with N from 0 to 999",
        ),
        ("[cnn]\nseed = {a = 1}", "config.toml: cnn.seed = a section is not allowed: it must be a whole number from 0"),
        (
            "cnn = 3",
            "config.toml: there is no setting `cnn` (value 3): did you mean the section [cnn]? The sections are [data], [runtime], [cnn], [gan], [diffusion], [captioner], [ui]",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refusal(text, &[]), message);
    }
}

#[test]
fn an_unknown_key_gets_the_nearest_known_one() {
    let message = refusal("[cnn]\nepoch = 5", &[]);
    assert!(
        message.starts_with(
            "config.toml: there is no setting `cnn.epoch` (value 5): did you mean `cnn.epochs`? [cnn] has preset, seed"
        ),
        "{message}"
    );
    assert!(refusal("[gan]\nepoch = 5", &[]).contains("did you mean `gan.epochs`?"), "its own section's key first");
    assert!(refusal("[gan]\nmomentum = 5", &[]).contains("did you mean `cnn.momentum`?"), "else another's");
    assert!(refusal("[cn]\nepochs = 5", &[]).contains("did you mean the section [cnn]?"));
    assert!(refusal("epochs = 5", &[]).contains("did you mean `cnn.epochs`?"));
    assert!(!refusal("[cnn]\nzzzzzzzz = 5", &[]).contains("did you mean"));
}

#[test]
fn a_wrong_set_names_itself_and_is_bad_usage() {
    for (set, part) in [
        ("epochs=0", "--set: cnn.epochs = 0 is not allowed"),
        ("cnn.epoch=1", "did you mean `cnn.epochs`?"),
        ("epochs", "--set \"epochs\" has no `=`: write key=value, such as runtime.threads=1"),
        ("epochs=2\n[ui]\n", "--set: cnn.epochs = \"2\\n[ui]\" is not allowed"),
        ("cnn.preset.x=1", "there is no setting `cnn.preset.x`"),
    ] {
        let error = load_text("", &[set]).expect_err(set);
        assert!(error.is_bad_usage() && error.to_string().contains(part), "{set:?}: {error}");
    }
    let bare = load(Some(&file("").1), &["seed=3".to_owned()], None);
    assert!(bare.is_err(), "a bare key needs a model");
}

#[test]
fn files_that_are_no_settings_are_clear_errors() {
    assert!(refusal("[cnn\n", &[]).starts_with("config.toml is not valid TOML: line 1: "));
    assert!(refusal("\n\nseed = 1\nseed = 2", &[]).contains("line 4: "));
    let deep = format!("cnn = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(refusal(&deep, &[]).contains("is not valid TOML"));
    let missing = load(Some("no/such/config.toml".as_ref()), &[], None).unwrap_err();
    assert!(missing.to_string().starts_with("cannot read the settings file no/such/config.toml: "));
    let endless = load(Some("/dev/zero".as_ref()), &[], None).unwrap_err().to_string();
    assert!(endless.contains("is larger than 1048576 bytes"), "{endless}");
    let (_folder, path) = file("");
    std::fs::write(&path, b"[cnn]\nseed = 1 # \xff\n").unwrap();
    assert!(load(Some(&path), &[], None).unwrap_err().to_string().contains("cannot read the settings file"));
}

#[test]
fn values_in_messages_carry_no_control_characters() {
    let message = refusal("[cnn]\nflip = \"\\u001b[2J\"", &[]);
    assert!(!message.contains('\u{1b}'), "{message:?}");
}

fn stored() -> (tempfile::TempDir, PathBuf, Config) {
    let config = load_text("[cnn]\npreset = \"plain\"\nepochs = 4\n", &[]).unwrap();
    let (folder, path) = file(&config.to_toml().unwrap());
    (folder, path, config)
}

#[test]
fn a_run_goes_on_with_other_epochs_threads_and_device() {
    let (_folder, path, stored) = stored();
    assert_eq!(load_for_resume(&path, &[]).unwrap(), stored);
    let sets = ["epochs=9", "runtime.threads=1", "runtime.device=cpu"].map(str::to_owned);
    let resumed = load_for_resume(&path, &sets).unwrap();
    assert_eq!((resumed.cnn.epochs, resumed.runtime.threads), (9, 1));
    assert_eq!(resumed.cnn.batch_size, stored.cnn.batch_size);
}

#[test]
fn a_run_cannot_become_another_one() {
    let (_folder, path, _) = stored();
    for (set, key) in [
        ("seed=9", "cnn.seed is 1"),
        ("data.limit=5", "data.limit is unset"),
        ("preset=default", "cnn.preset is \"plain\""),
    ] {
        let error = load_for_resume(&path, &[set.to_owned()]).expect_err(set).to_string();
        assert!(error.starts_with(key) && error.contains("only epochs, threads and device may change"), "{error}");
    }
}

prop_compose! {
    fn any_config()(
        (path, limit) in (prop::option::of("[a-z/ .\"\\\\é]{1,20}"), prop::option::of(1usize..100_000_000)),
        (device, threads, launcher) in (0usize..4, 0usize..1025, prop::collection::vec("[ -~]{0,12}", 0..4)),
        (preset, seed, epochs, batch_size) in (0usize..2, 0..i64::MAX as u64, 1u64..10_001, 1usize..65_537),
        (learning_rate, momentum, smoothing) in (1e-12f64..1000.0, 0.0f64..0.9999, 0.0f64..0.99),
        (flip, shift, checkpoint_every_s) in (0usize..3, 0usize..17, 0.0f64..86_400.0),
    ) -> Config {
        let mut config = Config::of_preset(Preset::ALL[preset]);
        config.model = Some(ModelKind::Cnn);
        config.data.path = path.map(PathBuf::from);
        config.data.limit = limit;
        config.runtime.device = [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Cuda(7)][device];
        config.runtime.threads = threads;
        config.runtime.launcher = launcher;
        config.cnn.seed = seed;
        config.cnn.epochs = epochs;
        config.cnn.batch_size = batch_size;
        config.cnn.learning_rate = learning_rate;
        config.cnn.momentum = momentum;
        config.cnn.label_smoothing = smoothing;
        config.cnn.flip = Flip::ALL[flip];
        config.cnn.shift = shift;
        config.cnn.checkpoint_every_s = checkpoint_every_s;
        config
    }
}

proptest! {
    #[test]
    fn a_run_file_gives_back_its_settings(config in any_config()) {
        let (_folder, path) = file(&config.to_toml().unwrap());
        let again = load(Some(&path), &[], None).unwrap();
        prop_assert_eq!(again.config_hash().unwrap(), config.config_hash().unwrap());
        prop_assert_eq!(again, config);
    }

    #[test]
    fn no_text_makes_loading_panic(text in "[\\[\\]a-z_=\" .0-9\n#{}]{0,80}", set in "[a-z.=\"\\[ 0-9]{0,20}") {
        let _ = load_text(&text, &[&set]);
    }
}
