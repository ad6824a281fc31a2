//! What measured captions can say of a data set: `cargo run --release --example captions -- [DATA] [TRAINING IMAGES]`.
//!
//! Thresholds are fitted to training images without the held-out ones; all figures are of the first 3,000 test images:
//! how many different sets of facts there are, what each fact tells beyond the label, how often it is clear, how often a
//! noise of up to 2 of 255 leaves it as it is, and what a caption is worth that says the most frequent values.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::PathBuf;

use pixscribe::captions::metrics::{Corpus, Scores};
use pixscribe::captions::{
    Facts, Grammar, Pixels, SLOTS, Slot, Slots, Tally, Thresholds, Value, most_frequent, tokenised,
};
use pixscribe::data::{self, IMAGE_BYTES, Split};
use pixscribe::ops::random::Stream;
use rayon::prelude::*;

/// Test images that are measured.
const IMAGES: usize = 3000;
/// The largest change of a value by the noise.
const NOISE: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().map(PathBuf::from);
    let limit = arguments.next().map(|count| count.parse()).transpose()?;
    let data = data::load(path.as_deref(), limit)?;
    let (train, _) = data::holdout(&data.train.labels, 0);
    let thresholds = Thresholds::fit(&data.train, &train)?;
    println!("thresholds of {} training images:\n{}\n", train.len(), serde_json::to_string(&thresholds)?);
    let count = data.test.len().min(IMAGES);
    let labels: Vec<usize> = data.test.labels.iter().take(count).map(|label| usize::from(*label)).collect();
    let facts = measured(&data.test, count, &thresholds, &|_, image| *image);
    let noisy = measured(&data.test, count, &thresholds, &with_noise);
    tell_slots(&labels, &facts, &noisy);
    let grammar = Grammar::new(&data.labels)?;
    let of_training = measured(&data.train, data.train.len().min(10_000), &thresholds, &|_, image| *image);
    tell_captions(&grammar, &labels, &facts, most_frequent(&of_training))
}

type Image = [u8; IMAGE_BYTES];

fn measured(
    split: &Split,
    count: usize,
    thresholds: &Thresholds,
    change: &(dyn Fn(usize, &Image) -> Image + Sync),
) -> Vec<Facts> {
    let facts = |at: usize| Facts::of(Pixels::of_image(&change(at, split.image(at))), thresholds);
    (0..count).into_par_iter().map(facts).collect()
}

fn with_noise(at: usize, image: &Image) -> Image {
    let stream = Stream::new(0, "noise of captions", at as u64);
    std::array::from_fn(|i| {
        let moved = u64::from(image[i]) + stream.below(i as u64, 2 * NOISE + 1);
        moved.saturating_sub(NOISE).min(255) as u8
    })
}

fn tell_slots(labels: &[usize], facts: &[Facts], noisy: &[Facts]) {
    let share = |count: usize| 100.0 * count as f64 / facts.len() as f64;
    println!("{:<14} clear %  same %  contradicted %  bits beyond the label: measured, said", "slot");
    for slot in Slot::ALL {
        let pairs = || facts.iter().zip(noisy).map(|(fact, other)| (fact.get(slot).clear(), other.get(slot).clear()));
        let clear = pairs().filter(|(fact, _)| fact.is_some()).count();
        let same = pairs().filter(|(fact, other)| fact == other).count();
        let contradicted = pairs().filter(|(a, b)| a.is_some() && b.is_some() && a != b).count();
        let measured = entropy(labels, facts.iter().map(|fact| fact.get(slot).value()));
        let said = entropy(labels, facts.iter().map(|fact| fact.get(slot).clear()));
        println!(
            "{:<14} {:>7.1} {:>7.2} {:>15.2}  {measured:.2}, {said:.2}",
            slot.name(),
            share(clear),
            share(same),
            share(contradicted),
        );
        println!("    {}", frequencies(facts.iter().map(|fact| fact.get(slot).value())));
    }
    let sets: BTreeSet<Slots> = facts.iter().map(Facts::clear).collect();
    let all: usize = facts.iter().map(|facts| facts.clear().count()).sum();
    let at_least_three = facts.iter().filter(|facts| facts.clear().count() >= 3).count();
    println!(
        "\n{} different sets of facts in {} pictures; {:.2} facts a caption, at least three in {:.1} %",
        sets.len(),
        facts.len(),
        all as f64 / facts.len() as f64,
        share(at_least_three),
    );
}

fn frequencies(values: impl Iterator<Item = Option<Value>>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value.map_or("-", Value::name)).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// The mean over pictures of `-log2 P(value | label)`: what a value tells whoever knows the label already.
fn entropy(labels: &[usize], values: impl Iterator<Item = Option<Value>>) -> f64 {
    let (mut joint, mut of_label) = (BTreeMap::new(), BTreeMap::new());
    for (label, value) in labels.iter().zip(values) {
        *joint.entry((label, value)).or_insert(0.0) += 1.0;
        *of_label.entry(label).or_insert(0.0) += 1.0;
    }
    let bits = |((label, _), count): (&(&usize, Option<Value>), &f64)| count * (of_label[label] / count).log2();
    joint.iter().map(bits).sum::<f64>() / labels.len() as f64
}

fn tell_captions(grammar: &Grammar, labels: &[usize], facts: &[Facts], frequent: Slots) -> Result<(), Box<dyn Error>> {
    let stream = Stream::new(0, "caption", 0);
    let own = |at: usize| grammar.caption(labels[at], &facts[at].clear(), &stream, at as u64);
    let told_the_label = |at: usize| grammar.caption(labels[at], &frequent, &stream, at as u64);
    let sees_nothing = |at: usize| grammar.caption(0, &frequent, &stream, at as u64);
    println!();
    (0..8).for_each(|at| println!("    {}", own(at)));
    println!("\n{:<28} label %  truth %  coverage %  BLEU-4  CIDEr-D  ROUGE-L", "captions");
    let rows: [(&str, &dyn Fn(usize) -> String); 3] = [
        ("the facts themselves", &own),
        ("label and frequent values", &told_the_label),
        ("no label, frequent values", &sees_nothing),
    ];
    for (name, caption) in rows {
        let (mut tally, mut corpus) = (Tally::default(), Corpus::default());
        for (at, (&label, facts)) in labels.iter().zip(facts).enumerate() {
            let text = caption(at);
            tally.add(&grammar.read(&text), label, facts);
            let references = grammar.references(label, &facts.clear());
            corpus.add(&tokenised(&text), &references.iter().map(|text| tokenised(text)).collect::<Vec<_>>())?;
        }
        let all = tally.all_slots();
        let percent = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.1}", 100.0 * share));
        let Some(Scores { bleu, cider_d, rouge_l, .. }) = corpus.scores() else { continue };
        println!(
            "{name:<28} {:>7} {:>8} {:>11} {:>7.3} {cider_d:>8.3} {rouge_l:>8.3}",
            percent(tally.label_accuracy()),
            percent(all.truth()),
            percent(all.coverage()),
            bleu[3],
        );
    }
    let counted: [u64; SLOTS] = std::array::from_fn(|slot| u64::from(frequent.get(Slot::ALL[slot]).is_some()));
    println!("frequent values say {} slots: {:?}", counted.iter().sum::<u64>(), frequent);
    Ok(())
}
