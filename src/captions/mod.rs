//! Captions: measured from pixels, written, read back and judged; users' own; and the metrics that compare them.
//!
//! A data set of labels has no captions. What a caption may say of its pictures, beside the label, is what can be
//! measured: `colour` and `measure` find numbers, `thresholds` are fitted to training pictures, `facts` are
//! the words that hold. `phrases` and `wording` make captions of them, `grammar` reads captions back, `truth` holds
//! what a caption says against what was measured. `metrics` has BLEU, ROUGE-L and CIDEr-D; `files` reads captions that
//! users bring along.
//!
//! These captions are measured, not written by people: no figure on them tells how people would describe a picture.

mod colour;
mod error;
mod facts;
pub mod files;
mod grammar;
mod measure;
pub mod metrics;
mod phrases;
mod slots;
mod thresholds;
mod truth;
mod wording;
mod words;

pub use colour::Colour;
pub use error::{CaptionError, Entry, Problem};
pub use facts::{Fact, Facts};
pub use grammar::{Grammar, Meaning, Mention, Reading, Said};
pub use measure::Pixels;
pub use slots::{Brightness, Colours, SLOTS, Side, Slot, Slots, Value};
pub use thresholds::{Band, Thresholds};
pub use truth::{SlotTally, Tally, Verdict, most_frequent, verdict};
pub use wording::TEMPLATES;
pub use words::tokenised;
