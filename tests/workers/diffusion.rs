//! A diffusion model's whole life, on a handful of the sample's pictures: trained, killed, taken up, measured, and made
//! to draw and to restore.

use super::place::{Place, Worker, wait_until};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SMALL: [&str; 7] = [
    "data.limit=100",
    "batch_size=9",
    "epochs=2",
    "labels=[\"cat\", \"frog\", \"ship\"]",
    "sample_steps=3",
    "classified=5",
    "fitted=3",
];

fn train(place: &Place, run: &str, threads: usize) -> Command {
    place.train_model("diffusion", run, &[SMALL.as_slice(), &[&format!("runtime.threads={threads}")]].concat())
}

/// What a command prints; its error if it fails.
fn output(place: &Place, arguments: &[&str]) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        place.pixscribe().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
}

fn json(place: &Place, arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&output(place, arguments).unwrap()).unwrap()
}

fn steps_logged(place: &Place, run: &str) -> usize {
    place.events(run).iter().filter(|event| event["kind"] == "metrics").count()
}

/// A picture of the test split as a file.
fn picture(folder: &Path, name: &str, (width, height): (u32, u32)) -> String {
    let path = folder.join(name);
    let value = |x: u32, y: u32| image::Rgb([(x * 5 % 200) as u8 + 20, (y * 7 % 200) as u8 + 20, 120]);
    image::RgbImage::from_fn(width, height, value).save(&path).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_killed_training_ends_with_the_bytes_of_an_untouched_one() {
    let place = Place::new();
    assert!(train(&place, "untouched", 2).status().unwrap().success());
    let due = place.last_checkpoint("untouched");
    // A checkpoint after every step, so that the kill costs the step under way alone.
    let mut command = train(&place, "killed", 1);
    let mut worker = Worker(command.args(["--set", "checkpoint_every_s=0"]).spawn().unwrap());
    wait_until("some steps are done", || steps_logged(&place, "killed") >= 2);
    worker.0.kill().unwrap();
    worker.0.wait().unwrap();
    assert!(place.resume("killed").status().unwrap().success());
    assert!(place.last_checkpoint("killed") == due, "it has other weights");
    let resumed = place.events("killed").iter().filter(|event| event["resumed_from_step"].as_u64() > Some(0)).count();
    assert_eq!(resumed, 1, "it went on from a checkpoint");
}

#[test]
fn it_is_measured_draws_what_is_asked_and_restores() {
    let place = Place::new();
    assert!(train(&place, "d", 2).status().unwrap().success());
    let samples: Vec<serde_json::Value> =
        place.events("d").into_iter().filter(|event| event["kind"] == "samples").collect();
    assert_eq!(samples.iter().map(|sample| sample["epoch"].as_u64()).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    for path in [&samples[2]["path"], &samples[2]["sheet"]["strip"]] {
        let path = place.runs().join("d").join(path.as_str().unwrap());
        assert_eq!(image::image_dimensions(path).unwrap(), (3 * 33 + 1, 8 * 33 + 1));
    }
    let logged = place.events("d").into_iter().rfind(|event| event["kind"] == "epoch_finished").unwrap();
    for name in ["held_out/loss", "held_out/loss/t0.44", "held_out/accuracy", "test/accuracy", "diversity"] {
        assert!(logged["values"][name].is_number(), "{name}: {logged}");
    }

    let report = json(&place, &["eval", "d", "--limit", "6", "--steps", "1", "--guidance", "1", "--json"]);
    assert_eq!((report["n"].as_u64(), report["calls_per_image"].as_u64()), (Some(6), Some(3 * 8 + 3 * 12 + 2 * 20)));
    assert!(report["ms_per_image"].as_f64().unwrap() > 0.0);
    assert_eq!(report["generated"]["n"].as_u64(), Some(300));

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let generate = |out: &str, more: &[&str]| {
        output(&place, &[["generate", "--model", "d", "-n", "2", "-o", &at(out)].as_slice(), more].concat())
    };
    generate("sheet.png", &["--steps", "3", "--guidance", "1"]).unwrap();
    generate("again.png", &["--steps", "3", "--guidance", "1"]).unwrap();
    generate("other.png", &["--steps", "4", "--guidance", "1"]).unwrap();
    let bytes = |name: &str| std::fs::read(at(name)).unwrap();
    assert!(bytes("again.png") == bytes("sheet.png") && bytes("other.png") != bytes("sheet.png"));

    let (clean, odd) = (picture(folder.path(), "a.png", (32, 32)), picture(folder.path(), "b.png", (40, 21)));
    let restore =
        |task: &[&str]| output(&place, &[["restore", "--model", "d", "-o", &at("out")].as_slice(), task].concat());
    let said =
        restore(&[&clean, &odd, "--task", "denoise", "--sigma", "0.1", "--reference", folder.path().to_str().unwrap()]);
    let said = said.unwrap();
    assert!(said.lines().count() == 2 && said.contains("PSNR") && said.contains("SSIM"), "{said}");
    assert_eq!(image::image_dimensions(at("out/b.png")).unwrap(), (40, 21));
    let kept = bytes("out/a.png");
    assert!(restore(&[&clean, "--task", "denoise"]).unwrap_err().contains("exists already"));
    assert!(bytes("out/a.png") == kept, "nothing is overwritten unasked");
    let estimated = restore(&[&clean, "--task", "denoise", "--overwrite", "--json"]).unwrap();
    let estimated: serde_json::Value = serde_json::from_str(&estimated).unwrap();
    assert!(estimated[0]["sigma_was_estimated"] == true && estimated[0]["measures"].is_null(), "{estimated}");

    for (task, odd_one) in [("denoise", true), ("deblur", false), ("inpaint", true)] {
        let path = if odd_one { &odd } else { &clean };
        let said = restore(&[path, "--task", task, "--damage", "--overwrite", "--json"]).unwrap();
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let damaged = image::open(said[0]["damaged"].as_str().unwrap()).unwrap();
        assert!(damaged.to_rgb8() != image::open(path).unwrap().to_rgb8(), "{task}");
        assert!(said[0]["measures"]["psnr_of_input"].is_number() && said[0]["sigma_was_estimated"] == false, "{said}");
    }
}

#[test]
fn what_cannot_be_restored_is_refused_in_a_sentence() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (one, two) = (picture(folder.path(), "a.png", (32, 32)), picture(folder.path(), "b.png", (8, 9)));
    std::fs::create_dir(at("sub")).unwrap();
    let same = picture(&folder.path().join("sub"), "a.png", (32, 32));
    let strange = at("c.xyz");
    std::fs::write(&strange, "no picture").unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&[&one, "--task", "inpaint"], "needs --mask"),
        (&[&one, "--task", "inpaint", "--mask", &one, "--sigma", "0.1"], "--sigma is for"),
        (&[&one, "--task", "denoise", "--mask", &one], "--mask is for"),
        (&[&one, "--task", "denoise", "--blur", "2"], "--blur is for"),
        (&[&one, &same, "--task", "denoise"], "two of the pictures are called a.png"),
        (&[&strange, "--task", "denoise"], "cannot be saved"),
        (&[&one, "--task", "denoise", "--model", "checkpoints/pretrained/cnn"], "restores no pictures"),
        (&[&one, "--task", "denoise", "--model", "nowhere"], "nowhere"),
        (&[&two, "--task", "sharpen"], "sharpen"),
    ];
    for (arguments, due) in cases {
        let error = output(&place, &[["restore", "-o", &at("out")].as_slice(), arguments].concat()).unwrap_err();
        assert!(error.contains(due), "{arguments:?}: {error}");
    }
    let error = output(&place, &["restore", &one, "--task", "denoise", "-o", &one]).unwrap_err();
    assert!(error.contains("is not a folder"), "{error}");
    assert!(!Path::new(&at("out")).exists(), "nothing was written");
    let error = output(&place, &["generate", "--steps", "5", "-o", &at("x.png")]).unwrap_err();
    assert!(error.contains("takes no steps to a picture"), "{error}");
    let error = output(&place, &["eval", "checkpoints/pretrained/cnn", "--restoration"]).unwrap_err();
    assert!(error.contains("restores no pictures"), "{error}");
}
