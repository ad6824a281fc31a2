//! What is true of a run now: its last words and whether anyone is there.

use super::{EventKind, EventTail, Liveness, Phase, RunDir, RunError, RunLock, State, liveness};
use std::path::Path;

/// How much of a log's end is searched for the last phase when the state cannot be read.
const LOG_END_BYTES: u64 = 256 << 10;

/// A run as it is.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The phase after asking who is there.
    pub phase: Phase,
    /// The last snapshot, if it can be read.
    pub state: Option<State>,
    /// Whether a worker holds the run.
    pub liveness: Liveness,
}

impl Observation {
    /// A worker may be started on it: it can go on, or was made and never begun.
    pub fn can_resume(&self) -> bool {
        self.liveness == Liveness::Free && (self.phase.can_resume() || self.phase == Phase::Queued)
    }
}

/// Looks at a run: one small file and one probe of its lock.
pub fn observe(run: &RunDir) -> Observation {
    observe_with(run, |state| liveness(run, state))
}

/// The phase after asking who is there, and the last snapshot.
pub fn observed_phase(run: &RunDir) -> (Phase, Option<State>) {
    let Observation { phase, state, .. } = observe(run);
    (phase, state)
}

/// [`observe`] with another judge of liveness, such as a [`super::Pulse`].
pub fn observe_with(run: &RunDir, mut alive: impl FnMut(&State) -> Liveness) -> Observation {
    let mut state = read_state(run);
    let mut liveness = alive(state.as_ref().unwrap_or(&unspoken(run)));
    if liveness == Liveness::Free && state.as_ref().is_some_and(|state| state.phase.is_live()) {
        // The worker may have said its last words and left between the two looks.
        state = read_state(run);
        liveness = alive(state.as_ref().unwrap_or(&unspoken(run)));
    }
    if liveness == Liveness::Live && is_new_holder(run, state.as_ref()) {
        // It has the lock and has not spoken yet.
        return Observation { phase: Phase::Starting, state, liveness };
    }
    let said = state.as_ref().map_or_else(|| last_logged_phase(run), |state| state.phase);
    let begun = state.as_ref().is_none_or(|state| !state.instance.is_empty());
    Observation { phase: judge(said, liveness, begun), state, liveness }
}

fn read_state(run: &RunDir) -> Option<State> {
    State::read(&run.state_path()).ok()
}

/// What is known of a worker without a readable state: the host in its lock.
fn unspoken(run: &RunDir) -> State {
    let host = RunLock::last_holder(run).map_or_else(String::new, |holder| holder.host);
    State { host, ..State::default() }
}

/// The lock is held by another worker than the one whose words the state has.
fn is_new_holder(run: &RunDir, state: Option<&State>) -> bool {
    let instance = state.map_or("", |state| &state.instance);
    RunLock::last_holder(run).is_some_and(|holder| holder.instance != instance)
}

fn judge(said: Phase, liveness: Liveness, begun: bool) -> Phase {
    match liveness {
        Liveness::Live => said,
        Liveness::Free if said == Phase::Queued && !begun => Phase::Queued,
        Liveness::Free if said.is_live() => Phase::Interrupted,
        Liveness::Free => said,
        Liveness::Unknown if said.is_live() => Phase::Unknown,
        Liveness::Unknown => said,
    }
}

fn last_logged_phase(run: &RunDir) -> Phase {
    let mut last = Phase::Unknown;
    let mut tail = EventTail::open_near_end(run.events_path(), LOG_END_BYTES);
    tail.drain(|event| {
        if let EventKind::PhaseChanged { phase, .. } = event.kind {
            last = phase;
        }
    });
    last
}

/// Bytes that an ordinary user may still write where `path` is.
pub fn free_bytes(path: &Path) -> Result<u64, RunError> {
    let stat = rustix::fs::statvfs(path).map_err(|errno| RunError::io("ask for free space at", path)(errno.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
