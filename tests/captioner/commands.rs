//! Import, caption, export: the same model and the same captions all the way round.

use super::place::{Place, data};
use serde_json::{Value, json};
use std::fs;

/// What transformers says of `Place::picture(.., 47, 61)`:
/// ```python
/// y, x = numpy.mgrid[:61, :47]
/// picture = Image.fromarray((numpy.stack([x * 5, y * 7, x * y], -1) % 256).astype("uint8"))
/// pixels = processor(picture, return_tensors="pt").pixel_values
/// model.generate(pixels), model.generate(pixels, num_beams=4, max_new_tokens=8)
/// ```
const DUE: [u32; 16] = [511, 57, 57, 508, 349, 203, 203, 203, 203, 203, 203, 203, 203, 203, 203, 203];
const DUE_SHORT: [u32; 4] = [511, 57, 57, 511];

fn ids(answer: &Value) -> &Value {
    &answer[0]["token_ids"]
}

#[test]
fn an_imported_model_is_a_finished_run_that_captions_as_transformers_does() {
    let place = Place::new();
    place.model("model");
    place.picture("a.png", 47, 61);
    place.picture("b.png", 32, 32);
    let said = place.done(&["import", "model"]);
    assert!(said.contains("parameters") && said.contains("pixscribe caption"), "{said}");
    let runs = place.json(&["runs", "--json"]);
    assert_eq!(
        (&runs[0]["run"], &runs[0]["model"], &runs[0]["phase"]),
        (&json!("model"), &json!("captioner"), &json!("finished"))
    );
    assert_eq!(place.runs(), ["model"]);
    assert!(place.done(&["--once"]).contains("model"), "the dashboard shows it");
    place.done(&["wait", "model"]);
    let first: Value = serde_json::from_str(
        fs::read_to_string(place.path("runs/model/events.jsonl")).unwrap().lines().next().unwrap(),
    )
    .unwrap();
    assert_eq!((&first["kind"], &first["model"]), (&json!("hello"), &json!("captioner")));

    // By its run, by its folder, and as the newest captioner.
    for named in [&["--model", "model"][..], &["--model", "./model"], &["--model", "runs/model"], &[]] {
        let answer = place.json(&[&["caption", "a.png", "--json"], named].concat());
        assert_eq!(*ids(&answer), json!(DUE), "{named:?}");
        assert_eq!(answer[0]["path"], "a.png");
        assert!(answer[0]["caption"].as_str().unwrap().starts_with("ZZorra"), "{answer}");
    }
    let short = place.json(&["caption", "a.png", "b.png", "--beams", "4", "--max-tokens", "8", "--json"]);
    assert_eq!(*ids(&short), json!(DUE_SHORT));
    let greedy = place.json(&["caption", "a.png", "--beams", "1", "--max-tokens", "3", "--json"]);
    assert_eq!(ids(&greedy).as_array().unwrap().len(), 4);
    let text = place.done(&["caption", "a.png", "b.png"]);
    assert!(text.starts_with("a.png: ZZorra") && text.lines().count() == 2, "{text}");
    assert!(!text.contains('\u{f}'), "no control character reaches a screen");
}

#[test]
fn an_exported_folder_is_the_imported_one() {
    let place = Place::new();
    let model = place.model("model");
    place.picture("a.png", 47, 61);
    place.done(&["import", "model", "--name", "m"]);
    place.done(&["export", "m", "--format", "hf", "-o", "out/folder"]);
    let json = |path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    for (file, keys) in [
        ("config.json", &["encoder.hidden_size", "decoder.n_embd", "decoder.vocab_size", "pad_token_id"][..]),
        ("generation_config.json", &["max_length", "num_beams", "decoder_start_token_id", "eos_token_id"]),
        ("preprocessor_config.json", &["size", "image_mean", "image_std", "rescale_factor", "resample"]),
    ] {
        let (theirs, ours) = (json(model.join(file)), json(place.path("out/folder").join(file)));
        for key in keys {
            let at = |value: &Value| key.split('.').fold(value.clone(), |value, part| value[part].clone());
            assert_eq!(at(&ours), at(&theirs), "{file}: {key}");
        }
    }
    place.done(&["import", "out/folder", "--name", "again"]);
    for named in ["out/folder", "again"] {
        assert_eq!(*ids(&place.json(&["caption", "a.png", "--model", named, "--json"])), json!(DUE), "{named}");
    }
    let error = place.refusal(&["export", "m", "--format", "hf", "-o", "out/folder"]);
    assert!(error.contains("out/folder exists already"), "{error}");
    let cnn = data("../../checkpoints/pretrained/cnn");
    let error = place.refusal(&["export", cnn.to_str().unwrap(), "--format", "hf", "-o", "cnn"]);
    assert!(error.contains("holds a cnn") && !place.path("cnn").exists(), "{error}");
}

#[test]
fn a_taken_name_is_refused_and_its_files_stay() {
    let place = Place::new();
    place.model("model");
    place.done(&["import", "model"]);
    let weights = place.path("runs/model/weights/model.safetensors");
    let before = fs::metadata(&weights).unwrap().modified().unwrap();
    let error = place.refusal(&["import", "model"]);
    assert!(error.contains("exists already") && error.contains("--name"), "{error}");
    assert_eq!(fs::metadata(&weights).unwrap().modified().unwrap(), before);
    fs::create_dir(place.path("runs/mine")).unwrap();
    assert!(place.refusal(&["import", "model", "--name", "mine"]).contains("exists already"));
    assert_eq!(fs::read_dir(place.path("runs/mine")).unwrap().count(), 0);
    assert!(place.refusal(&["import", "model", "--name", "pretrained"]).contains("pretrained"));
    let (code, _, error) = place.run(&["import", "model", "--name", "../x"]);
    assert_eq!((code, error.lines().count()), (2, 1), "{error}");
    assert_eq!(place.runs(), ["mine", "model"]);
}

#[test]
fn a_picture_is_restored_first_where_that_is_asked() {
    let place = Place::new();
    place.model("model");
    place.picture("a.png", 32, 32);
    let mask = image::GrayImage::from_fn(8, 8, |x, _| image::Luma([if x < 4 { 255 } else { 0 }]));
    mask.save(place.path("mask.png")).unwrap();
    fn caption<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["caption", "a.png", "--model", "./model"], more].concat()
    }
    let plain = place.json(&caption(&["--json"]));
    let restored = place.json(&caption(&["--restore", "denoise", "--json"]));
    assert_eq!((restored[0]["path"].as_str(), plain[0]["path"].as_str()), (Some("a.png"), Some("a.png")));
    assert!(ids(&restored).as_array().unwrap().len() > 1, "{restored}");
    let error = place.refusal(&caption(&["--restore", "inpaint", "--mask", "mask.png"]));
    assert!(error.contains("8x8"), "{error}");
    let (code, _, error) = place.run(&caption(&["--restore", "denoise", "--mask", "mask.png"]));
    assert!(code == 2 && error.contains("--mask is for --restore inpaint"), "{error}");
}

#[test]
fn a_trained_captioner_is_compared_looked_into_and_tried_under_noise() {
    let place = Place::new();
    place.picture("a.png", 47, 61);
    let sample = data("../../data/sample");
    let small = ["data.limit=100", "epochs=1", "width=12", "heads=2", "layers=1", "decoder_layers=1", "batch_size=50"];
    let path = format!("data.path={}", sample.display());
    let sets = small.iter().copied().chain([path.as_str()]).flat_map(|set| ["--set", set]);
    place.done(&["train", "captioner", "--run", "c", "--json"].into_iter().chain(sets).collect::<Vec<_>>());
    let tokenizer: Value = serde_json::from_slice(&fs::read(place.path("runs/c/tokenizer.json")).unwrap()).unwrap();
    assert!(tokenizer["model"]["vocab"].as_object().unwrap().len() > 256, "{tokenizer}");

    let compared = place.json(&["compare", "--json"]);
    assert_eq!((&compared[0]["run"], &compared[0]["model"]), (&json!("c"), &json!("ViT, stem > GPT-2")));
    let accuracy = compared[0]["accuracy"].as_f64().unwrap();
    let interval = &compared[0]["interval"];
    assert!(interval[0].as_f64().unwrap() <= accuracy && accuracy <= interval[1].as_f64().unwrap(), "{compared}");
    assert_eq!(place.done(&["compare", "c", "--markdown"]).lines().count(), 3);
    assert!(place.refusal(&["compare", "d"]).contains('d'));

    place.done(&["export", "c", "--format", "csv", "-o", "c.csv"]);
    let csv = fs::read_to_string(place.path("c.csv")).unwrap();
    assert!(csv.starts_with("metric,step,epoch,computed_s,wall_s,value\n") && csv.contains("\ntest/bleu4,1,"), "{csv}");
    assert!(place.refusal(&["export", "c", "--format", "json", "-o", "c.csv"]).contains("exists already"));
    place.done(&["export", "c", "--format", "tensorboard", "-o", "logs"]);
    let events = fs::read(place.path("logs/events.out.tfevents.c")).unwrap();
    for part in ["brain.Event:2", "test/bleu4", "captions/test", "config.toml"] {
        assert!(events.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
    }

    let looked = place.json(&["caption", "a.png", "--attention", "--json"]);
    let attention = &looked[0]["attention"];
    assert_eq!(attention["grid"], json!([8, 8]));
    let words = attention["words"].as_array().unwrap();
    let said: Vec<&str> = words.iter().map(|word| word["word"].as_str().unwrap()).collect();
    let caption = looked[0]["caption"].as_str().unwrap();
    // Parts of a character are none by themselves.
    assert!(said.join(" ") == caption || caption.contains('\u{fffd}'), "{said:?}: {caption:?}");
    for word in words {
        let sum: f64 = word["shares"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{word}");
    }

    let diffusion = data("../../checkpoints/pretrained/diffusion");
    let there = place.path("runs/pretrained/diffusion");
    fs::create_dir_all(&there).unwrap();
    for entry in fs::read_dir(diffusion).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, there.join(path.file_name().unwrap())).unwrap();
    }
    let greedy = place.json(&["eval", "c", "--limit", "20", "--json"]);
    let beams = place.json(&["eval", "c", "--limit", "20", "--beams", "3", "--json"]);
    assert_eq!((&greedy["beams"], &beams["beams"], &beams["n"]), (&json!(1), &json!(3), &json!(20)));
    let noise = place.json(&["eval", "c", "--noise", "--limit", "4", "--json"]);
    let rows = noise["noise"].as_array().unwrap();
    assert_eq!((rows.len(), noise["n"].as_u64()), (15, Some(4)), "five levels, three ways each");
    let error = place.refusal(&["eval", there.to_str().unwrap(), "--noise"]);
    assert!(error.contains("writes no captions"), "{error}");
}
