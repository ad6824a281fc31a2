//! config.json and generation_config.json: the reference's, defaults, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::generation::EarlyStopping;
use super::super::{Config, Generation};
use super::Activation;

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference/tiny-vit-gpt2")
}

fn parse(value: &Value) -> Result<Config, String> {
    Config::parse(Path::new("config.json"), value.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn minimal() -> Value {
    json!({
        "model_type": "vision-encoder-decoder",
        "encoder": { "model_type": "vit" },
        "decoder": { "model_type": "gpt2" },
        "decoder_start_token_id": 50256,
    })
}

/// [`minimal`] with the value at a path such as "decoder.n_head".
fn with(path: &str, value: Value) -> Value {
    let mut config = minimal();
    match path.split_once('.') {
        Some((part, key)) => config[part][key] = value,
        None => config[path] = value,
    }
    config
}

#[test]
fn the_reference_is_read_with_every_size() {
    let config = Config::load(&reference()).unwrap();
    let (vit, gpt2) = (&config.vit, &config.gpt2);
    assert_eq!((vit.hidden_size, vit.layers, vit.heads, vit.intermediate), (64, 2, 4, 128));
    assert_eq!((vit.image_size, vit.patch_size, vit.channels, vit.qkv_bias), (32, 4, 3, true));
    assert_eq!((vit.eps, vit.activation, vit.dropout), (1e-12, Activation::Gelu, 0.0));
    assert_eq!((gpt2.width, gpt2.layers, gpt2.heads, gpt2.inner), (64, 2, 4, 256));
    assert_eq!((gpt2.positions, gpt2.vocabulary, gpt2.eps, gpt2.activation), (64, 512, 1e-5, Activation::GeluTanh));
    // The whole model says false, the decoder true.
    assert!(gpt2.tied_head && gpt2.scale_attn_weights && !gpt2.scale_attn_by_inverse_layer_idx);
    assert_eq!((config.tokens.start, config.tokens.pad, config.tokens.eos.as_slice()), (511, 511, &[511][..]));
    assert!(!config.has_projection());
    let again = parse(&config.to_json()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn what_a_file_leaves_out_is_as_in_transformers() {
    let config = parse(&minimal()).unwrap();
    let (vit, gpt2) = (&config.vit, &config.gpt2);
    assert_eq!((vit.hidden_size, vit.layers, vit.heads, vit.intermediate), (768, 12, 12, 3072));
    assert_eq!((vit.image_size, vit.patch_size, vit.eps), (224, 16, 1e-12));
    assert_eq!((gpt2.width, gpt2.layers, gpt2.heads, gpt2.inner), (768, 12, 12, 3072));
    assert_eq!((gpt2.positions, gpt2.vocabulary, gpt2.residual_dropout), (1024, 50257, 0.1));
    assert!(gpt2.tied_head);
    assert_eq!(
        (config.tokens.bos, config.tokens.eos.as_slice(), config.tokens.pad),
        (Some(50256), &[50256][..], 50256)
    );
    let other = parse(&with("decoder.hidden_size", json!(96))).unwrap();
    assert_eq!((other.gpt2.width, other.gpt2.inner, other.has_projection()), (96, 384, true));
    assert!(!parse(&with("decoder.tie_word_embeddings", json!(false))).unwrap().gpt2.tied_head);
    assert_eq!(parse(&with("encoder.image_size", json!([64, 64]))).unwrap().vit.image_size, 64);
    assert_eq!(parse(&with("decoder.activation_function", json!("silu"))).unwrap().gpt2.activation, Activation::Silu);
}

#[test]
fn what_cannot_be_honoured_is_told_with_its_key() {
    let cases = [
        ("model_type", json!("llava"), "describes a model of type `llava`; only a vision-encoder-decoder"),
        ("encoder.model_type", json!("swin"), "describes the encoder `swin`"),
        ("decoder.model_type", json!("roberta"), "describes the decoder `roberta`"),
        ("decoder", json!(null), "describes no decoder"),
        ("decoder.n_head", json!(5), "decoder.n_head is 5, which does not divide the width 768"),
        ("decoder.n_head", json!(0), "decoder.n_head is `0`, but must be a whole number from 1 to 768"),
        ("decoder.n_embd", json!(1e18), "decoder.n_embd is"),
        ("decoder.n_layer", json!("two"), "decoder.n_layer is"),
        ("decoder.vocab_size", json!(1u64 << 40), "decoder.vocab_size is"),
        ("encoder.patch_size", json!(15), "encoder.patch_size is 15, which does not divide image_size 224"),
        ("encoder.image_size", json!([224, 112]), "encoder.image_size is a list; only a square"),
        ("encoder.hidden_act", json!("mish"), "encoder.hidden_act is `mish`; known are gelu"),
        ("encoder.layer_norm_eps", json!(-1), "encoder.layer_norm_eps is -1, but must not be below 0"),
        ("decoder.attn_pdrop", json!(1), "decoder.attn_pdrop is 1, but must be at least 0 and below 1"),
        ("decoder.add_cross_attention", json!(false), "decoder.add_cross_attention is false"),
        ("decoder.cross_attention_hidden_size", json!(100), "decoder.cross_attention_hidden_size is 100"),
        ("decoder.pruned_heads", json!({"0": [1]}), "decoder.pruned_heads is not empty"),
        ("tie_encoder_decoder", json!(true), "tie_encoder_decoder is true"),
        ("decoder_start_token_id", json!(50257), "decoder_start_token_id is `50257`"),
        ("eos_token_id", json!([1, 99999]), "eos_token_id must list at most 64 ids below 50257"),
    ];
    for (key, value, part) in cases {
        let message = parse(&with(key, value)).unwrap_err();
        assert!(message.contains(part) && message.starts_with("config.json"), "{message}");
    }
    let mut small = minimal();
    small["decoder"]["vocab_size"] = json!(10);
    small["decoder_start_token_id"] = json!(null);
    assert!(parse(&small).unwrap_err().contains("decoder_start_token_id is missing, as is bos_token_id"));
}

#[test]
fn every_name_of_an_activation_is_known_and_written() {
    for (name, activation) in super::ACTIVATIONS {
        assert_eq!(Activation::named(name), Some(activation));
        assert_eq!(Activation::named(activation.name()), Some(activation));
    }
    assert_eq!(Activation::GeluTanh.name(), "gelu_new");
}

/// A folder with these two files.
fn folder(config: &Value, generation: Option<&Value>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    if let Some(generation) = generation {
        fs::write(folder.path().join("generation_config.json"), generation.to_string()).unwrap();
    }
    folder
}

fn generation(config: &Value, own: Option<&Value>) -> Result<Generation, String> {
    Generation::load(folder(config, own).path(), 50257).map_err(|error| error.to_string())
}

#[test]
fn the_references_generation_is_read() {
    let read = Generation::load(&reference(), 512).unwrap();
    assert_eq!((read.max_length, read.num_beams, read.tokens.start), (16, 4, 511));
    let config = with("decoder_start_token_id", json!(511));
    assert_eq!(generation(&config, Some(&read.to_json())).unwrap(), read);
}

#[test]
fn older_places_are_looked_into_in_order() {
    let mut config = minimal();
    config["num_beams"] = json!(3);
    config["decoder"]["num_beams"] = json!(5);
    config["decoder"]["length_penalty"] = json!(0.5);
    let old = generation(&config, None).unwrap();
    assert_eq!((old.num_beams, old.length_penalty, old.max_length), (3, 0.5, 20));
    // With a file of its own, only tokens are looked for elsewhere.
    let own = generation(&config, Some(&json!({ "max_new_tokens": 9, "early_stopping": "never" }))).unwrap();
    assert_eq!((own.num_beams, own.length_penalty, own.max_new_tokens), (1, 1.0, Some(9)));
    assert_eq!((own.early_stopping, own.tokens.start), (EarlyStopping::Never, 50256));
}

#[test]
fn all_settings_of_generation_are_written_and_read_again() {
    let own = json!({
        "max_length": 33, "max_new_tokens": 12, "min_length": 3, "min_new_tokens": 2, "num_beams": 4, "length_penalty": 0.7,
        "early_stopping": true, "no_repeat_ngram_size": 3, "do_sample": true, "temperature": 0.8, "top_k": 7, "top_p": 0.9,
        "num_return_sequences": 2, "repetition_penalty": 1.2, "decoder_start_token_id": 1, "bos_token_id": 2,
        "eos_token_id": [3, 4], "pad_token_id": 5,
    });
    let read = generation(&minimal(), Some(&own)).unwrap();
    assert_eq!(read.to_json(), own);
    assert_eq!(read.tokens.eos, [3, 4]);
    assert_eq!(generation(&minimal(), Some(&read.to_json())).unwrap(), read);
}

#[test]
fn ways_of_generating_that_are_not_done_here_are_told() {
    let cases = [
        (json!({"temperature": 0}), "temperature must be above 0"),
        (json!({"top_p": 1.5}), "top_p must be above 0 and at most 1"),
        (json!({"num_return_sequences": 2}), "num_return_sequences must be at most num_beams"),
        (json!({"early_stopping": "soon"}), "early_stopping must be true, false or \"never\""),
        (json!({"num_beam_groups": 2}), "num_beam_groups is not supported: leave it out or set it to 1"),
        (json!({"bad_words_ids": [[1]]}), "bad_words_ids is not supported"),
        (json!({"max_length": -1}), "max_length is `-1`"),
        (json!({"num_beams": 1e9}), "num_beams is"),
    ];
    for (own, part) in cases {
        let message = generation(&minimal(), Some(&own)).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
    let neutral =
        json!({ "num_beam_groups": 1, "diversity_penalty": 0.0, "bad_words_ids": [], "suppress_tokens": null });
    assert!(generation(&minimal(), Some(&neutral)).is_ok());
}
