//! `pixscribe compare`: what runs of any model reached, side by side, as a table, as Markdown or as JSON.

mod columns;
mod seeds;
mod settings;

use super::args::CompareArgs;
use super::table;
use super::{CliResult, Globals};
use crate::config::{self, Config, ModelKind};
use crate::jobs::{Confusion, Game, History, Subject, play, wilson};
use crate::run::{Observation, Phase, RunDir, RunName, observe};
use crate::train::checkpoints;
use columns::cells;
use seeds::{Entry, Family, OfSeeds};
use serde::Serialize;
use std::path::Path;

/// A run that was tested at least once. Shares are 0..1, of the last epoch that was tested.
#[derive(Debug, Serialize)]
struct Row {
    run: String,
    /// What sees, and what speaks, if that is another net.
    model: String,
    phase: Phase,
    data: String,
    seed: u64,
    /// Numbers of a finished model, running moments counted.
    parameters: Option<usize>,
    epoch: u64,
    /// Computed, not waited.
    minutes: f64,
    /// Test images, and the share of them that was named right, with its 95 % interval (Wilson).
    images: u64,
    accuracy: f64,
    interval: [f64; 2],
    worst_label: String,
    worst_accuracy: f64,
    /// Captions without a label, or with several.
    none: Option<f64>,
    slot_truth: Option<f64>,
    slot_coverage: Option<f64>,
    facts_a_caption: Option<f64>,
    cider: Option<f64>,
    /// The share that it named right of the pictures that the user named (`l` on screen 5).
    yours: Option<f64>,
    /// Of pictures that the model makes.
    agreement: Option<f64>,
    diversity: Option<f64>,
    /// Of runs that differ by their seed alone: what they are called together, and their means and deviations.
    of_seeds: Option<OfSeeds>,
    #[serde(skip)]
    family: Option<Family>,
}

/// The model of the row of the user's, whose figures are all of the pictures that were named.
const HUMAN: &str = "human";

impl Row {
    /// A figure that only a run has.
    fn of_run<T>(&self, value: T) -> Option<T> {
        (self.model != HUMAN).then_some(value)
    }
}

pub fn run(args: &CompareArgs, globals: &Globals) -> CliResult {
    let runs = if args.named.is_empty() {
        RunDir::list(&globals.runs)?
    } else {
        let open = |name: &RunName| RunDir::open(&globals.runs, name);
        args.named.iter().map(open).collect::<Result<_, _>>()?
    };
    if args.settings {
        let lines = settings::differing(&runs)?;
        print!("{}", if args.markdown { markdown(&lines) } else { table::aligned(&lines) });
        return Ok(());
    }
    let games = play::games(&globals.runs).unwrap_or_else(|why| {
        eprintln!("what you named is left out: {}", why.as_str());
        Vec::new()
    });
    let mut entries = seeds::gather(runs.iter().filter_map(|run| row(run, &games)).collect());
    // Named runs stand in the order in which they were named.
    if args.named.is_empty() {
        entries.sort_by(|a, b| b.accuracy().total_cmp(&a.accuracy()));
    }
    let played = games.iter().filter(|game| runs.iter().any(|run| play::plays(run, game)));
    entries.extend(played.filter_map(your_row).map(|row| Entry::One(Box::new(row))));
    if args.json {
        let rows: Vec<&Row> = entries.iter().flat_map(Entry::rows).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else if entries.is_empty() {
        println!("none of the runs in {} was tested yet: an epoch's end tests a run", globals.runs.display());
    } else if args.markdown {
        print!("{}", markdown(&cells(&entries)));
    } else {
        print!("{}", table::aligned(&cells(&entries)));
    }
    Ok(())
}

/// What the user named right; none of a game in which that is nothing yet.
fn your_row(game: &Game) -> Option<Row> {
    let yours = game.yours();
    let (low, high) = yours.interval();
    let asked = game.labels.iter().zip(&yours.by_label).filter(|(_, (_, of))| *of > 0);
    let shares = asked.map(|(label, (right, of))| (label.clone(), *right as f64 / *of as f64));
    let (worst_label, worst_accuracy) = shares.min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Row {
        run: "you".to_owned(),
        model: HUMAN.to_owned(),
        phase: if game.is_over() { Phase::Finished } else { Phase::Paused },
        data: game.source.data.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        seed: 0,
        parameters: None,
        epoch: 0,
        minutes: 0.0,
        images: yours.of as u64,
        accuracy: yours.share(),
        interval: [low, high],
        worst_label,
        worst_accuracy,
        none: None,
        slot_truth: None,
        slot_coverage: None,
        facts_a_caption: None,
        cider: None,
        yours: Some(yours.share()),
        agreement: None,
        diversity: None,
        of_seeds: None,
        family: None,
    })
}

/// None of a run that was never tested.
fn row(run: &RunDir, games: &[Game]) -> Option<Row> {
    let Observation { phase, state, .. } = observe(run);
    let state = state?;
    let history = History::read(run);
    let epoch =
        history.epochs(Subject::Test).into_iter().rfind(|&epoch| history.confusion(Subject::Test, epoch).is_some())?;
    let confusion = history.confusion(Subject::Test, epoch)?;
    // A run whose settings cannot be read has its model's name all the same.
    let config = config::load(Some(&run.config_path()), &[], None).ok();
    let seed = config.as_ref().map_or(0, Config::seed);
    let family = config.as_ref().and_then(|config| family(run, config));
    let (worst_label, worst_accuracy) = worst(confusion)?;
    let last = |name: &str| history.metric(name)?.last().map(|point| f64::from(point.value));
    let of_test = |what: &str| last(&format!("test/{what}"));
    let accuracy = confusion.accuracy();
    let (low, high) = wilson(accuracy, confusion.total() as f64);
    Some(Row {
        run: run.name().to_string(),
        model: config.as_ref().and_then(model_words).unwrap_or(state.model),
        phase,
        data: state.data,
        seed,
        parameters: parameters(&run.weights_dir().join(checkpoints::MODEL)),
        epoch,
        minutes: state.run_ms as f64 / 60e3,
        images: confusion.total(),
        accuracy,
        interval: [low, high],
        worst_label,
        worst_accuracy,
        none: of_test("none"),
        slot_truth: of_test("slot_truth"),
        slot_coverage: of_test("slot_coverage"),
        facts_a_caption: of_test("facts_a_caption"),
        cider: of_test("cider"),
        yours: games
            .iter()
            .find(|game| play::plays(run, game))
            .and_then(|game| play::score_of(run, game))
            .map(|it| it.share()),
        agreement: last("generated/agreement"),
        diversity: last("generated/diversity"),
        of_seeds: None,
        family,
    })
}

/// None of a run that is not called after its seed.
fn family(run: &RunDir, config: &Config) -> Option<Family> {
    let stem = seeds::stem(run.name().as_str(), config.seed())?;
    let mut alike = config.clone();
    alike.set_seed(0);
    Some((stem.to_owned(), alike.config_hash().ok()?))
}

/// The label that was named right least often.
fn worst(confusion: &Confusion) -> Option<(String, f64)> {
    let asked = (0..confusion.len()).filter(|&label| confusion.of_truth(label) > 0);
    let shares = asked.map(|label| (confusion.labels[label].clone(), confusion.share(label, label)));
    shares.min_by(|a, b| a.1.total_cmp(&b.1))
}

fn parameters(model: &Path) -> Option<usize> {
    checkpoints::read(model).ok().map(|file| file.numbers())
}

fn model_words(config: &Config) -> Option<String> {
    Some(match config.model? {
        ModelKind::Cnn => format!("CNN, {}", config.cnn.preset),
        ModelKind::Gan => "GAN's label head".to_owned(),
        ModelKind::Diffusion => "diffusion classifier".to_owned(),
        ModelKind::Captioner => {
            let captioner = &config.captioner;
            let eyes = match (captioner.encoder.kind, &captioner.init) {
                (_, Some(init)) => init.clone(),
                (config::EyesKind::Vit, None) => format!("ViT, {}", captioner.preset),
                (kind, None) => format!("{kind}{}", if captioner.frozen { ", frozen" } else { "" }),
            };
            format!("{eyes} > GPT-2")
        }
    })
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn markdown(lines: &[Vec<String>]) -> String {
    let row = |line: &Vec<String>| format!("| {} |\n", line.join(" | "));
    let rule = |line: &Vec<String>| format!("|{}\n", " --- |".repeat(line.len()));
    let (Some(head), rest) = (lines.first(), lines.iter().skip(1)) else { return String::new() };
    [row(head), rule(head)].into_iter().chain(rest.map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Source;

    fn row(run: &str, accuracy: f64, cider: Option<f64>) -> Row {
        Row {
            run: run.to_owned(),
            model: "CNN, plain".to_owned(),
            phase: Phase::Finished,
            data: "cifar10".to_owned(),
            seed: 1,
            parameters: None,
            epoch: 2,
            minutes: 1.25,
            images: 100,
            accuracy,
            interval: [accuracy - 0.05, accuracy + 0.05],
            worst_label: "cat".to_owned(),
            worst_accuracy: 0.5,
            none: None,
            slot_truth: None,
            slot_coverage: None,
            facts_a_caption: None,
            cider,
            yours: None,
            agreement: None,
            diversity: None,
            of_seeds: None,
            family: None,
        }
    }

    #[test]
    fn the_best_is_marked_where_there_are_two_and_empty_columns_are_left_out() {
        let found = markdown(&cells(&seeds::gather(vec![row("a", 0.75, Some(1.5)), row("b", 0.8, None)])));
        let due = "\
| run | model | epochs | minutes | label right | 95 % interval | worst label | CIDEr-D |
| --- | --- | --- | --- | --- | --- | --- | --- |
| a | CNN, plain | 2 | 1.2 | 75.00 % | 70.00 to 80.00 | *cat 50.00 %* | 1.50 |
| b | CNN, plain | 2 | 1.2 | *80.00 %* | 75.00 to 85.00 | *cat 50.00 %* |  |
";
        assert_eq!(found, due);
    }

    #[test]
    fn what_the_user_named_stands_below_and_is_compared_on_the_same_pictures() {
        let game = Game {
            source: Source::default(),
            labels: ["cat", "dog"].map(String::from).to_vec(),
            pictures: vec![4, 0, 7],
            truths: vec![1, 0, 1],
            named: vec![1, 1],
        };
        let run = Row { yours: Some(1.0), ..row("a", 0.75, None) };
        let found = markdown(&cells(&[run, your_row(&game).unwrap()].map(|row| Entry::One(Box::new(row)))));
        let due = "\
| run | model | epochs | minutes | on yours | label right | 95 % interval | worst label |
| --- | --- | --- | --- | --- | --- | --- | --- |
| a | CNN, plain | 2 | 1.2 | *100.00 %* | 75.00 % | 70.00 to 80.00 | cat 50.00 % |
| you | human |  |  | 50.00 % |  | 9.45 to 90.55 |  |
";
        assert_eq!(found, due);
        assert!(your_row(&Game { named: vec![], ..game }).is_none());
    }

    #[test]
    fn seeds_stand_below_their_means_and_deviations() {
        let of = |run: &str, accuracy, family: &str| {
            let family = Some((family.to_owned(), "the same settings".to_owned()));
            Row { family, ..row(run, accuracy, None) }
        };
        let rows = vec![of("a-s1", 0.7, "a"), row("b", 0.65, None), of("a-s2", 0.8, "a"), of("c-s1", 0.5, "c")];
        let entries = seeds::gather(rows);
        let due = "\
| run | model | epochs | minutes | label right | 95 % interval | worst label |
| --- | --- | --- | --- | --- | --- | --- |
| a, 2 seeds | CNN, plain | 2 | 1.2 ± 0.0 | 75.00 ± 7.07 % |  | 50.00 ± 0.00 % |
|   a-s1 | CNN, plain | 2 | 1.2 | 70.00 % | 65.00 to 75.00 | *cat 50.00 %* |
|   a-s2 | CNN, plain | 2 | 1.2 | *80.00 %* | 75.00 to 85.00 | *cat 50.00 %* |
| b | CNN, plain | 2 | 1.2 | 65.00 % | 60.00 to 70.00 | *cat 50.00 %* |
| c-s1 | CNN, plain | 2 | 1.2 | 50.00 % | 45.00 to 55.00 | *cat 50.00 %* |
";
        assert_eq!(markdown(&cells(&entries)), due);
        let told = serde_json::to_value(&entries[0].rows()[1]).unwrap();
        assert_eq!(told["of_seeds"]["runs"], serde_json::json!(["a-s1", "a-s2"]));
        let mean = told["of_seeds"]["figures"]["accuracy"]["mean"].as_f64().unwrap();
        assert!((mean - 0.75).abs() < 1e-12 && told.get("family").is_none(), "{told}");
        assert!(serde_json::to_value(&entries[1].rows()[0]).unwrap()["of_seeds"].is_null());
    }

    #[test]
    fn the_worst_label_is_one_that_was_asked_for() {
        let labels = ["cat", "dog", "none"].map(str::to_owned).to_vec();
        let matrix = [vec![3, 1, 0], vec![2, 2, 0], vec![0, 0, 0]];
        let confusion = Confusion::new("test".to_owned(), 1, 1, labels, &matrix).unwrap();
        assert_eq!(worst(&confusion), Some(("dog".to_owned(), 0.5)));
    }
}
