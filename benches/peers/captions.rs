//! Our side of `captions.py`: reads sets of captions with their references, writes the scores of each set.

use std::error::Error;
use std::fs;

use pixscribe::captions::metrics::Corpus;

/// Pictures: a caption and its references.
type Set = Vec<(String, Vec<String>)>;

fn main() -> Result<(), Box<dyn Error>> {
    pixscribe::ops::share_work(0);
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [asked, answered] = arguments.as_slice() else {
        // `cargo bench` without captions.py.
        println!("run benches/peers/captions.py, which starts this");
        return Ok(());
    };
    let sets: Vec<Set> = serde_json::from_slice(&fs::read(asked)?)?;
    let scores: Result<Vec<[f64; 7]>, _> = sets.iter().map(scored).collect();
    fs::write(answered, serde_json::to_vec(&scores?)?)?;
    Ok(())
}

/// BLEU-1 to BLEU-4, sacrebleu, ROUGE-L, CIDEr-D.
fn scored(set: &Set) -> Result<[f64; 7], Box<dyn Error>> {
    let mut corpus = Corpus::default();
    set.iter().try_for_each(|(caption, references)| corpus.add(caption, references))?;
    let scores = corpus.scores().ok_or("a set without pictures")?;
    let [one, two, three, four] = scores.bleu;
    Ok([one, two, three, four, scores.sacrebleu, scores.rouge_l, scores.cider_d])
}
