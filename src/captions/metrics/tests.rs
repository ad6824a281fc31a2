//! The libraries' own numbers, made by this Python with pycocoevalcap 1.2 and sacrebleu 2.6:
//!
//! ```python
//! from pycocoevalcap.bleu.bleu import Bleu
//! from pycocoevalcap.cider.cider import Cider
//! from pycocoevalcap.rouge.rouge import Rouge
//! import sacrebleu
//!
//! def scores(references, results):  # both by number of picture: a list of sentences, a sentence
//!     one = {i: [result] for i, result in results.items()}
//!     bleu, _ = Bleu(4).compute_score(references, one, verbose=0)
//!     cider, _ = Cider().compute_score(references, one)
//!     rouge, _ = Rouge().compute_score(references, one)
//!     most = max(map(len, references.values()))
//!     streams = [[r[k] if k < len(r) else None for r in references.values()] for k in range(most)]
//!     sacre = sacrebleu.BLEU(tokenize="none").corpus_score(list(results.values()), streams).score
//!     print([f"{b:.9f}" for b in bleu], f"{sacre:.7f} {rouge:.9f} {cider:.9f}")
//! ```

use super::*;

const FROG: &[&str] = &["a red frog on a green leaf", "a small red frog"];
const SHIP: &[&str] = &["a blue ship on the sea", "a ship sails under a grey sky"];
const HORSE: &[&str] = &["a brown horse in a field", "a horse stands on green grass"];

fn check(name: &str, pictures: &[(&str, &[&str])], bleu: [f64; 4], [sacrebleu, rouge_l, cider_d]: [f64; 3]) {
    let mut corpus = Corpus::default();
    pictures.iter().for_each(|(caption, references)| corpus.add(caption, references).unwrap());
    let found = corpus.scores().unwrap();
    let pairs = found.bleu.into_iter().zip(bleu).chain([
        (found.sacrebleu, sacrebleu),
        (found.rouge_l, rouge_l),
        (found.cider_d, cider_d),
    ]);
    for (at, (found, due)) in pairs.enumerate() {
        assert!((found - due).abs() <= 2e-7, "{name}, number {at}: {found} instead of {due}");
    }
}

#[test]
fn three_pictures_score_as_in_the_libraries() {
    check(
        "three pictures",
        &[("a red frog on a leaf", FROG), ("a ship on the blue sea", SHIP), ("a brown dog in a field", HORSE)],
        [0.893406165, 0.750611316, 0.605569278, 0.464823289],
        [46.4823289, 0.859038143, 3.100498049],
    );
}

#[test]
fn empty_short_and_repeating_captions_score_as_in_the_libraries() {
    check(
        "one of each",
        &[("", FROG), ("ship", SHIP), ("a a a horse horse in a a field", HORSE)],
        [0.329286982, 0.300596513, 0.192057402, 0.000028372],
        [13.4163322, 0.314907337, 0.815466419],
    );
    check("nothing shared", &[("seven", FROG), ("eight nine", SHIP), ("ten", HORSE)], [0.0; 4], [0.0; 3]);
    check("nothing written", &[("", FROG), ("", SHIP), ("", HORSE)], [0.0; 4], [0.0; 3]);
}

#[test]
fn a_single_picture_and_empty_references_score_as_in_the_libraries() {
    check("one picture", &[("a small red frog", FROG)], [1.0; 4], [100.0, 1.0, 0.0]);
    check(
        "no right 4-gram, an empty reference",
        &[
            ("frog", &["frog", ""]),
            ("a blue boat on the sea today", &["a blue ship on the sea", "the sea", "a ship"]),
            ("a brown horse", &["a horse"]),
        ],
        [0.727272727, 0.522232968, 0.356882928, 0.000058060],
        [27.4550243, 0.896362301, 1.631499428],
    );
}

#[test]
fn nothing_to_judge_has_no_scores() {
    let mut corpus = Corpus::default();
    assert_eq!(corpus.scores(), None);
    let error = corpus.add::<&str>("a frog", &[]).unwrap_err().to_string();
    assert!(error.contains("picture 0"), "{error}");
    assert!(corpus.is_empty());
}
