use super::*;
use std::collections::BTreeMap;

/// A decoder whose probabilities stand in a table: by picture, by what stands behind the start token.
struct Table {
    vocabulary: usize,
    /// Probabilities of the first tokens; the others share what is left.
    shares: BTreeMap<(usize, Vec<u32>), Vec<f32>>,
    rows: Vec<(usize, Vec<u32>)>,
    /// Rows of every step.
    widths: Vec<usize>,
}

const END: u32 = 0;

impl Table {
    fn new(vocabulary: usize, pictures: usize, shares: &[(usize, &[u32], &[f32])]) -> Self {
        let shares = shares.iter().map(|&(picture, tokens, row)| ((picture, tokens.to_vec()), row.to_vec())).collect();
        Self { vocabulary, shares, rows: (0..pictures).map(|picture| (picture, Vec::new())).collect(), widths: vec![] }
    }
}

impl Decoder for Table {
    type Err = String;

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn positions(&self) -> usize {
        32
    }

    fn step(&mut self, tokens: &[u32], parents: &[usize]) -> Result<Vec<f32>, String> {
        let grown = |(&token, &parent): (&u32, &usize)| {
            let (picture, before) = &self.rows[parent];
            (*picture, before.iter().copied().chain([token]).collect())
        };
        self.rows = tokens.iter().zip(parents).map(grown).collect();
        self.widths.push(tokens.len());
        let logits = |(picture, tokens): &(usize, Vec<u32>)| {
            let mut row = self.shares.get(&(*picture, tokens[1..].to_vec())).cloned().unwrap_or_default();
            let left = (1.0 - row.iter().sum::<f32>()) / (self.vocabulary - row.len()) as f32;
            row.resize(self.vocabulary, left);
            // A decoder knows probabilities up to a factor.
            row.into_iter().map(|share| share.ln() + 3.0).collect::<Vec<f32>>()
        };
        Ok(self.rows.iter().flat_map(logits).collect())
    }
}

/// The start token ends captions too, as in GPT-2.
fn settings(method: Method) -> SearchSettings {
    SearchSettings { start: END, eos: vec![END], max_length: 6, min_length: 0, no_repeat_ngram: 0, returns: 1, method }
}

fn beams(beams: usize, length_penalty: f32, early_stopping: EarlyStopping) -> Method {
    Method::Beam(BeamSettings { beams, length_penalty, early_stopping })
}

/// The token sequences of one picture's captions.
fn found(table: &mut Table, settings: &SearchSettings) -> Vec<Vec<u32>> {
    let captions = search(table, settings, &[0]).unwrap().remove(0);
    captions.into_iter().map(|caption| caption.tokens).collect()
}

/// 1 is likelier than 2 at first, but all that follows 1 is unlikely.
fn garden_path() -> Table {
    Table::new(
        4,
        1,
        &[
            (0, &[], &[0.04, 0.5, 0.4]),
            (0, &[1], &[0.35, 0.3, 0.2]),
            (0, &[2], &[0.9, 0.05, 0.03]),
            (0, &[1, 1], &[0.9, 0.05, 0.03]),
            (0, &[1, 2], &[0.9, 0.05, 0.03]),
        ],
    )
}

#[test]
fn greedy_takes_the_path_that_beams_leave() {
    assert_eq!(found(&mut garden_path(), &settings(Method::Greedy)), [[0, 1, 0]]);
    assert_eq!(found(&mut garden_path(), &settings(beams(1, 1.0, EarlyStopping::Unpromising))), [[0, 1, 0]]);
    let all = SearchSettings { returns: 2, ..settings(beams(2, 1.0, EarlyStopping::Unpromising)) };
    assert_eq!(found(&mut garden_path(), &all), [vec![0, 2, 0], vec![0, 1, 0]]);
}

#[test]
fn scores_are_sums_over_powers_of_the_length() {
    let sum = 0.4f32.ln() + 0.9f32.ln();
    for (penalty, due) in [(0.0, sum), (1.0, sum / 2.0), (2.0, sum / 4.0), (-1.0, sum * 2.0)] {
        let settings = settings(beams(2, penalty, EarlyStopping::Unpromising));
        let score = search(&mut garden_path(), &settings, &[0]).unwrap()[0][0].score;
        assert!((score - due).abs() < 1e-5, "{penalty}: {score}, due {due}");
    }
    let score = search(&mut garden_path(), &settings(Method::Greedy), &[0]).unwrap()[0][0].score;
    assert!((score - (0.5f32.ln() + 0.35f32.ln()) / 2.0).abs() < 1e-5);
}

/// Two short captions are there at once; a longer one, worth more by its length, needs two steps more.
fn late_bloomer() -> Table {
    Table::new(
        4,
        1,
        &[
            (0, &[], &[0.3, 0.3, 0.39]),
            (0, &[1], &[0.5, 0.1, 0.3]),
            (0, &[2], &[0.1, 0.1, 0.7]),
            (0, &[2, 2], &[0.01, 0.01, 0.9]),
            (0, &[2, 2, 2], &[0.01, 0.01, 0.01]),
            (0, &[2, 2, 2, 3], &[0.97, 0.01, 0.01]),
        ],
    )
}

#[test]
fn early_stopping_says_how_long_a_better_caption_is_waited_for() {
    let at = |stopping, penalty| found(&mut late_bloomer(), &settings(beams(2, penalty, stopping)))[0].clone();
    assert_eq!(at(EarlyStopping::Full, 1.0), [0, 1, 0]);
    assert_eq!(at(EarlyStopping::Unpromising, 1.0), [0, 2, 2, 2, 3, 0]);
    assert_eq!(at(EarlyStopping::Hopeless, 1.0), [0, 2, 2, 2, 3, 0]);
    // Without a worth of length a sum only falls.
    assert_eq!(at(EarlyStopping::Unpromising, 0.0), [0, 0]);
}

/// A search that would go on at full length ends where the present length has no promise.
#[test]
fn hope_looks_at_the_full_length() {
    let table = || {
        Table::new(
            3,
            1,
            &[
                (0, &[], &[0.5, 0.3]),
                (0, &[1], &[0.5, 0.4]),
                (0, &[2], &[0.6, 0.3]),
                (0, &[1, 1], &[0.1, 0.8]),
                (0, &[1, 1, 1], &[0.01, 0.98]),
                (0, &[1, 1, 1, 1], &[0.98, 0.01]),
            ],
        )
    };
    let at = |stopping| {
        let mut table = table();
        let best = found(&mut table, &settings(beams(2, 1.0, stopping)))[0].clone();
        (best, table.widths.len())
    };
    assert_eq!(at(EarlyStopping::Unpromising), (vec![0, 0], 2));
    assert_eq!(at(EarlyStopping::Hopeless), (vec![0, 1, 1, 1, 1, 0], 5));
}

#[test]
fn no_run_of_tokens_comes_twice() {
    let table = || Table::new(4, 1, &[(0, &[], &[0.01, 0.9])]);
    let at = |no_repeat_ngram| {
        let mut table = table();
        for length in 1..6 {
            table.shares.insert((0, vec![1; length]), vec![0.01, 0.9, 0.08]);
            let mut other = vec![1; length];
            other.push(2);
            table.shares.insert((0, other), vec![0.01, 0.9, 0.08]);
        }
        found(&mut table, &SearchSettings { no_repeat_ngram, ..settings(Method::Greedy) }).remove(0)
    };
    assert_eq!(at(0), [0, 1, 1, 1, 1, 1]);
    assert_eq!(at(2)[..5], [0, 1, 1, 2, 1]);
    assert_eq!(at(3)[..5], [0, 1, 1, 1, 2]);
    // The start is a run of one.
    let once = at(1);
    assert_eq!(once, [0, 1, 2, 3]);
}

/// Nothing is left to say before the least length is reached: the caption ends as it stands, in each search.
#[test]
fn a_caption_that_nothing_may_follow_ends() {
    for method in [Method::Greedy, beams(3, 1.0, EarlyStopping::Unpromising)] {
        let mut table = Table::new(3, 1, &[]);
        let strict = SearchSettings { no_repeat_ngram: 1, min_length: 6, ..settings(method) };
        let captions = search(&mut table, &strict, &[0]).unwrap().remove(0);
        assert_eq!(captions[0].tokens, [0, 1, 2]);
        assert!(captions.iter().all(|caption| caption.score.is_finite()));
    }
}

#[test]
fn the_end_waits_for_the_least_length() {
    let at =
        |min_length| found(&mut garden_path(), &SearchSettings { min_length, ..settings(Method::Greedy) }).remove(0);
    assert_eq!(at(2), [0, 1, 0]);
    assert_eq!(at(3), [0, 1, 1, 0]);
}

#[test]
fn length_counts_start_and_end() {
    let long = |max_length| {
        found(
            &mut Table::new(3, 1, &[(0, &[], &[0.1, 0.8])]),
            &SearchSettings { max_length, ..settings(Method::Greedy) },
        )
    };
    assert_eq!(long(2), [[0, 1]]);
    let beam = SearchSettings { max_length: 2, ..settings(beams(2, 1.0, EarlyStopping::Full)) };
    assert_eq!(found(&mut Table::new(3, 1, &[(0, &[], &[0.1, 0.8])]), &beam), [[0, 1]]);
}

#[test]
fn pictures_do_not_disturb_each_other() {
    let shares: &[(usize, &[u32], &[f32])] = &[
        (0, &[], &[0.9, 0.05]),
        (1, &[], &[0.05, 0.5, 0.4]),
        (1, &[1], &[0.3, 0.3, 0.2]),
        (1, &[2], &[0.2, 0.7, 0.05]),
        (1, &[2, 1], &[0.2, 0.7, 0.05]),
        (2, &[], &[0.05, 0.1, 0.4]),
    ];
    let alone = |picture: usize, settings: &SearchSettings| {
        let own: Vec<_> =
            shares.iter().filter(|row| row.0 == picture).map(|&(_, tokens, row)| (0, tokens, row)).collect();
        search(&mut Table::new(5, 1, &own), settings, &[10 + picture as u64]).unwrap().remove(0)
    };
    let draw = Method::Draw(DrawSettings { seed: 3, temperature: 1.0, top_k: None, top_p: 1.0 });
    for (method, returns) in [
        (Method::Greedy, 1),
        (beams(3, 1.0, EarlyStopping::Unpromising), 3),
        (beams(2, 2.0, EarlyStopping::Full), 1),
        (beams(3, 0.5, EarlyStopping::Hopeless), 2),
        (draw, 3),
    ] {
        let settings = SearchSettings { returns, ..settings(method) };
        let together = search(&mut Table::new(5, 3, shares), &settings, &[10, 11, 12]).unwrap();
        for (picture, captions) in together.iter().enumerate() {
            assert_eq!(captions.len(), returns);
            assert_eq!(*captions, alone(picture, &settings), "{method:?}: picture {picture}");
        }
    }
}

/// A finished picture costs no more rows, and the first step needs one row a picture.
#[test]
fn only_live_sequences_are_computed() {
    let mut table = Table::new(5, 2, &[(0, &[], &[0.9, 0.05]), (1, &[], &[0.0, 0.9])]);
    search(&mut table, &settings(Method::Greedy), &[0, 1]).unwrap();
    assert_eq!(table.widths[..2], [2, 1]);
}

#[test]
fn draws_follow_the_probabilities_within_their_bounds() {
    let shares = [0.1f32, 0.4, 0.3, 0.15];
    let table = || Table::new(5, 1, &[(0, &[], &shares)]);
    let first_tokens = |draw: DrawSettings| {
        let mut counts = [0; 5];
        for picture in 0..2000 {
            let settings = SearchSettings { max_length: 2, ..settings(Method::Draw(draw)) };
            counts[search(&mut table(), &settings, &[picture]).unwrap()[0][0].tokens[1] as usize] += 1;
        }
        counts.map(|count| f64::from(count) / 2000.0)
    };
    let plain = DrawSettings { seed: 1, temperature: 1.0, top_k: None, top_p: 1.0 };
    let close = |got: [f64; 5], due: [f64; 5]| {
        assert!(got.iter().zip(due).all(|(got, due)| (got - due).abs() < 0.035), "{got:?}, due {due:?}");
    };
    close(first_tokens(plain), [0.1, 0.4, 0.3, 0.15, 0.05]);
    let sum: f64 = [0.1f64, 0.4, 0.3, 0.15, 0.05].iter().map(|p| p * p).sum();
    let cold = [0.1f64, 0.4, 0.3, 0.15, 0.05].map(|p| p * p / sum);
    close(first_tokens(DrawSettings { temperature: 0.5, ..plain }), cold);
    let two = first_tokens(DrawSettings { top_k: Some(2), ..plain });
    close(two, [0.0, 0.4 / 0.7, 0.3 / 0.7, 0.0, 0.0]);
    assert_eq!([two[0], two[3], two[4]], [0.0; 3]);
    // 0.4 + 0.3 do not reach 0.75, 0.15 more does.
    let nucleus = first_tokens(DrawSettings { top_p: 0.75, ..plain });
    close(nucleus, [0.0, 0.4 / 0.85, 0.3 / 0.85, 0.15 / 0.85, 0.0]);
    assert_eq!([nucleus[0], nucleus[4]], [0.0; 2]);
    assert_ne!(first_tokens(DrawSettings { seed: 2, ..plain }), first_tokens(plain));
}

#[test]
fn words_are_what_stands_between_start_and_end() {
    let words = |tokens: &[u32]| Caption { tokens: tokens.to_vec(), score: 0.0 }.words(&[END]).to_vec();
    assert_eq!(words(&[0, 5, 6, 0]), [5, 6]);
    assert_eq!(words(&[0, 5, 6]), [5, 6]);
    assert!(words(&[0]).is_empty() && words(&[0, 0]).is_empty() && words(&[]).is_empty());
    let captions = [vec![0, 5, 0], vec![0, 5, 6, 7]].map(|tokens| Caption { tokens, score: 0.0 });
    assert_eq!(padded(&captions, 9), [[0, 5, 0, 9], [0, 5, 6, 7]]);
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let fine = settings(beams(2, 1.0, EarlyStopping::Full));
    let refused = |settings: SearchSettings| settings.check(4, 5).unwrap_err().to_string();
    assert_eq!(fine.check(4, 5), Ok(()));
    assert!(refused(SearchSettings { start: 4, ..fine.clone() }).contains("start token 4"));
    assert!(refused(SearchSettings { eos: vec![0, 9], ..fine.clone() }).contains("end token 9"));
    assert!(refused(SearchSettings { max_length: 7, ..fine.clone() }).contains("allow 2 to 6"));
    assert!(refused(SearchSettings { max_length: 1, ..fine.clone() }).contains("max_length is 1"));
    assert!(refused(SearchSettings { returns: 3, ..fine.clone() }).contains("num_return_sequences is 3"));
    assert!(refused(SearchSettings { returns: 0, ..fine.clone() }).contains("num_return_sequences is 0"));
    let beam = |count, penalty| SearchSettings { method: beams(count, penalty, EarlyStopping::Full), ..fine.clone() };
    assert!(refused(beam(0, 1.0)).contains("num_beams is 0"));
    assert!(refused(beam(100_000, 1.0)).contains("num_beams"));
    assert!(refused(beam(2, f32::NAN)).contains("length_penalty is NaN"));
    let draw = |temperature, top_k, top_p| SearchSettings {
        method: Method::Draw(DrawSettings { seed: 0, temperature, top_k, top_p }),
        ..fine.clone()
    };
    assert_eq!(draw(1.0, Some(1), 1.0).check(4, 5), Ok(()));
    assert!(refused(draw(0.0, None, 1.0)).contains("temperature is 0"));
    assert!(refused(draw(1.0, Some(0), 1.0)).contains("top_k is 0"));
    assert!(refused(draw(1.0, None, 0.0)).contains("top_p is 0"));
}

#[test]
fn logits_that_are_not_finite_are_refused() {
    struct Broken(f32);
    impl Decoder for Broken {
        type Err = String;
        fn vocabulary(&self) -> usize {
            3
        }
        fn positions(&self) -> usize {
            8
        }
        fn step(&mut self, tokens: &[u32], _: &[usize]) -> Result<Vec<f32>, String> {
            Ok([0.0, self.0, 1.0].repeat(tokens.len()))
        }
    }
    let draw = Method::Draw(DrawSettings { seed: 0, temperature: 1.0, top_k: Some(2), top_p: 0.9 });
    for method in [Method::Greedy, beams(2, 1.0, EarlyStopping::Full), draw] {
        for broken in [f32::NAN, f32::INFINITY] {
            let error = search(&mut Broken(broken), &settings(method), &[0]).unwrap_err();
            assert_eq!(error, SearchError::NotFinite { length: 1 });
        }
    }
}
