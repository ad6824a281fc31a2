//! The list of runs: which there are, which are shown and in what order, which is selected, which are
//! marked, and what was asked of them and not yet confirmed.

use std::collections::BTreeMap;

use crate::jobs::{Ask, RunView};
use crate::run::{Phase, RunName};

/// How many runs may be marked: as many as there are colours to tell them apart.
pub const MAX_MARKED: usize = 6;

#[derive(Clone, Debug, Default)]
pub struct Runs {
    known: BTreeMap<RunName, RunView>,
    shown: Vec<RunName>,
    selected: Option<RunName>,
    /// A run to be selected as soon as it is known.
    expected: Option<RunName>,
    marked: Vec<RunName>,
    asked: BTreeMap<RunName, Asked>,
    filter: String,
    /// False until the folder was read once, so that "none" is not said too early.
    pub scanned: bool,
    /// Why the runs folder cannot be read.
    pub trouble: Option<String>,
}

/// What was asked of a run, and where it stood then: asked is not yet done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub ask: Ask,
    pub phase: Phase,
    pub at_ms: u64,
}

impl Runs {
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn get(&self, name: &RunName) -> Option<&RunView> {
        self.known.get(name)
    }

    /// The runs that pass the filter, those that compute first.
    pub fn shown(&self) -> impl ExactSizeIterator<Item = &RunView> {
        self.shown.iter().map(|name| &self.known[name])
    }

    pub fn selected(&self) -> Option<&RunView> {
        self.known.get(self.selected.as_ref()?)
    }

    pub fn selected_name(&self) -> Option<&RunName> {
        self.selected.as_ref()
    }

    pub fn selected_index(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.shown.iter().position(|name| name == selected)
    }

    /// The place among the marked runs, which is also its colour.
    pub fn mark_of(&self, name: &RunName) -> Option<usize> {
        self.marked.iter().position(|marked| marked == name)
    }

    /// The selected run, then the marked ones.
    pub fn in_focus(&self) -> Vec<&RunView> {
        let others = self.marked.iter().filter(|name| Some(*name) != self.selected.as_ref());
        self.selected.iter().chain(others).filter_map(|name| self.known.get(name)).collect()
    }

    pub fn filter(&self) -> &str {
        &self.filter
    }

    pub fn asked(&self, name: &RunName) -> Option<&Asked> {
        self.asked.get(name)
    }

    pub fn anything_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// How many workers hold a run, also those that wait for their slot.
    pub fn live(&self) -> usize {
        self.known.values().filter(|run| run.phase.is_live()).count()
    }

    /// A sentence for each run that was live and, by what is new of it, has ended; a paused one has not.
    pub fn ends_among(&self, changed: &[RunView]) -> Vec<String> {
        let was_live = |run: &&RunView| self.known.get(&run.name).is_some_and(|before| before.phase.is_live());
        let has_ended = |run: &&RunView| run.phase.is_over() || run.phase == Phase::Interrupted;
        let sentence = |run: &RunView| {
            let reason = run.state.as_ref().and_then(|state| state.reason.as_ref());
            format!("{} is {}{}", run.name, run.phase, reason.map_or_else(String::new, |reason| format!(": {reason}")))
        };
        changed.iter().filter(was_live).filter(has_ended).map(sentence).collect()
    }

    pub fn absorb(&mut self, changed: Vec<RunView>, gone: &[RunName]) {
        for run in changed {
            if self.asked.get(&run.name).is_some_and(|asked| asked.is_settled_by(run.phase)) {
                self.asked.remove(&run.name);
            }
            self.known.insert(run.name.clone(), run);
        }
        for name in gone {
            self.known.remove(name);
            self.asked.remove(name);
            self.marked.retain(|marked| marked != name);
        }
        self.arrange();
    }

    pub fn set_filter(&mut self, filter: &str) {
        self.filter = filter.to_lowercase();
        self.arrange();
    }

    /// Selects a run, now or when it is first heard of.
    pub fn select(&mut self, name: &RunName) {
        self.expected = Some(name.clone());
        self.arrange();
    }

    /// Moves the selection by so many rows, stopping at the ends.
    pub fn move_selection(&mut self, rows: isize) {
        let Some(last) = self.shown.len().checked_sub(1) else { return };
        let at = self.selected_index().unwrap_or(0);
        self.selected = Some(self.shown[at.saturating_add_signed(rows).min(last)].clone());
    }

    /// Marks the selected run, or takes its mark away; false if too many are marked already.
    pub fn toggle_mark(&mut self) -> bool {
        let Some(selected) = self.selected.clone() else { return true };
        match self.mark_of(&selected) {
            Some(at) => drop(self.marked.remove(at)),
            None if self.marked.len() == MAX_MARKED => return false,
            None => self.marked.push(selected),
        }
        true
    }

    pub fn note_asked(&mut self, name: &RunName, ask: Ask, at_ms: u64) {
        if let Some(run) = self.known.get(name) {
            self.asked.insert(name.clone(), Asked { ask, phase: run.phase, at_ms });
        }
    }

    pub fn note_answered(&mut self, name: &RunName, ask: &Ask) {
        if self.asked.get(name).is_some_and(|asked| asked.ask == *ask) {
            self.asked.remove(name);
        }
    }

    /// A worker said yes and is leaving: known before its run is looked at again.
    pub fn note_leaving(&mut self, name: &RunName, phase: Phase) {
        if let Some(run) = self.known.get_mut(name)
            && run.phase == Phase::Running
            && !self.asked.contains_key(name)
        {
            run.phase = phase;
        }
    }

    /// Runs whose worker was started before `since_ms` and has not been heard of.
    pub fn silent_since(&self, since_ms: u64) -> Vec<RunName> {
        let silent = |asked: &Asked| asked.ask == Ask::Resume && asked.at_ms < since_ms;
        self.asked.iter().filter(|(_, asked)| silent(asked)).map(|(name, _)| name.clone()).collect()
    }

    fn arrange(&mut self) {
        if let Some(expected) = self.expected.take_if(|name| self.known.contains_key(name)) {
            self.selected = Some(expected);
        }
        let matching = self
            .known
            .values()
            .filter(|run| self.filter.is_empty() || run.name.as_str().to_lowercase().contains(&self.filter));
        let mut shown: Vec<&RunView> = matching.collect();
        shown.sort_by_cached_key(|run| place(run));
        self.shown = shown.into_iter().map(|run| run.name.clone()).collect();
        if self.selected_index().is_none() {
            self.selected = self.shown.first().cloned();
        }
    }
}

/// Computing runs first, then the queue, then what can go on, then what is over, the latest first.
/// A live run's place does not follow its heartbeat: rows must not jump under the cursor.
fn place(run: &RunView) -> (u8, u64, std::cmp::Reverse<u64>, RunName) {
    let rank = match run.phase {
        Phase::Queued => 1,
        phase if phase.is_live() => 0,
        Phase::Paused | Phase::Interrupted | Phase::Unknown => 2,
        _ => 3,
    };
    let heard_ms = if rank >= 2 { run.heartbeat_ms() } else { 0 };
    (rank, run.queue_place().unwrap_or(0), std::cmp::Reverse(heard_ms), run.name.clone())
}

impl Asked {
    /// Whether the run's phase shows that what was asked is under way or done.
    fn is_settled_by(&self, phase: Phase) -> bool {
        match self.ask {
            Ask::Save | Ask::Draw { .. } => !phase.is_live(),
            Ask::Resume => phase != self.phase && phase != Phase::Paused,
            Ask::Pause | Ask::Stop => phase != self.phase,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::run::State;

    pub fn view(name: &str, phase: Phase) -> RunView {
        RunView::bare(name.parse().unwrap(), phase)
    }

    fn names(runs: &Runs) -> Vec<&str> {
        runs.shown().map(|run| run.name.as_str()).collect()
    }

    fn three() -> Runs {
        let mut runs = Runs::default();
        let views =
            vec![view("a-done", Phase::Finished), view("b-waits", Phase::Queued), view("c-runs", Phase::Running)];
        runs.absorb(views, &[]);
        runs
    }

    #[test]
    fn computing_runs_stand_first_and_the_first_is_selected() {
        let runs = three();
        assert_eq!(names(&runs), ["c-runs", "b-waits", "a-done"]);
        assert_eq!(runs.selected().map(|run| run.name.as_str()), Some("c-runs"));
        assert_eq!(runs.live(), 2);
    }

    #[test]
    fn the_selection_stays_on_its_run_when_rows_move() {
        let mut runs = three();
        runs.move_selection(1);
        runs.absorb(vec![view("b-waits", Phase::Finished), view("0-new", Phase::Running)], &[]);
        assert_eq!(runs.selected().map(|run| run.name.as_str()), Some("b-waits"));
        runs.absorb(vec![], &["b-waits".parse().unwrap()]);
        assert_eq!(runs.selected().map(|run| run.name.as_str()), Some("0-new"));
    }

    #[test]
    fn a_run_that_is_expected_is_selected_when_it_comes() {
        let mut runs = three();
        runs.select(&"z-new".parse().unwrap());
        assert_eq!(runs.selected().map(|run| run.name.as_str()), Some("c-runs"));
        runs.absorb(vec![view("z-new", Phase::Starting)], &[]);
        assert_eq!(runs.selected().map(|run| run.name.as_str()), Some("z-new"));
        runs.move_selection(-1);
        runs.absorb(vec![view("z-new", Phase::Running)], &[]);
        assert_eq!(runs.selected().map(|run| run.name.as_str()), Some("c-runs"));
    }

    #[test]
    fn moving_stops_at_both_ends() {
        let mut runs = three();
        runs.move_selection(-5);
        assert_eq!(runs.selected_index(), Some(0));
        runs.move_selection(50);
        assert_eq!(runs.selected_index(), Some(2));
        Runs::default().move_selection(1);
    }

    #[test]
    fn asked_is_kept_until_the_phase_shows_it() {
        let mut runs = three();
        let name: RunName = "c-runs".parse().unwrap();
        runs.note_asked(&name, Ask::Pause, 0);
        runs.absorb(vec![view("c-runs", Phase::Running)], &[]);
        assert_eq!(runs.asked(&name).map(|asked| &asked.ask), Some(&Ask::Pause));
        runs.absorb(vec![view("c-runs", Phase::Pausing)], &[]);
        assert_eq!(runs.asked(&name), None);
    }

    #[test]
    fn only_runs_that_were_live_end() {
        let runs = three();
        let ends = |name, phase| runs.ends_among(&[view(name, phase)]);
        assert_eq!(ends("c-runs", Phase::Finished), ["c-runs is finished"]);
        assert_eq!(ends("b-waits", Phase::Interrupted), ["b-waits is interrupted"]);
        let reason = Some("disk full".to_owned());
        let failed = State { phase: Phase::Failed, reason, ..State::default() };
        let failed = RunView { state: Some(failed.into()), ..view("c-runs", Phase::Failed) };
        assert_eq!(runs.ends_among(&[failed]), ["c-runs is failed: disk full"]);
        for (name, phase) in [("a-done", Phase::Finished), ("c-runs", Phase::Paused), ("new", Phase::Failed)] {
            assert!(ends(name, phase).is_empty(), "{name} {phase}");
        }
    }

    #[test]
    fn the_filter_hides_and_the_selection_follows() {
        let mut runs = three();
        runs.set_filter("WAIT");
        assert_eq!(names(&runs), ["b-waits"]);
        assert_eq!(runs.selected().map(|run| run.name.as_str()), Some("b-waits"));
        runs.set_filter("nothing");
        assert!(runs.selected().is_none());
        runs.set_filter("");
        assert_eq!(runs.shown().len(), 3);
    }

    #[test]
    fn marks_toggle_and_are_bounded() {
        let mut runs = Runs::default();
        runs.absorb((0..9).map(|i| view(&format!("r{i}"), Phase::Paused)).collect(), &[]);
        for _ in 0..MAX_MARKED {
            assert!(runs.toggle_mark());
            runs.move_selection(1);
        }
        assert!(!runs.toggle_mark());
        assert_eq!(runs.in_focus().len(), MAX_MARKED + 1);
        runs.move_selection(-1);
        assert!(runs.toggle_mark());
        assert_eq!(runs.in_focus().len(), MAX_MARKED);
    }
}
