//! generation_config.json: how captions are generated unless the user says otherwise.

use std::path::Path;

use serde_json::{Value, json};

use super::config::{Tokens, short};
use super::error::HfError;
use super::json::{Document, Fields};

/// The name of the file.
pub(super) const FILE: &str = "generation_config.json";

/// Settings of transformers' `generate`, with its meaning and its defaults. Lengths are in tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The longest sequence, the start token counted; 20 by default.
    pub max_length: usize,
    /// The most tokens after the start token; beats `max_length`.
    pub max_new_tokens: Option<usize>,
    /// No end before this length, the start token counted.
    pub min_length: usize,
    /// No end before this many tokens after the start token; beats `min_length`.
    pub min_new_tokens: Option<usize>,
    /// 1 for no beam search.
    pub num_beams: usize,
    /// Power of the length by which a beam's log-probability is divided.
    pub length_penalty: f32,
    pub early_stopping: EarlyStopping,
    /// No sequence of this many tokens appears twice; 0 for no such rule.
    pub no_repeat_ngram_size: usize,
    /// Draw tokens, instead of taking the likeliest.
    pub do_sample: bool,
    /// Divides the logits; above 0.
    pub temperature: f32,
    /// Draw among this many likeliest tokens; 0 for all.
    pub top_k: usize,
    /// Draw among the likeliest tokens that together have this probability, in `(0, 1]`.
    pub top_p: f32,
    /// Captions a picture; at most `num_beams` unless tokens are drawn.
    pub num_return_sequences: usize,
    /// Divides the positive logits of tokens that are there already, multiplies the negative ones; above 0.
    pub repetition_penalty: f32,
    pub tokens: Tokens,
}

/// When a beam search ends (transformers' `early_stopping`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyStopping {
    /// `false`: when no better caption is likely, judged by the best running beam at its present length.
    No,
    /// `true`: as soon as there are as many captions as beams.
    Yes,
    /// `"never"`: when no better caption is possible.
    Never,
}

/// Bounds of a hostile file's numbers.
const MAX_LENGTH: usize = 1 << 20;
const MAX_BEAMS: usize = 1 << 10;
const MAX_VOCABULARY: usize = 1 << 24;

/// What changes a caption, is not done here, and so may only stand at the value beside it.
const NEUTRAL: [(&str, f64); 10] = [
    ("num_beam_groups", 1.0),
    ("diversity_penalty", 0.0),
    ("penalty_alpha", 0.0),
    ("typical_p", 1.0),
    ("epsilon_cutoff", 0.0),
    ("eta_cutoff", 0.0),
    ("min_p", 0.0),
    ("encoder_no_repeat_ngram_size", 0.0),
    ("encoder_repetition_penalty", 1.0),
    ("guidance_scale", 1.0),
];

/// What changes a caption, is not done here, and so may not be set.
const ABSENT: [&str; 10] = [
    "bad_words_ids",
    "force_words_ids",
    "constraints",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
    "forced_decoder_ids",
    "sequence_bias",
    "exponential_decay_length_penalty",
];

impl Generation {
    /// Reads `folder`'s generation_config.json. Older folders have none; their settings stand in config.json, on top or
    /// in the decoder's part.
    ///
    /// # Errors
    /// When a file cannot be read, or a setting has a value that is wrong or cannot be honoured.
    pub fn load(folder: &Path, vocabulary: usize) -> Result<Self, HfError> {
        let config =
            Document::read(&folder.join(super::config::FILE), "name the folder that holds a model's config.json")?;
        let config = config.fields();
        let decoder = config.object("decoder")?;
        let older: Vec<Fields<'_>> = std::iter::once(config).chain(decoder).collect();
        let Some(own) = Document::read_if_there(&folder.join(FILE))? else {
            return Self::read(&older, &older, vocabulary);
        };
        // The file alone says how; only tokens that it leaves out are looked for in the older places.
        let places: Vec<_> = std::iter::once(own.fields()).chain(older).collect();
        Self::read(&places[..1], &places, vocabulary)
    }

    /// transformers' defaults for a model with these tokens.
    pub fn new(tokens: Tokens) -> Self {
        Self {
            max_length: 20,
            max_new_tokens: None,
            min_length: 0,
            min_new_tokens: None,
            num_beams: 1,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::No,
            no_repeat_ngram_size: 0,
            do_sample: false,
            temperature: 1.0,
            top_k: 50,
            top_p: 1.0,
            num_return_sequences: 1,
            repetition_penalty: 1.0,
            tokens,
        }
    }

    /// Each setting from the first of `places` that has it.
    fn read(places: &[Fields<'_>], token_places: &[Fields<'_>], vocabulary: usize) -> Result<Self, HfError> {
        let place = |key: &str| places.iter().find(|place| place.get(key).is_some()).unwrap_or(&places[0]);
        let count = |key: &str, least, most| place(key).count(key, least, most);
        refuse_unknown_ways(places)?;
        let plain = Self::new(Tokens::read(token_places, vocabulary)?);
        let number = |key: &str, default: f32| -> Result<f32, HfError> {
            Ok(place(key).number(key)?.map_or(default, |x| x as f32))
        };
        let read = Self {
            max_length: count("max_length", 1, MAX_LENGTH)?.unwrap_or(plain.max_length),
            max_new_tokens: count("max_new_tokens", 1, MAX_LENGTH)?,
            min_length: count("min_length", 0, MAX_LENGTH)?.unwrap_or(plain.min_length),
            min_new_tokens: count("min_new_tokens", 0, MAX_LENGTH)?,
            num_beams: count("num_beams", 1, MAX_BEAMS)?.unwrap_or(plain.num_beams),
            length_penalty: number("length_penalty", plain.length_penalty)?,
            early_stopping: early_stopping(*place("early_stopping"))?,
            no_repeat_ngram_size: count("no_repeat_ngram_size", 0, MAX_LENGTH)?.unwrap_or(plain.no_repeat_ngram_size),
            do_sample: place("do_sample").flag("do_sample")?.unwrap_or(plain.do_sample),
            temperature: number("temperature", plain.temperature)?,
            top_k: count("top_k", 0, MAX_VOCABULARY)?.unwrap_or(plain.top_k),
            top_p: number("top_p", plain.top_p)?,
            num_return_sequences: count("num_return_sequences", 1, MAX_BEAMS)?.unwrap_or(plain.num_return_sequences),
            repetition_penalty: number("repetition_penalty", plain.repetition_penalty)?,
            ..plain
        };
        read.check(|key| *place(key))?;
        Ok(read)
    }

    fn check<'a>(&self, place: impl Fn(&str) -> Fields<'a>) -> Result<(), HfError> {
        let rules = [
            (self.temperature > 0.0, "temperature", "must be above 0"),
            (self.top_p > 0.0 && self.top_p <= 1.0, "top_p", "must be above 0 and at most 1"),
            (self.repetition_penalty > 0.0, "repetition_penalty", "must be above 0"),
            (
                self.do_sample || self.num_return_sequences <= self.num_beams,
                "num_return_sequences",
                "must be at most num_beams unless do_sample is set",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, key, problem)) => Err(place(key).wrong(key, problem)),
            None => Ok(()),
        }
    }

    /// The content of generation_config.json. Reading it again gives equal settings.
    pub fn to_json(&self) -> Value {
        let early_stopping = match self.early_stopping {
            EarlyStopping::No => false.into(),
            EarlyStopping::Yes => true.into(),
            EarlyStopping::Never => Value::from("never"),
        };
        let settings = json!({
            "max_length": self.max_length,
            "max_new_tokens": self.max_new_tokens,
            "min_length": self.min_length,
            "min_new_tokens": self.min_new_tokens,
            "num_beams": self.num_beams,
            "length_penalty": short(self.length_penalty),
            "early_stopping": early_stopping,
            "no_repeat_ngram_size": self.no_repeat_ngram_size,
            "do_sample": self.do_sample,
            "temperature": short(self.temperature),
            "top_k": self.top_k,
            "top_p": short(self.top_p),
            "num_return_sequences": self.num_return_sequences,
            "repetition_penalty": short(self.repetition_penalty),
            "decoder_start_token_id": self.tokens.start,
            "bos_token_id": self.tokens.bos,
            "eos_token_id": self.tokens.eos_json(),
            "pad_token_id": self.tokens.pad,
        });
        without_defaults(settings, &Self::new(self.tokens.clone()))
    }
}

/// Leaves out what nobody set: transformers warns of settings that do nothing, such as a temperature with no sampling.
fn without_defaults(mut settings: Value, plain: &Generation) -> Value {
    let defaults = [
        ("min_length", json!(plain.min_length)),
        ("num_beams", json!(plain.num_beams)),
        ("length_penalty", json!(short(plain.length_penalty))),
        ("early_stopping", json!(false)),
        ("no_repeat_ngram_size", json!(plain.no_repeat_ngram_size)),
        ("do_sample", json!(plain.do_sample)),
        ("temperature", json!(short(plain.temperature))),
        ("top_k", json!(plain.top_k)),
        ("top_p", json!(short(plain.top_p))),
        ("num_return_sequences", json!(plain.num_return_sequences)),
        ("repetition_penalty", json!(short(plain.repetition_penalty))),
    ];
    if let Some(map) = settings.as_object_mut() {
        map.retain(|key, value| !value.is_null() && !defaults.contains(&(key.as_str(), value.clone())));
    }
    settings
}

fn early_stopping(fields: Fields<'_>) -> Result<EarlyStopping, HfError> {
    match fields.get("early_stopping") {
        None | Some(Value::Bool(false)) => Ok(EarlyStopping::No),
        Some(Value::Bool(true)) => Ok(EarlyStopping::Yes),
        Some(Value::String(text)) if text == "never" => Ok(EarlyStopping::Never),
        Some(_) => Err(fields.wrong("early_stopping", "must be true, false or \"never\"")),
    }
}

/// Refuses settings that would change captions and are not honoured.
fn refuse_unknown_ways(places: &[Fields<'_>]) -> Result<(), HfError> {
    for place in places {
        for (key, neutral) in NEUTRAL {
            if place.number(key)?.is_some_and(|x| x != neutral) {
                return Err(place.wrong(key, format!("is not supported: leave it out or set it to {neutral}")));
            }
        }
        // An empty list or object asks for nothing.
        let is_set = |value: &Value| match value {
            Value::Array(list) => !list.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => true,
        };
        if let Some(key) = ABSENT.iter().find(|key| place.get(key).is_some_and(is_set)) {
            return Err(place.wrong(key, "is not supported: leave it out"));
        }
    }
    Ok(())
}
