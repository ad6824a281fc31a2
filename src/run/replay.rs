//! From a stream of events to what a screen shows: pure, and the same for every reader.

use super::history::{History, MAX_SERIES, Row, Series};
use super::record::{Checkpoint, Confusion, NoteLine, Sample};
use super::{Event, EventKind, MetricDef, Num, Phase, plain_text};
use std::collections::{BTreeMap, VecDeque};

/// Notes and answers kept; older ones stay in the file.
const MAX_NOTES: usize = 1000;
/// Matrices, files and checkpoints kept of each sort; no run of a person's comes near it.
const MAX_KEPT: usize = 10_000;

/// What a run's log says so far. Feed it every event in order with [`Replay::apply`].
///
/// When a worker goes on from a checkpoint, what was logged beyond that step is dropped: it is
/// computed again. All text that it gives out is safe for a screen.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    history: History,
    defs: BTreeMap<String, MetricDef>,
    confusions: Vec<Confusion>,
    predictions: Vec<Sample>,
    samples: Vec<Sample>,
    checkpoints: Vec<Checkpoint>,
    notes: VecDeque<NoteLine>,
    answers: VecDeque<(String, Result<(), String>)>,
    phase: Option<(Phase, Option<String>)>,
    model: String,
    instance: String,
    resumes: u32,
    finished: bool,
    last_step: u64,
    last_epoch: u64,
    version: u64,
    cuts: u64,
}

impl Replay {
    /// Takes the next event in.
    pub fn apply(&mut self, event: Event) {
        self.version += 1;
        let (t_ms, run_ms) = (event.t_ms, event.run_ms);
        match event.kind {
            EventKind::Metrics { step, epoch, values } => {
                self.push(Row { step, epoch, run_ms, t_ms }, values);
            }
            EventKind::EpochFinished { epoch, step, values } => {
                self.last_epoch = epoch;
                self.push(Row { step, epoch: epoch as f64, run_ms, t_ms }, values);
            }
            EventKind::Finished { step, epoch, values } => {
                self.finished = true;
                let step = step.max(self.last_step);
                self.last_epoch = epoch.max(self.last_epoch);
                if !values.is_empty() {
                    self.push(Row { step, epoch: epoch as f64, run_ms, t_ms }, values);
                }
            }
            EventKind::Hello { model, instance, resumed_from_step, .. } => {
                self.begin(plain(model), plain(instance), resumed_from_step);
            }
            EventKind::MetricDefs { defs } => self.define(defs),
            EventKind::PhaseChanged { phase, reason } => {
                self.enter_phase(t_ms, phase, reason.map(plain));
            }
            EventKind::CommandHandled { id, ok, reason } => {
                let reason = plain(reason.unwrap_or_default());
                push_bounded(&mut self.answers, (id, if ok { Ok(()) } else { Err(reason) }));
            }
            EventKind::Note { level, text } => {
                let (level, text) = (plain(level), plain(text));
                push_bounded(&mut self.notes, NoteLine { t_ms, level, text });
            }
            kind => self.keep_file(kind),
        }
    }

    /// Events that stand for something to look at.
    fn keep_file(&mut self, kind: EventKind) {
        let step = self.last_step;
        match kind {
            EventKind::Confusion { split, epoch, labels, matrix } => {
                let square = matrix.iter().all(|row| row.len() == labels.len());
                if square && matrix.len() == labels.len() {
                    let labels = labels.into_iter().map(plain).collect();
                    let split = plain(split);
                    let item = Confusion { split, epoch, step, labels, matrix };
                    keep(&mut self.confusions, item, |a, b| a.epoch == b.epoch && a.split == b.split);
                }
            }
            EventKind::Predictions { split, epoch, path } => {
                let (split, path) = (plain(split), plain(path));
                let item = Sample { split, path, epoch, step };
                keep(&mut self.predictions, item, |a, b| a.epoch == b.epoch && a.split == b.split);
            }
            EventKind::Samples { path, epoch, step: at } => {
                let path = plain(path);
                let step = if at == 0 { step } else { at };
                let item = Sample { split: String::new(), path, epoch, step };
                keep(&mut self.samples, item, |a, b| a.path == b.path);
            }
            EventKind::CheckpointSaved { path, step, epoch, best } => {
                let path = plain(path);
                keep(&mut self.checkpoints, Checkpoint { path, step, epoch, best }, |a, b| a.path == b.path);
            }
            _ => {}
        }
    }

    fn push(&mut self, row: Row, values: BTreeMap<String, Num>) {
        self.last_step = row.step;
        self.history.push(row, values);
    }

    fn begin(&mut self, model: String, instance: String, resumed_from_step: Option<u64>) {
        (self.model, self.instance) = (model, instance);
        self.finished = false;
        if let Some(step) = resumed_from_step {
            self.resumes += 1;
            self.drop_beyond(step);
        }
    }

    fn drop_beyond(&mut self, step: u64) {
        self.confusions.retain(|c| c.step <= step);
        self.predictions.retain(|p| p.step <= step);
        self.samples.retain(|s| s.step <= step);
        self.checkpoints.retain(|c| c.step <= step);
        self.cuts += u64::from(self.history.drop_beyond(step));
        self.last_step = self.history.last_row().map_or(0, |row| row.step);
        self.last_epoch = self.history.last_row().map_or(0, |row| row.epoch as u64);
    }

    fn define(&mut self, defs: Vec<MetricDef>) {
        for def in defs {
            if self.defs.len() < MAX_SERIES {
                let def = MetricDef { name: plain(def.name), unit: plain(def.unit), ..def };
                self.defs.insert(def.name.clone(), def);
            }
        }
    }

    fn enter_phase(&mut self, t_ms: u64, phase: Phase, reason: Option<String>) {
        let level = match phase {
            Phase::Failed | Phase::Diverged => "error",
            Phase::Interrupted | Phase::Unknown => "warning",
            _ => "info",
        };
        let text = match &reason {
            Some(reason) => format!("{phase}: {reason}"),
            None => phase.to_string(),
        };
        push_bounded(&mut self.notes, NoteLine { t_ms, level: level.into(), text });
        self.phase = Some((phase, reason));
    }

    /// Names of all metrics logged, sorted.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.history.metrics()
    }

    /// A metric's history.
    pub fn series(&self, metric: &str) -> Option<Series<'_>> {
        self.history.series(metric)
    }

    /// What a metric means, if the worker said so.
    pub fn def(&self, metric: &str) -> Option<&MetricDef> {
        self.defs.get(metric)
    }

    /// All confusion matrices, in the order logged.
    pub fn confusions(&self) -> &[Confusion] {
        &self.confusions
    }

    /// The confusion matrix of a split after `epoch`, or the last before it; of None, the latest.
    pub fn confusion(&self, split: &str, epoch: Option<u64>) -> Option<&Confusion> {
        let of_split = self.confusions.iter().filter(|c| c.split == split);
        of_split.filter(|c| epoch.is_none_or(|epoch| c.epoch <= epoch)).max_by_key(|c| c.epoch)
    }

    /// Files of predictions, in the order logged.
    pub fn predictions(&self) -> &[Sample] {
        &self.predictions
    }

    /// The predictions of a split after `epoch`, or the last before it; of None, the latest.
    pub fn prediction(&self, split: &str, epoch: Option<u64>) -> Option<&Sample> {
        let of_split = self.predictions.iter().filter(|p| p.split == split);
        of_split.filter(|p| epoch.is_none_or(|epoch| p.epoch <= epoch)).max_by_key(|p| p.epoch)
    }

    /// Pictures, in the order logged.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Checkpoints saved, in the order logged; old ones may be gone from the disk.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// Notes and changes of phase, oldest first; the last thousand.
    pub fn notes(&self) -> impl DoubleEndedIterator<Item = &NoteLine> + ExactSizeIterator {
        self.notes.iter()
    }

    /// What a worker answered to the command `id`.
    pub fn answer(&self, id: &str) -> Option<&Result<(), String>> {
        self.answers.iter().rev().find(|(handled, _)| handled == id).map(|(_, answer)| answer)
    }

    /// The phase last logged, and why.
    pub fn phase(&self) -> Option<(Phase, Option<&str>)> {
        self.phase.as_ref().map(|(phase, reason)| (*phase, reason.as_deref()))
    }

    /// The kind of model, as the worker said.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The last worker to say hello.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// How often the run went on from a checkpoint.
    pub fn resumes(&self) -> u32 {
        self.resumes
    }

    /// The run did all that it was to do.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The last step logged.
    pub fn last_step(&self) -> u64 {
        self.last_step
    }

    /// Epochs done, whole ones.
    pub fn last_epoch(&self) -> u64 {
        self.last_epoch
    }

    /// Grows with every event: the same number, the same contents.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Grows whenever earlier points were dropped: as long as it stays, series only grow.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }
}

fn plain(text: String) -> String {
    match plain_text(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(clean) => clean,
    }
}

/// Adds an item in the place of one that it makes void; far beyond what a run needs, the oldest go.
fn keep<T>(items: &mut Vec<T>, item: T, same: impl Fn(&T, &T) -> bool) {
    if let Some(at) = items.iter().rposition(|old| same(old, &item)) {
        items.remove(at);
    } else if items.len() >= MAX_KEPT {
        items.drain(..MAX_KEPT / 2);
    }
    items.push(item);
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= MAX_NOTES {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Point;

    fn replay(kinds: impl IntoIterator<Item = EventKind>) -> Replay {
        let mut replay = Replay::default();
        for (i, kind) in kinds.into_iter().enumerate() {
            let i = i as u64;
            replay.apply(Event::new(i, 1000 + i, 10 * i, kind));
        }
        replay
    }

    fn metrics(step: u64, loss: f64) -> EventKind {
        let values = BTreeMap::from([("loss".to_owned(), Num(loss))]);
        EventKind::Metrics { step, epoch: step as f64 / 10.0, values }
    }

    fn epoch(epoch: u64, accuracy: f64) -> EventKind {
        let values = BTreeMap::from([("test/accuracy".to_owned(), Num(accuracy))]);
        EventKind::EpochFinished { epoch, step: 10 * epoch, values }
    }

    fn confusion(epoch: u64, count: u64) -> EventKind {
        EventKind::Confusion { split: "test".into(), epoch, labels: vec!["cat".into()], matrix: vec![vec![count]] }
    }

    fn hello(resumed_from_step: Option<u64>) -> EventKind {
        EventKind::Hello {
            schema: 1,
            instance: "i".into(),
            model: "cnn".into(),
            config_hash: String::new(),
            data_sha256: String::new(),
            resumed_from_step,
        }
    }

    fn steps(replay: &Replay, metric: &str) -> Vec<(u64, f64)> {
        let series = replay.series(metric);
        series.into_iter().flat_map(Series::points).map(|point| (point.step, point.value)).collect()
    }

    #[test]
    fn every_point_knows_its_place_on_all_four_axes() {
        let replay = replay([hello(None), metrics(5, 0.5), metrics(10, 0.25), epoch(1, 0.6)]);
        let loss = replay.series("loss").unwrap();
        let expected = Point { step: 10, epoch: 1.0, run_ms: 20, t_ms: 1002, value: 0.25 };
        assert_eq!((loss.len(), loss.last(), loss.point(2)), (2, Some(expected), None));
        assert_eq!(loss.values(), [0.5, 0.25]);
        assert_eq!(replay.metrics().collect::<Vec<_>>(), ["loss", "test/accuracy"]);
        assert_eq!((replay.last_step(), replay.last_epoch(), replay.model()), (10, 1, "cnn"));
    }

    #[test]
    fn going_on_from_a_checkpoint_drops_what_will_be_computed_again() {
        let saved = |step| EventKind::CheckpointSaved { path: format!("w/{step}"), step, epoch: 0, best: false };
        let before = [hello(None), metrics(10, 1.0), epoch(1, 0.3), confusion(1, 1), saved(10), metrics(15, 0.9)];
        let lost = [metrics(20, 0.8), epoch(2, 0.4), confusion(2, 2), saved(20), metrics(25, 0.7)];
        let events: Vec<_> = before.into_iter().chain(lost).collect();
        let whole = replay(events.clone());
        assert_eq!(steps(&whole, "loss").len(), 4);

        let mut events = events;
        events.push(hello(Some(15)));
        let cut = replay(events.clone());
        assert_eq!(steps(&cut, "loss"), [(10, 1.0), (15, 0.9)]);
        assert_eq!(steps(&cut, "test/accuracy"), [(10, 0.3)]);
        assert_eq!(cut.confusions().iter().map(|c| c.epoch).collect::<Vec<_>>(), [1]);
        assert_eq!(cut.checkpoints().iter().map(|c| c.step).collect::<Vec<_>>(), [10]);
        assert_eq!((cut.cuts(), cut.resumes(), cut.last_step()), (1, 1, 15));

        events.extend([metrics(20, 0.8), epoch(2, 0.4)]);
        assert_eq!(steps(&replay(events), "loss"), [(10, 1.0), (15, 0.9), (20, 0.8)]);
    }

    #[test]
    fn going_on_from_the_start_drops_all_and_from_the_end_nothing() {
        let base = [hello(None), metrics(1, 1.0), metrics(2, 0.5)];
        let all_gone = replay(base.clone().into_iter().chain([hello(Some(0))]));
        assert_eq!((all_gone.series("loss").map(|s| s.len()), all_gone.last_step()), (None, 0));
        let nothing_gone = replay(base.into_iter().chain([hello(Some(2))]));
        assert_eq!((steps(&nothing_gone, "loss").len(), nothing_gone.cuts()), (2, 0));
    }

    #[test]
    fn the_time_machine_gives_the_last_matrix_up_to_an_epoch() {
        let replay = replay([confusion(1, 10), confusion(3, 30), confusion(3, 31)]);
        let count = |epoch| replay.confusion("test", epoch).map(|c| c.matrix[0][0]);
        assert_eq!([count(None), count(Some(0)), count(Some(2)), count(Some(9))], [Some(31), None, Some(10), Some(31)]);
        assert_eq!(replay.confusion("train", None), None);
    }

    #[test]
    fn a_step_said_twice_has_the_later_value() {
        let replay = replay([metrics(5, 1.0), metrics(5, 2.0), metrics(6, 3.0)]);
        assert_eq!(steps(&replay, "loss"), [(5, 2.0), (6, 3.0)]);
    }

    #[test]
    fn the_best_point_is_finite_and_the_first_of_equals() {
        let replay = replay([1.0, f64::NAN, 0.5, f64::NEG_INFINITY, 0.5].iter().zip(1..).map(|(v, s)| metrics(s, *v)));
        let loss = replay.series("loss").unwrap();
        assert_eq!(loss.best(false).map(|p| (p.step, p.value)), Some((3, 0.5)));
        assert_eq!(loss.best(true).map(|p| p.step), Some(1));
    }

    #[test]
    fn a_hostile_log_costs_bounded_memory_and_reaches_no_screen() {
        let wide = |step: u64| EventKind::Metrics {
            step,
            epoch: 0.0,
            values: (0..1000).map(|i| (format!("{step}-{i}\u{1b}[2J"), Num(0.0))).collect(),
        };
        let lopsided = EventKind::Confusion {
            split: "test".into(),
            epoch: 1,
            labels: vec!["a".into(), "b".into()],
            matrix: vec![vec![1, 2], vec![3]],
        };
        let note = |i| EventKind::Note { level: "info".into(), text: format!("{i}\u{7}") };
        let replay = replay((0..5).map(wide).chain([lopsided]).chain((0..5000).map(note)));
        assert_eq!(replay.metrics().count(), MAX_SERIES);
        assert!(replay.metrics().all(|name| !name.contains('\u{1b}')));
        assert!(replay.confusions().is_empty());
        assert_eq!((replay.notes().len(), replay.notes().next_back().unwrap().text.as_str()), (MAX_NOTES, "4999"));
    }

    #[test]
    fn answers_and_phases_are_told() {
        let handled = |id: &str, ok, reason: Option<&str>| EventKind::CommandHandled {
            id: id.into(),
            ok,
            reason: reason.map(str::to_owned),
        };
        let reason = Some("asked".to_owned());
        let replay = replay([
            handled("1", true, None),
            handled("2", false, Some("no\u{1b}")),
            EventKind::PhaseChanged { phase: Phase::Paused, reason },
        ]);
        assert_eq!(replay.answer("1"), Some(&Ok(())));
        assert_eq!(replay.answer("2"), Some(&Err("no".to_owned())));
        assert_eq!(replay.answer("3"), None);
        assert_eq!(replay.phase(), Some((Phase::Paused, Some("asked"))));
    }
}
