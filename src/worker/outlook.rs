//! How long it will still take, from how long it took so far.

use crate::train::{Plan, Progress};
use std::time::Instant;

/// What a new measurement counts for in the running means.
const BLEND: f64 = 0.1;
/// Until an evaluation was timed: its share of a training step's time for the same number of images (forward alone is
/// a third of forward and backward).
const EVALUATION_SHARE: f64 = 0.35;

/// Running means of what batches cost.
#[derive(Debug, Default)]
pub struct Outlook {
    last_tick: Option<(Instant, Progress)>,
    step_s: Option<f64>,
    evaluation_s: Option<f64>,
    evaluating_since: Option<Instant>,
}

impl Outlook {
    /// Called between batches.
    pub fn tick(&mut self, progress: &Progress) {
        let now = Instant::now();
        if let Some((then, before)) = self.last_tick
            && progress.step == before.step + 1
            && !progress.evaluating
            && !before.evaluating
        {
            let took = now.duration_since(then).as_secs_f64();
            self.step_s = Some(self.step_s.map_or(took, |mean| mean + BLEND * (took - mean)));
        }
        match (self.evaluating_since, progress.evaluating) {
            (None, true) => self.evaluating_since = Some(now),
            (Some(since), false) => {
                self.evaluation_s = Some(now.duration_since(since).as_secs_f64());
                self.evaluating_since = None;
            }
            _ => {}
        }
        self.last_tick = Some((now, *progress));
    }

    /// Training speed, evaluation left out.
    pub fn images_per_s(&self, plan: &Plan) -> Option<f64> {
        self.step_s.map(|step_s| plan.batch_size as f64 / step_s)
    }

    /// Seconds to the end, evaluations counted.
    pub fn eta_s(&self, progress: &Progress) -> Option<f64> {
        let plan = &progress.plan;
        let step_s = self.step_s?;
        let estimated = step_s / plan.batch_size as f64 * plan.evaluated as f64 * EVALUATION_SHARE;
        let evaluation_s = self.evaluation_s.unwrap_or(estimated);
        let epoch = progress.step / plan.steps_per_epoch;
        let to_come = (epoch + 1..=plan.epochs).filter(|&epoch| plan.evaluates(epoch)).count() as f64;
        let under_way = if progress.evaluating { progress.evaluation_left } else { 0.0 };
        let steps = plan.total_steps().saturating_sub(progress.step) as f64;
        Some(steps * step_s + (to_come + under_way) * evaluation_s)
    }
}
