//! What a training in the foreground shows: a bar for people, event lines for scripts.

use crate::run::{Event, EventKind, Phase, RunDir, State};
use crate::worker::Observer;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;

/// The bar and its line of figures, and one line for each finished epoch. Nothing at all where stderr is no terminal
/// but the epochs' lines.
pub struct TrainBar {
    bar: ProgressBar,
    phase: Phase,
}

impl TrainBar {
    pub fn new(run: &RunDir) -> Self {
        let bar = ProgressBar::new(0);
        let template = "{prefix} {bar:30} {pos}/{len} steps  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(run.name().to_string());
        Self { bar, phase: Phase::Queued }
    }

    /// Lines stand above the bar; without a terminal they go to stderr plainly. A closed stderr is no reason to stop.
    fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            let _ = writeln!(std::io::stderr(), "{text}");
        } else {
            self.bar.println(text);
        }
    }
}

impl Observer for TrainBar {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::EpochFinished { epoch, values, .. } => {
                let share = |name: &str| values.get(name).map(|value| 100.0 * value.get());
                let mut text = format!("epoch {epoch}");
                for (name, what) in
                    [("train/epoch_accuracy", "train"), ("held_out/accuracy", "held out"), ("test/accuracy", "test")]
                {
                    text += &share(name).map_or(String::new(), |share| format!("  {what} {share:.2} %"));
                }
                self.line(&text);
            }
            EventKind::Note { level, text } => self.line(&format!("{level}: {text}")),
            _ => {}
        }
    }

    fn state(&mut self, state: &State) {
        if state.phase == Phase::Queued && self.phase != state.phase || state.queue.is_some() {
            let behind = state.queue.as_ref().and_then(|queue| queue.behind.clone());
            self.bar.set_message(behind.map_or("queued".to_owned(), |behind| format!("queued behind {behind}")));
        }
        self.phase = state.phase;
        self.bar.set_length(state.total_steps);
        self.bar.set_position(state.step);
        if state.phase == Phase::Running {
            let name = &state.spark_metric;
            let loss = state.last.get(name).map_or(String::new(), |loss| format!("{name} {:.3}", loss.get()));
            let speed = state.images_per_s.map_or(String::new(), |speed| format!("  {speed:.0} images/s"));
            let left = state.eta_s.map_or(String::new(), |s| format!("  {} left", duration(s)));
            self.bar.set_message(format!("{loss}{speed}{left}"));
        } else if state.queue.is_none() {
            self.bar.set_message(state.phase.to_string());
        }
    }
}

impl Drop for TrainBar {
    fn drop(&mut self) {
        self.bar.abandon();
    }
}

/// `1 h 05 min`, `3 min 20 s`, `12 s`.
fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s / 60 % 60),
    }
}

/// The run's event lines on stdout, and nothing else there.
pub struct JsonLines;

impl Observer for JsonLines {
    fn event(&mut self, event: &Event) {
        if let Ok(line) = event.to_line() {
            // Whoever read may have left: the training goes on.
            let mut out = std::io::stdout();
            let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        }
    }

    fn state(&mut self, _: &State) {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_read_well() {
        let texts: Vec<String> = [11.6, 200.0, 3900.0].into_iter().map(super::duration).collect();
        assert_eq!(texts, ["12 s", "3 min 20 s", "1 h 05 min"]);
    }
}
