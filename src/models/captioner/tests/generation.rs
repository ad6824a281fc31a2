//! Captions of the real net, id for id as `generate` of transformers 5 gave them.

use super::super::search::{
    BeamSettings, Caption, Decoder, DrawSettings, EarlyStopping, Method, SearchSettings, padded,
};
use super::super::*;
use super::folder::{Folder, NAMES};
use crate::ops::host::read;
use crate::ops::testing::assert_close;
use serde_json::Value;

/// Arguments of `generate`.
fn asked(folder: &Folder, args: &Value) -> SearchSettings {
    let count = |name: &str, default: usize| args[name].as_u64().map_or(default, |count| count as usize);
    let early_stopping = match &args["early_stopping"] {
        Value::Bool(true) => EarlyStopping::Full,
        Value::String(never) if never == "never" => EarlyStopping::Hopeless,
        _ => EarlyStopping::Unpromising,
    };
    let length_penalty = args["length_penalty"].as_f64().unwrap_or(1.0) as f32;
    let eos = match args["eos_token_id"].as_array() {
        Some(all) => all.iter().map(|id| id.as_u64().unwrap() as u32).collect(),
        None => vec![folder.token("eos_token_id")],
    };
    SearchSettings {
        start: folder.token("decoder_start_token_id"),
        eos,
        max_length: count("max_length", 20),
        min_length: count("min_length", 0),
        no_repeat_ngram: count("no_repeat_ngram_size", 0),
        returns: count("num_return_sequences", 1),
        method: Method::Beam(BeamSettings { beams: count("num_beams", 1), length_penalty, early_stopping }),
    }
}

#[test]
fn captions_are_those_of_transformers() {
    for name in NAMES {
        let folder = Folder::open(name);
        let captioner = folder.captioner();
        for (mode, due) in folder.numbers["generate"].as_object().unwrap() {
            let settings = asked(&folder, &due["args"]);
            let captions = captioner.caption(Sight::Pictures(folder.pictures()), &settings, &[0, 1, 2]).unwrap();
            let captions: Vec<Caption> = captions.into_iter().flatten().collect();
            let ids: Vec<Vec<u32>> = serde_json::from_value(due["ids"].clone()).unwrap();
            assert_eq!(padded(&captions, folder.token("pad_token_id")), ids, "{name}: {mode}");
            if let Some(scores) = due["scores"].as_array() {
                let scores: Vec<f32> = scores.iter().map(|score| score.as_f64().unwrap() as f32).collect();
                let got: Vec<f32> = captions.iter().map(|caption| caption.score).collect();
                assert_close(&format!("{name}: {mode}"), &got, &scores, 1e-4);
            }
        }
    }
}

/// Token by token, with rows that part, die and change places, the decoder says what it says of whole sequences.
#[test]
fn the_cache_changes_nothing() {
    let folder = Folder::open("tiny-vit-gpt2");
    let captioner = folder.captioner();
    let looked = captioner.look(Sight::Pictures(folder.pictures())).unwrap();
    let mut teller = Teller::new(captioner.decoder(), captioner.remember(&looked).unwrap());
    let steps: [(&[u32], &[usize]); 4] = [
        (&[1, 2, 3], &[0, 1, 2]),
        (&[4, 5, 6, 7, 8], &[0, 0, 1, 2, 2]),
        // The second picture is done, the third one's rows cross.
        (&[9, 10, 11, 12], &[1, 4, 3, 4]),
        (&[13, 14], &[3, 1]),
    ];
    let mut rows: Vec<(usize, Vec<usize>)> = (0..3).map(|picture| (picture, Vec::new())).collect();
    for (tokens, parents) in steps {
        let grown = |(&token, &parent): (&u32, &usize)| {
            let (picture, before): &(usize, Vec<usize>) = &rows[parent];
            (*picture, before.iter().copied().chain([token as usize]).collect())
        };
        rows = tokens.iter().zip(parents).map(grown).collect();
        let logits = teller.step(tokens, parents).unwrap();
        for ((picture, ids), got) in rows.iter().zip(logits.chunks(512)) {
            let whole = captioner.decoder.forward(picture_of(&looked, *picture), ids, None).unwrap();
            assert_close("logits", got, &read(&whole)[(ids.len() - 1) * 512..], 1e-5);
        }
    }
}

fn picture_of(looked: &Tokens<Cpu>, picture: usize) -> Tokens<Cpu> {
    let &(_, length, width) = looked.shape();
    let own = read(looked)[picture * length * width..][..length * width].to_vec();
    Cpu::default().tensor_from_vec(own, (1, length, width))
}

/// A picture has the same captions alone as among others, drawn ones too.
#[test]
fn company_changes_no_caption() {
    let folder = Folder::open("other-vit-gpt2");
    let captioner = folder.captioner();
    let beam = asked(&folder, &folder.numbers["generate"]["beam4_all"]["args"]);
    let draw = DrawSettings { seed: 5, temperature: 0.7, top_k: Some(20), top_p: 0.9 };
    let pixels = read(&folder.pictures());
    let length = pixels.len() / 3;
    for method in [beam.method, Method::Draw(draw)] {
        let settings = SearchSettings { method, ..beam.clone() };
        let together = captioner.caption(Sight::Pictures(folder.pictures()), &settings, &[7, 8, 9]).unwrap();
        for (index, captions) in together.iter().enumerate() {
            let own = pixels[index * length..][..length].to_vec();
            let own = Cpu::default().tensor_from_vec(own, (1, 24, 24, 3));
            let alone = captioner.caption(Sight::Pictures(own), &settings, &[7 + index as u64]).unwrap().remove(0);
            let tokens = |captions: &[Caption]| captions.iter().map(|c| c.tokens.clone()).collect::<Vec<_>>();
            assert_eq!(tokens(captions), tokens(&alone), "{method:?}: picture {index}");
        }
    }
}
