//! Runs that differ by their seed alone, as `train --seeds` makes them: their means and deviations.

use super::Row;
use super::columns::COLUMNS;
use serde::Serialize;
use std::collections::BTreeMap;

/// What runs of several seeds have in common: the name before the seed, and all else that is learned.
pub(super) type Family = (String, String);

/// A line of the table, or several under one heading.
pub(super) enum Entry {
    One(Box<Row>),
    Seeds(Seeds),
}

/// Runs NAME-s1, NAME-s2 … with the same settings but for the seed; at least two.
pub(super) struct Seeds {
    pub name: String,
    pub rows: Vec<Row>,
    pub figures: BTreeMap<&'static str, Spread>,
}

/// A figure over several seeds; the deviation is that of a sample (n - 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub mean: f64,
    pub deviation: f64,
}

/// What JSON tells of a row's fellows, in each of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OfSeeds {
    name: String,
    runs: Vec<String>,
    figures: BTreeMap<&'static str, Spread>,
}

impl Entry {
    pub fn rows(&self) -> &[Row] {
        match self {
            Entry::One(row) => std::slice::from_ref(row),
            Entry::Seeds(seeds) => &seeds.rows,
        }
    }

    /// By what entries are ordered.
    pub fn accuracy(&self) -> f64 {
        let rows = self.rows();
        rows.iter().map(|row| row.accuracy).sum::<f64>() / rows.len() as f64
    }
}

/// Gathers rows that belong together where the first of them stood.
pub(super) fn gather(rows: Vec<Row>) -> Vec<Entry> {
    let mut families: Vec<(Option<Family>, Vec<Row>)> = Vec::new();
    for row in rows {
        let family = row.family.clone();
        match families.iter_mut().find(|(known, _)| known.is_some() && *known == family) {
            Some((_, rows)) => rows.push(row),
            None => families.push((family, vec![row])),
        }
    }
    families.into_iter().flat_map(|(family, rows)| entries(family, rows)).collect()
}

fn entries(family: Option<Family>, mut rows: Vec<Row>) -> Vec<Entry> {
    match family {
        Some((name, _)) if rows.len() > 1 => {
            let figures = figures(&rows);
            let of = OfSeeds {
                name: name.clone(),
                runs: rows.iter().map(|row| row.run.clone()).collect(),
                figures: figures.clone(),
            };
            rows.iter_mut().for_each(|row| row.of_seeds = Some(of.clone()));
            vec![Entry::Seeds(Seeds { name, rows, figures })]
        }
        _ => rows.into_iter().map(|row| Entry::One(Box::new(row))).collect(),
    }
}

/// Every figure that all the rows have.
fn figures(rows: &[Row]) -> BTreeMap<&'static str, Spread> {
    let all = COLUMNS.iter().filter_map(|column| column.figure);
    let values = |value: fn(&Row) -> Option<f64>| rows.iter().map(value).collect::<Option<Vec<f64>>>();
    all.filter_map(|figure| Some((figure.key, Spread::of(&values(figure.value)?)))).collect()
}

impl Spread {
    fn of(values: &[f64]) -> Spread {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Spread { mean, deviation: (squares / (values.len() - 1).max(1) as f64).sqrt() }
    }
}

/// The name before `-s3`, if the run's seed is 3.
pub(super) fn stem(run: &str, seed: u64) -> Option<&str> {
    run.strip_suffix(&format!("-s{seed}")).filter(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_a_sample() {
        // By hand: (1 + 4 + 1) / 3 = 2; squares 1 + 4 + 1 = 6, over 2 is 3.
        let spread = Spread::of(&[1.0, 4.0, 1.0]);
        assert_eq!((spread.mean, spread.deviation), (2.0, 3f64.sqrt()));
    }

    #[test]
    fn a_name_tells_its_seed() {
        assert_eq!(stem("base-s3", 3), Some("base"));
        assert_eq!((stem("base-s3", 1), stem("base", 3), stem("-s3", 3)), (None, None, None));
    }
}
