//! A GAN's whole life, on a handful of the sample's pictures: trained, killed, taken up, asked for samples, measured,
//! and made to draw.

use super::place::{Place, Worker, wait_until};
use pixscribe::run::{Answer, CommandKind, RunDir, send_and_wait};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const SMALL: [&str; 4] = ["data.limit=100", "batch_size=10", "epochs=2", "labels=[\"cat\", \"frog\", \"ship\"]"];

fn train(place: &Place, run: &str, threads: usize) -> Command {
    place.train_model("gan", run, &[SMALL.as_slice(), &[&format!("runtime.threads={threads}")]].concat())
}

/// What a command prints; its error if it fails.
fn output(place: &Place, arguments: &[&str]) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        place.pixscribe().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
}

fn size_of(path: &Path) -> (u32, u32) {
    image::image_dimensions(path).unwrap()
}

fn steps_logged(place: &Place, run: &str) -> usize {
    place.events(run).iter().filter(|event| event["kind"] == "metrics").count()
}

#[test]
fn a_killed_gan_ends_with_the_bytes_of_an_untouched_one() {
    let place = Place::new();
    assert!(train(&place, "untouched", 2).status().unwrap().success());
    let due = place.last_checkpoint("untouched");
    for threads in [1, 2] {
        let run = format!("killed-{threads}");
        // A checkpoint after every step, so that the kill costs the step under way alone.
        let mut command = train(&place, &run, threads);
        let mut worker = Worker(command.args(["--set", "checkpoint_every_s=0"]).spawn().unwrap());
        wait_until("some steps are done", || steps_logged(&place, &run) >= 4);
        worker.0.kill().unwrap();
        worker.0.wait().unwrap();
        assert!(place.resume(&run).status().unwrap().success());
        assert!(place.last_checkpoint(&run) == due, "{run} has other weights");
        let resumed = place.events(&run).iter().filter(|event| event["resumed_from_step"].as_u64() > Some(0)).count();
        assert_eq!(resumed, 1, "{run} went on from a checkpoint");
    }
}

#[test]
fn a_gan_is_measured_and_draws_what_is_asked() {
    let place = Place::new();
    assert!(train(&place, "g", 2).status().unwrap().success());
    let samples: Vec<(u64, String)> = place
        .events("g")
        .iter()
        .filter(|event| event["kind"] == "samples")
        .map(|event| (event["epoch"].as_u64().unwrap(), event["path"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(samples.iter().map(|sample| sample.0).collect::<Vec<_>>(), [0, 1, 2]);
    for (_, path) in &samples {
        assert_eq!(size_of(&place.runs().join("g").join(path)), (3 * 33 + 1, 8 * 33 + 1));
    }

    let report: serde_json::Value = serde_json::from_str(&output(&place, &["eval", "g", "--json"]).unwrap()).unwrap();
    assert_eq!((report["n"].as_u64(), report["labels"].as_array().unwrap().len()), (Some(150), 3));
    let made = &report["generated"];
    let judged: u64 = made["asked_by_seen"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .filter_map(serde_json::Value::as_u64)
        .sum();
    assert_eq!((made["n"].as_u64(), judged), (Some(300), 300));
    assert!(made["judge_accuracy"].as_f64().unwrap() > 0.8, "{made}");
    assert!(made["diversity"].as_f64().unwrap() > 0.0 && made["frechet_distance"].as_f64().unwrap() > 0.0, "{made}");
    let logged = place.events("g").into_iter().rfind(|event| event["kind"] == "epoch_finished").unwrap();
    assert_eq!(report["accuracy"], logged["values"]["test/accuracy"], "eval gives the log's figure again");

    // The finished model by itself says the same.
    let small = place.weights("g").join("model.safetensors");
    let (whole, size) = (place.last_checkpoint("g").1.len() as u64, std::fs::metadata(&small).unwrap().len());
    assert!(size * 3 < whole, "{size} of {whole}");
    let set = format!("data.path={}/data/sample", env!("CARGO_MANIFEST_DIR"));
    let again = output(&place, &["eval", small.to_str().unwrap(), "--json", "--set", &set]).unwrap();
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["accuracy"], &again["generated"]), (&report["accuracy"], made));

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    output(&place, &["generate", "--model", "g", "-n", "2", "-o", &at("sheet.png")]).unwrap();
    assert_eq!(size_of(Path::new(&at("sheet.png"))), (3 * 33 + 1, 2 * 33 + 1));
    let drawn = std::fs::read(at("sheet.png")).unwrap();
    assert!(output(&place, &["generate", "--model", "g", "-o", &at("sheet.png")]).unwrap_err().contains("exists"));
    assert!(std::fs::read(at("sheet.png")).unwrap() == drawn, "nothing is overwritten");
    output(&place, &["generate", "--model", "g", "-n", "2", "-o", &at("again.png")]).unwrap();
    assert!(std::fs::read(at("again.png")).unwrap() == drawn, "the same seed draws the same");
    output(&place, &["generate", "--model", "g", "--label", "frog", "-n", "3", "-o", &at("frogs")]).unwrap();
    assert_eq!(std::fs::read_dir(at("frogs")).unwrap().count(), 3);
    let wrong = output(&place, &["generate", "--model", "g", "--label", "dog", "-o", &at("dog.png")]).unwrap_err();
    assert!(wrong.contains("cat, frog, ship"), "{wrong}");

    let frog = format!("{}/frog-0001.png", at("frogs"));
    let named = output(&place, &["predict", &frog, "--model", "g", "--json"]).unwrap();
    let named: serde_json::Value = serde_json::from_str(&named).unwrap();
    assert_eq!(named[0]["probabilities"].as_object().unwrap().len(), 3);
}

#[test]
fn fresh_pictures_of_a_label_come_from_a_worker_that_trains_on() {
    let place = Place::new();
    let mut command = train(&place, "live", 2);
    let _worker = Worker(command.args(["--set", "epochs=10000"]).spawn().unwrap());
    wait_until("some steps are done", || steps_logged(&place, "live") >= 2);
    let run = RunDir::open(&place.runs(), &"live".parse().unwrap()).unwrap();
    let ask = |label: &str| {
        let sample = CommandKind::Sample { label: Some(label.to_owned()) };
        send_and_wait(&run, sample, Duration::from_secs(30)).unwrap()
    };
    assert!(matches!(ask("frog"), Answer::Confirmed));
    let drawn = place.events("live").into_iter().rfind(|event| event["kind"] == "samples").unwrap();
    let asked = drawn["sheet"]["asked"].as_array().unwrap();
    assert!(asked.len() == 24 && asked.iter().all(|label| label == 1), "{drawn}");
    let Answer::Refused(why) = ask("dog") else { panic!("a dog was drawn") };
    assert!(why.contains("`dog`") && why.contains("frog"), "{why}");
    let before = steps_logged(&place, "live");
    wait_until("it trains on", || steps_logged(&place, "live") > before);
}

#[test]
fn a_label_head_alone_is_measured_and_draws_nothing() {
    let place = Place::new();
    let sets = [SMALL.as_slice(), &["generator=false"]].concat();
    assert!(place.train_model("gan", "head", &sets).status().unwrap().success());
    assert!(place.events("head").iter().all(|event| event["kind"] != "samples"));
    let report: serde_json::Value =
        serde_json::from_str(&output(&place, &["eval", "head", "--json"]).unwrap()).unwrap();
    assert!(report["accuracy"].is_number() && report.get("generated").is_none(), "{report}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png").to_str().unwrap().to_owned();
    let refused = output(&place, &["generate", "--model", "head", "-o", &path]).unwrap_err();
    assert!(refused.contains("without its generator"), "{refused}");
}
