//! What the dashboard knows of one run without reading its log.

use std::sync::Arc;

use crate::run::{Liveness, Num, Observation, Phase, RunName, State};

/// A snapshot of a run: replaced whole, never edited.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    pub name: RunName,
    /// What is true, not only what the worker last said.
    pub phase: Phase,
    /// None if it cannot be read.
    pub state: Option<Arc<State>>,
    /// A worker may be started on it.
    pub can_resume: bool,
    /// Size on disk, once measured.
    pub bytes: Option<u64>,
}

impl RunView {
    pub fn new(name: RunName, seen: Observation, bytes: Option<u64>) -> RunView {
        let can_resume = seen.can_resume();
        // A worker says its last words before it lets go of the run; until then nobody else can take it.
        let phase = match (seen.phase, seen.liveness) {
            (Phase::Paused, Liveness::Live) => Phase::Pausing,
            (Phase::Stopped, Liveness::Live) => Phase::Stopping,
            (phase, _) => phase,
        };
        RunView { name, phase, state: seen.state.map(Arc::new), can_resume, bytes }
    }

    /// For tests: a run of which nothing but its phase is known.
    #[cfg(test)]
    pub fn bare(name: RunName, phase: Phase) -> RunView {
        RunView { name, phase, state: None, can_resume: phase.can_resume(), bytes: None }
    }

    pub fn heartbeat_ms(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.heartbeat_ms)
    }

    pub fn queue_place(&self) -> Option<u64> {
        let queue = self.state.as_ref()?.queue.as_ref()?;
        Some(queue.position as u64)
    }

    pub fn last(&self, metric: &str) -> Option<f64> {
        self.state.as_ref()?.last.get(metric).copied().map(Num::get)
    }

    pub fn best(&self, metric: &str) -> Option<f64> {
        self.state.as_ref()?.best.get(metric).copied().map(Num::get)
    }

    /// The share of the whole training that is done, by steps.
    pub fn progress(&self) -> Option<f64> {
        let state = self.state.as_ref()?;
        (state.total_steps > 0).then(|| state.step as f64 / state.total_steps as f64)
    }

    /// Epochs done, with the part of the one under way.
    pub fn epochs_done(&self) -> Option<f64> {
        let state = self.state.as_ref()?;
        Some(self.progress()? * state.epochs as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_has_paused_but_still_holds_the_run_is_pausing() {
        let view =
            |phase, liveness| RunView::new("r".parse().unwrap(), Observation { phase, state: None, liveness }, None);
        let leaving = view(Phase::Paused, Liveness::Live);
        assert_eq!((leaving.phase, leaving.can_resume), (Phase::Pausing, false));
        let left = view(Phase::Paused, Liveness::Free);
        assert_eq!((left.phase, left.can_resume), (Phase::Paused, true));
        assert_eq!(view(Phase::Stopped, Liveness::Live).phase, Phase::Stopping);
    }
}
