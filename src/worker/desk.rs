//! The worker's desk: everything that goes into the run directory, and the commands that come out of it.

use super::outlook::Outlook;
use super::{Observer, Signals};
use crate::run::{
    Command, CommandKind, Event, EventKind, EventWriter, Inbox, MetricDef, Num, Phase, RunDir, RunError, RunLock,
    State, StateWriter, read_events, spark,
};
use crate::train::{Host, Progress, Wish};
use std::collections::BTreeMap;

/// A worker's view of its run.
pub struct Desk<'a> {
    events: EventWriter,
    inbox: Inbox,
    snapshots: StateWriter,
    signals: &'a Signals,
    observer: &'a mut dyn Observer,
    outlook: Outlook,
    /// By metric: which direction is better.
    directions: BTreeMap<String, bool>,
    history: Vec<f64>,
    /// Commands that the training has heard and not answered yet.
    pending: Vec<(Wish, Command)>,
    pub state: State,
}

impl<'a> Desk<'a> {
    /// Goes on with the run's log and snapshot.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub fn open(
        run: &RunDir,
        lock: &RunLock,
        signals: &'a Signals,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, RunError> {
        Ok(Self {
            events: EventWriter::open(run)?,
            inbox: Inbox::open(run, lock.instance()),
            snapshots: StateWriter::new(run, lock.instance()),
            signals,
            observer,
            outlook: Outlook::default(),
            directions: BTreeMap::new(),
            history: Vec::new(),
            pending: Vec::new(),
            state: State {
                reason: None,
                trouble: None,
                queue: None,
                ..State::read(&run.state_path()).unwrap_or_default()
            },
        })
    }

    /// Takes up what was logged before `step`: the sparkline and the best values. Later points will come again.
    pub fn recall(&mut self, run: &RunDir, step: u64) {
        let Ok((events, _)) = read_events(&run.events_path()) else { return };
        let mut steps: BTreeMap<u64, f64> = BTreeMap::new();
        self.state.best.clear();
        for event in events {
            match event.kind {
                EventKind::Metrics { step: at, values, .. } if at <= step => {
                    steps.extend(values.get(&self.state.spark_metric).map(|value| (at, value.get())));
                    self.note_values(&values);
                }
                EventKind::EpochFinished { step: at, values, .. } if at <= step => self.note_values(&values),
                _ => {}
            }
        }
        self.history = steps.into_values().collect();
    }

    /// Says what the metrics mean; the sparkline shows the first one.
    pub fn define(&mut self, defs: Vec<MetricDef>) {
        self.state.spark_metric = defs.first().map(|def| def.name.clone()).unwrap_or_default();
        self.directions = defs.iter().filter_map(|def| Some((def.name.clone(), def.higher_is_better?))).collect();
        self.emit(EventKind::MetricDefs { defs });
    }

    /// Moves the run to a phase and writes its snapshot at once.
    pub fn enter(&mut self, phase: Phase, reason: Option<String>) {
        self.state.reason.clone_from(&reason);
        self.state.phase = phase;
        self.emit(EventKind::PhaseChanged { phase, reason });
        self.publish(true);
    }

    /// Writes the snapshot, at once or when one is due.
    pub fn publish(&mut self, now: bool) {
        self.state.run_ms = self.events.run_ms();
        let trouble = self.events.problem().or(self.snapshots.problem());
        self.state.trouble = trouble.map(|why| format!("the run directory cannot be written: {why}"));
        if now || self.snapshots.is_due(self.state.phase) {
            self.state.spark = spark(&self.history);
            self.snapshots.write_now(&self.state);
        }
        self.observer.state(&self.state);
    }

    /// What a worker that waits for its turn is asked to do.
    pub fn asked_while_waiting(&mut self) -> Option<Wish> {
        self.next_wish(Phase::Queued)
    }

    /// The last words: commands that came too late are answered, the snapshot is written.
    pub fn leave(&mut self, phase: Phase, reason: Option<String>) {
        self.state.queue = None;
        if phase.is_over() || phase == Phase::Paused {
            self.state.eta_s = None;
        }
        self.enter(phase, reason);
        for command in self.inbox.poll() {
            let fits = matches!(
                (&command.kind, phase),
                (CommandKind::Pause, Phase::Paused) | (CommandKind::Stop, Phase::Stopped)
            );
            let reason = (!fits).then(|| format!("the run is {phase} and its worker has left"));
            self.reply(&command, fits, reason);
        }
    }

    fn reply(&mut self, command: &Command, ok: bool, reason: Option<String>) {
        self.emit(EventKind::CommandHandled { id: command.id.clone(), ok, reason });
        self.inbox.handled(command);
    }

    /// The next wish of a signal or a command; others are answered right here.
    fn next_wish(&mut self, phase: Phase) -> Option<Wish> {
        if self.signals.asked_to_leave() {
            self.enter(Phase::Pausing, Some("asked by a signal".to_owned()));
            return Some(Wish::Pause);
        }
        let is_new = |command: &Command| !self.pending.iter().any(|(_, pending)| pending.id == command.id);
        let command = self.inbox.poll().into_iter().find(is_new)?;
        let wish = match &command.kind {
            CommandKind::Pause => Wish::Pause,
            CommandKind::Stop => Wish::Stop,
            CommandKind::Checkpoint | CommandKind::Sample { .. } if phase == Phase::Queued => {
                self.reply(&command, false, Some("the run waits for its turn and has nothing new".to_owned()));
                return None;
            }
            CommandKind::Checkpoint => Wish::Checkpoint,
            CommandKind::Sample { label } => Wish::Sample { label: label.clone() },
        };
        match wish {
            Wish::Pause => self.enter(Phase::Pausing, None),
            Wish::Stop => self.enter(Phase::Stopping, None),
            Wish::Checkpoint | Wish::Sample { .. } => {}
        }
        self.pending.push((wish.clone(), command));
        Some(wish)
    }

    fn note_values(&mut self, values: &BTreeMap<String, Num>) {
        for (name, &value) in values {
            self.state.last.insert(name.clone(), value);
            let Some(&higher) = self.directions.get(name) else { continue };
            let best = self.state.best.entry(name.clone()).or_insert(value);
            let better = if higher { value.get() > best.get() } else { value.get() < best.get() };
            if better || !best.is_finite() {
                *best = value;
            }
        }
    }
}

impl Host for Desk<'_> {
    fn emit(&mut self, kind: EventKind) {
        if let EventKind::Metrics { values, .. } | EventKind::EpochFinished { values, .. } = &kind {
            self.note_values(values);
        }
        if let EventKind::Metrics { values, .. } = &kind {
            self.history.extend(values.get(&self.state.spark_metric).map(|value| value.get()));
        }
        let event: Event = self.events.append(kind);
        self.observer.event(&event);
    }

    fn tick(&mut self, progress: &Progress) -> Option<Wish> {
        self.outlook.tick(progress);
        let plan = &progress.plan;
        self.state.step = progress.step;
        self.state.total_steps = plan.total_steps();
        self.state.epoch = progress.step / plan.steps_per_epoch;
        self.state.epochs = plan.epochs;
        self.state.images_per_s = self.outlook.images_per_s(plan);
        self.state.eta_s = self.outlook.eta_s(progress);
        self.publish(false);
        self.next_wish(Phase::Running)
    }

    fn answer(&mut self, wish: &Wish, outcome: Result<(), String>) {
        let failed = outcome.is_err();
        if let Some(at) = self.pending.iter().position(|(pending, _)| pending == wish) {
            let (_, command) = self.pending.remove(at);
            self.reply(&command, !failed, outcome.err());
        } else {
            // A signal asked.
            self.signals.heard();
        }
        let leaves = matches!(wish, Wish::Pause | Wish::Stop);
        if failed && leaves && self.state.phase != Phase::Running {
            self.enter(Phase::Running, Some("what was asked could not be saved; the training goes on".to_owned()));
        }
    }
}
