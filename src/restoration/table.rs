//! The table that compares restorers on one task: the same damaged pictures, the same rules.

use super::classical::Classical;
use super::picture::Picture;
use super::{RestorationError, Restorer, Task, score};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Of a normal distribution, 95 % lie within so many deviations.
const DEVIATIONS: f64 = 1.959_964;

/// What is compared on what.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    pub task: &'a Task,
    /// Test pictures, all of the same size as the task's mask if it has one.
    pub clean: &'a [Picture],
    /// The seed of their damage.
    pub seed: u64,
}

/// How well each restorer did on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// `denoise`, `deblur` or `inpaint`.
    pub task: String,
    /// The damage in words.
    pub damage: String,
    /// What PSNR is taken over: `whole picture` or `lost pixels`.
    pub psnr_over: String,
    /// The number of test pictures.
    pub pictures: usize,
    /// The classical row with the highest mean PSNR here, to which the others are compared: that choice is made on the
    /// test pictures, in favour of the classical side.
    pub best_classical: Option<String>,
    /// The damaged pictures first, then the classical restorers, then the others.
    pub rows: Vec<Row>,
}

/// One restorer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    pub kind: Kind,
    /// The parameters that were chosen, on training pictures.
    pub settings: String,
    /// dB of PSNR over the damaged picture, picture by picture.
    pub gain: Estimate,
    /// dB, picture by picture, at most 58.9 of each: of the whole picture, or of the lost pixels where some were lost.
    pub psnr: Estimate,
    /// Of the whole picture, at most 1.
    pub ssim: Estimate,
    /// dB of PSNR over the best classical restorer, picture by picture; none without one, nor for the damaged pictures.
    pub over_classical: Option<Estimate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The damaged pictures as they are.
    Damaged,
    Classical,
    Model,
}

/// A mean over pictures with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub mean: f64,
    /// Half of the mean's 95 % interval, `1.96 s / sqrt(n)` (normal, over pictures); none for a single picture.
    pub half_width: Option<f64>,
}

impl Estimate {
    /// Of numbers, one a picture; at least one.
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { mean, half_width: (values.len() > 1).then(|| DEVIATIONS * (variance / count).sqrt()) }
    }

    fn of_differences(values: &[f64], from: &[f64]) -> Self {
        Self::of(&values.iter().zip(from).map(|(value, from)| value - from).collect::<Vec<_>>())
    }
}

/// What one restorer reached, picture by picture.
struct Reached {
    name: String,
    kind: Kind,
    settings: String,
    psnr: Vec<f64>,
    ssim: Vec<f64>,
}

/// Damages the pictures, lets every restorer restore them, and measures. None when `go_on` said no.
///
/// # Errors
/// When there are no pictures, their sizes do not fit, or a restorer fails.
pub fn compare(
    trial: &Trial,
    classical: &[Classical],
    models: &[&dyn Restorer],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Table>, RestorationError> {
    if trial.clean.is_empty() {
        return Err(RestorationError::NoPictures("compare restorers on"));
    }
    let damaged = trial.task.damage_all(trial.clean, trial.seed, "test damage")?;
    let name = if trial.task.mask().is_some() { "mean fill" } else { "damaged" };
    let mut reached = vec![trial.reached(name, Kind::Damaged, String::new(), &damaged)?];
    let classical = classical.iter().map(|restorer| (Kind::Classical, &**restorer as &dyn Restorer));
    for (kind, restorer) in classical.chain(models.iter().map(|&restorer| (Kind::Model, restorer))) {
        let Some(restored) = restorer.restore(trial.task, &damaged, go_on)? else {
            return Ok(None);
        };
        let finished = score::finished(trial.task, restorer.name(), &damaged, &restored)?;
        reached.push(trial.reached(restorer.name(), kind, restorer.settings(), &finished)?);
    }
    Ok(Some(trial.table(&reached)))
}

impl Trial<'_> {
    fn reached(
        &self,
        name: &str,
        kind: Kind,
        settings: String,
        finished: &[Picture],
    ) -> Result<Reached, RestorationError> {
        let psnr = score::psnr(self.task, self.clean, finished)?;
        Ok(Reached { name: name.to_owned(), kind, settings, psnr, ssim: score::ssim(self.clean, finished)? })
    }

    fn table(&self, reached: &[Reached]) -> Table {
        let mean = |reached: &&Reached| Estimate::of(&reached.psnr).mean;
        let classical = reached.iter().filter(|reached| reached.kind == Kind::Classical);
        let best = classical.max_by(|a, b| mean(a).total_cmp(&mean(b)));
        let row = |one: &Reached| Row {
            name: one.name.clone(),
            kind: one.kind,
            settings: one.settings.clone(),
            gain: Estimate::of_differences(&one.psnr, &reached[0].psnr),
            psnr: Estimate::of(&one.psnr),
            ssim: Estimate::of(&one.ssim),
            over_classical: best
                .filter(|_| one.kind != Kind::Damaged)
                .map(|best| Estimate::of_differences(&one.psnr, &best.psnr)),
        };
        Table {
            task: self.task.name().to_owned(),
            damage: self.task.to_string(),
            psnr_over: if self.task.mask().is_some() { "lost pixels" } else { "whole picture" }.to_owned(),
            pictures: self.clean.len(),
            best_classical: best.map(|best| best.name.clone()),
            rows: reached.iter().map(row).collect(),
        }
    }
}

impl Table {
    /// A head line and a line for each restorer, in aligned columns.
    pub fn lines(&self) -> Vec<String> {
        let head = ["", "gain dB", "PSNR dB", "SSIM", "over classical dB", "settings"].map(str::to_owned);
        let cells: Vec<[String; 6]> = std::iter::once(head).chain(self.rows.iter().map(Row::cells)).collect();
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        let line = |row: &[String; 6]| {
            let padded = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
                0 | 5 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        cells.iter().map(line).collect()
    }
}

impl Row {
    fn cells(&self) -> [String; 6] {
        let over = self.over_classical.map(|over| over.text(2, true)).unwrap_or_default();
        let [gain, psnr, ssim] = [self.gain.text(2, true), self.psnr.text(2, false), self.ssim.text(3, false)];
        [self.name.clone(), gain, psnr, ssim, over, self.settings.clone()]
    }
}

impl Estimate {
    fn text(&self, digits: usize, signed: bool) -> String {
        let mean = if signed { format!("{:+.digits$}", self.mean) } else { format!("{:.digits$}", self.mean) };
        self.half_width.map_or(mean.clone(), |half| format!("{mean} ±{half:.digits$}"))
    }
}

impl fmt::Display for Table {
    /// The damage, the pictures, and the lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({} pictures, PSNR of the {}, ± is a 95 % interval)",
            self.damage, self.pictures, self.psnr_over
        )?;
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::classical::tests::sample;
    use super::super::classical::{Colours, GaussianFilter, TotalVariation};
    use super::*;

    /// Gives back a picture that nobody damaged, or the damaged one.
    struct Knows(Option<Vec<Picture>>);

    impl Restorer for Knows {
        fn name(&self) -> &str {
            "knows"
        }

        fn restore(
            &self,
            _: &Task,
            damaged: &[Picture],
            go_on: &mut dyn FnMut() -> bool,
        ) -> Result<Option<Vec<Picture>>, RestorationError> {
            Ok(go_on().then(|| self.0.clone().unwrap_or_else(|| damaged.to_vec())))
        }
    }

    fn table(task: &Task, clean: &[Picture], models: &[&dyn Restorer]) -> Table {
        let classical: Vec<Classical> = match task {
            Task::Denoise { .. } => {
                vec![Box::new(GaussianFilter::new(0.7)), Box::new(TotalVariation::new(0.08, Colours::Apart))]
            }
            _ => Vec::new(),
        };
        compare(&Trial { task, clean, seed: 3 }, &classical, models, &mut || true).unwrap().unwrap()
    }

    #[test]
    fn gains_are_paired_and_the_best_classical_row_is_the_measure() {
        let (_, clean) = sample(0, 20);
        let task = Task::Denoise { sigma: 0.1 };
        let (nothing, all) = (Knows(None), Knows(Some(clean.clone())));
        let table = table(&task, &clean, &[&nothing, &all]);
        let kinds: Vec<Kind> = table.rows.iter().map(|row| row.kind).collect();
        assert_eq!(kinds, [Kind::Damaged, Kind::Classical, Kind::Classical, Kind::Model, Kind::Model]);
        let [damaged, gaussian, variation, nothing, all] = table.rows.as_slice() else { panic!("{table}") };
        assert!((damaged.psnr.mean - 20.2).abs() < 0.5, "noise of 0.1, clipped: {:?}", damaged.psnr);
        assert_eq!((nothing.gain.mean, nothing.gain.half_width), (0.0, Some(0.0)));
        assert!((all.psnr.mean - 58.92).abs() < 0.01 && all.ssim.mean > 1.0 - 1e-9, "{all:?}");
        let best = if gaussian.psnr.mean > variation.psnr.mean { gaussian } else { variation };
        assert_eq!(table.best_classical.as_ref(), Some(&best.name));
        assert_eq!(best.over_classical.map(|over| over.mean), Some(0.0));
        let over = all.over_classical.unwrap();
        assert!((over.mean - (all.psnr.mean - best.psnr.mean)).abs() < 1e-9);
        assert!(damaged.over_classical.is_none());
    }

    #[test]
    fn the_table_can_be_read_by_programs_and_by_people() {
        let (_, clean) = sample(0, 3);
        let mut table = table(&Task::Denoise { sigma: 0.1 }, &clean, &[]);
        let text = serde_json::to_string(&table).unwrap();
        assert!(text.contains(r#""kind":"damaged""#) && !text.contains("null,\"psnr\""), "{text}");
        assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), table);
        for row in &mut table.rows {
            row.psnr = Estimate { mean: 24.126, half_width: Some(0.25) };
        }
        let lines = table.lines();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].contains("gain dB") && lines[2].starts_with("Gaussian filter"), "{lines:?}");
        assert!(lines.iter().skip(1).all(|line| line.contains("24.13 ±0.25")), "{lines:?}");
        assert!(table.to_string().starts_with("denoise: noise 0.1 (3 pictures, PSNR of the whole picture"));
    }

    #[test]
    fn a_hole_counts_by_its_inside_and_may_not_touch_the_rest() {
        let (_, clean) = sample(0, 4);
        let [_, _, task] = Task::standard().unwrap();
        let white: Vec<Picture> = clean.iter().map(|picture| picture.map(|_| 1.0)).collect();
        let table = table(&task, &clean, &[&Knows(Some(white))]);
        assert_eq!((table.rows[0].name.as_str(), table.psnr_over.as_str()), ("mean fill", "lost pixels"));
        assert!(table.rows[1].ssim.mean > 0.5, "the visible pixels are as they were: {table}");
        assert!(table.best_classical.is_none());
    }

    #[test]
    fn an_interval_is_the_normal_one() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0]);
        // s = sqrt(5 / 3), over sqrt(4).
        assert!((estimate.half_width.unwrap() - 1.959_964 * (5.0f64 / 3.0).sqrt() / 2.0).abs() < 1e-9);
        assert_eq!(Estimate::of(&[2.0]), Estimate { mean: 2.0, half_width: None });
        assert_eq!(Estimate::of(&[2.0]).text(2, true), "+2.00");
    }

    #[test]
    fn no_pictures_and_a_stop_are_told() {
        let (_, clean) = sample(0, 1);
        let task = Task::Denoise { sigma: 0.1 };
        let trial = Trial { task: &task, clean: &[], seed: 0 };
        assert!(matches!(compare(&trial, &[], &[], &mut || true), Err(RestorationError::NoPictures(_))));
        let trial = Trial { clean: &clean, ..trial };
        assert_eq!(compare(&trial, &[], &[&Knows(None)], &mut || false).unwrap(), None);
    }
}
