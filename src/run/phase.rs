//! Where a run stands.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The phases of a run. What is asked and what is confirmed are different phases
/// (`pausing`, then `paused`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Made, or waiting for its slot.
    Queued,
    /// Has its slot; loads data and weights.
    Starting,
    /// Computes.
    Running,
    /// Saves, to leave the device and go on later.
    Pausing,
    /// Saved; no process, no device, no slot.
    Paused,
    /// Saves, to end early.
    Stopping,
    /// Ended early because the user asked.
    Stopped,
    /// Did all that it was to do.
    Finished,
    /// Ended by an error; the reason is in the state and the log.
    Failed,
    /// The log says running and the lock is free: killed, or the machine went down.
    Interrupted,
    /// Ended because a loss became NaN or infinite.
    Diverged,
    /// Nothing is known: a worker on another host that is not heard from, or an unreadable state.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Phase {
    /// Every phase, in the order of a run's life.
    pub const ALL: [Phase; 12] = [
        Phase::Queued,
        Phase::Starting,
        Phase::Running,
        Phase::Pausing,
        Phase::Paused,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Finished,
        Phase::Failed,
        Phase::Interrupted,
        Phase::Diverged,
        Phase::Unknown,
    ];

    /// The word that stands in files and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Queued => "queued",
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Pausing => "pausing",
            Phase::Paused => "paused",
            Phase::Stopping => "stopping",
            Phase::Stopped => "stopped",
            Phase::Finished => "finished",
            Phase::Failed => "failed",
            Phase::Interrupted => "interrupted",
            Phase::Diverged => "diverged",
            Phase::Unknown => "unknown",
        }
    }

    /// A worker holds the run, or should: if its lock is free it was interrupted.
    pub fn is_live(self) -> bool {
        use Phase::*;
        matches!(self, Queued | Starting | Running | Pausing | Stopping)
    }

    /// The device computes for it: `run_ms` counts.
    pub fn is_computing(self) -> bool {
        matches!(self, Phase::Running | Phase::Pausing | Phase::Stopping)
    }

    /// It ended and will not go on by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Phase::Stopped | Phase::Finished | Phase::Failed | Phase::Diverged)
    }

    /// `pixscribe resume` makes sense: something is left to do and nobody does it.
    ///
    /// A finished run goes on only with more epochs; a diverged one would diverge again.
    pub fn can_resume(self) -> bool {
        matches!(self, Phase::Paused | Phase::Stopped | Phase::Failed | Phase::Interrupted)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_same_in_json_and_on_screen() {
        for phase in Phase::ALL {
            assert_eq!(serde_json::to_string(&phase).unwrap(), format!("\"{phase}\""));
            let back: Phase = serde_json::from_str(&format!("\"{phase}\"")).unwrap();
            assert_eq!(back, phase);
        }
    }

    #[test]
    fn a_phase_of_a_later_version_is_unknown() {
        assert_eq!(serde_json::from_str::<Phase>("\"dreaming\"").unwrap(), Phase::Unknown);
    }

    #[test]
    fn no_phase_is_both_live_and_over_or_resumable() {
        for phase in Phase::ALL {
            assert!(!(phase.is_live() && (phase.is_over() || phase.can_resume())), "{phase}");
            assert!(!phase.is_computing() || phase.is_live(), "{phase}");
        }
    }
}
