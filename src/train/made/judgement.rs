//! What an independent CNN makes of a GAN's pictures, and how far they are from real ones.

use super::super::classification::Evaluation;
use super::super::error::TrainError;
use super::Painter;
use super::diversity::spread;
use super::frechet::Cloud;
use super::judge::Judge;
use super::sheet::to_bytes;
use crate::data::Split;
use crate::ops::Backend;
use crate::ops::random::Stream;

/// What the judge found. Pictures were judged as the 8-bit ones that a file would hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Made pictures.
    pub n: usize,
    /// Counts: a row for each label that was asked for, a column for each of the judge's own labels.
    pub seen: Vec<Vec<u64>>,
    /// How many made pictures the judge names as they were asked for.
    pub agreed: u64,
    /// The judge's answers to real pictures.
    pub on_real: Evaluation,
    /// The mean distance of two made pictures of a label over that of as many real ones, in the judge's features.
    pub diversity: f64,
    /// Between made and real pictures, in the judge's features: not Inception's, so that it compares with no FID. None
    /// with fewer than two of either.
    pub frechet_distance: Option<f64>,
    /// The same between real pictures and as many others: what a perfect generator would get.
    pub frechet_distance_of_real: Option<f64>,
}

/// What is to be judged.
pub struct Exhibits<'a> {
    /// Real pictures with the GAN's labels.
    pub real: &'a Split,
    /// The GAN's number of labels.
    pub labels: usize,
    /// Made pictures a label.
    pub of_each: usize,
    pub seed: u64,
}

/// Looks at what `painter` makes and at real pictures. None when `go_on`, asked before each batch, said no.
///
/// # Errors
/// When the device fails.
pub fn pass<D: Backend>(
    judge: &Judge<D>,
    painter: &dyn Painter,
    exhibits: &Exhibits,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Judgement>, TrainError> {
    let Exhibits { real, labels, of_each, seed } = *exhibits;
    let asked: Vec<usize> = (0..of_each * labels).map(|i| i / of_each).collect();
    let places: Vec<usize> = (0..asked.len()).collect();
    let Some(made) = painter.draw(&Stream::new(seed, "made.judged", 0), &places, &asked, go_on)? else {
        return Ok(None);
    };
    let Some(made) = judge.look(&to_bytes(&made), go_on)? else { return Ok(None) };
    let Some(looks) = judge.look(&real.images, go_on)? else { return Ok(None) };

    let known = judge.known().len();
    let mut seen = vec![vec![0; known]; labels];
    judge.seen(&made).iter().zip(&asked).for_each(|(found, &asked)| seen[asked][found.label] += 1);
    let own: Vec<usize> = (0..labels).filter_map(|label| (0..known).find(|&own| judge.number(own) == label)).collect();
    let agreed = seen.iter().zip(&own).map(|(row, &own)| row[own]).sum();
    let truth: Vec<usize> = real.labels.iter().map(|&label| usize::from(label)).collect();
    let mut on_real = Evaluation::new("real", known);
    on_real.add(&looks.logits, &truth.iter().map(|&label| own[label]).collect::<Vec<_>>());

    // As many real pictures as were made, at most half of them: the other real ones are what both are compared with.
    let some = real.first_balanced(asked.len().min(real.len() / 2));
    let is_some: Vec<bool> = (0..real.len() as u32).map(|i| some.binary_search(&i).is_ok()).collect();
    let width = looks.width;
    let (mut apart, mut others) = (Vec::new(), Vec::new());
    for (row, &is_some) in looks.features.chunks_exact(width).zip(&is_some) {
        if is_some { &mut apart } else { &mut others }.extend_from_slice(row);
    }
    let apart_labels: Vec<usize> = some.iter().map(|&i| truth[i as usize]).collect();
    let reference = Cloud::of(&others, width);
    let distance = |rows: &[f32]| Some(Cloud::of(rows, width)?.distance(reference.as_ref()?));
    Ok(Some(Judgement {
        n: asked.len(),
        seen,
        agreed,
        on_real,
        diversity: spread(&made.features, width, &asked) / spread(&apart, width, &apart_labels),
        frechet_distance: distance(&made.features),
        frechet_distance_of_real: distance(&apart),
    }))
}
