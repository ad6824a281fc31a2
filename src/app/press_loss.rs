//! What the keys and the mouse do on the Loss screen.

use tui_input::Input;

use super::dialog::Dialog;
use super::loss::LossView;
use super::{App, Key, Tab};

/// Steps of the reading line that PgUp and PgDn move it by.
const PAGE: f64 = 10.0;

impl App {
    pub(super) fn press_on_loss(&mut self, key: Key) {
        match key {
            Key::Char('l') => self.loss.log_y = !self.loss.log_y,
            Key::Char('L') => self.loss.log_x = !self.loss.log_x,
            Key::Char('e') => self.loss.means = !self.loss.means,
            Key::Char('f') => self.dialog = Some(Dialog::Metrics(Input::from(self.loss.filter.text()))),
            Key::Char('0') => (self.loss.zoom, self.loss.smoothing) = (None, None),
            Key::Esc if self.loss.cursor.is_some() => self.loss.cursor = None,
            Key::Esc if self.loss.zoom.is_some() => self.loss.zoom = None,
            Key::Esc => self.tab = Tab::Jobs,
            Key::Up | Key::Down => self.move_group(key == Key::Down),
            key => self.press_on_plot(key),
        }
    }

    fn move_group(&mut self, down: bool) {
        let run = self.runs.selected_name();
        if let Some(history) = run.and_then(|run| self.histories.get(run)) {
            self.loss.move_group(history, if down { 1 } else { -1 });
        }
    }

    /// Keys that start from what is drawn; where nothing is, they do nothing.
    fn press_on_plot(&mut self, key: Key) {
        let Some(plot) = self.plot() else { return };
        let mut view = self.loss.clone();
        match key {
            Key::Char('a') => view = view.axis_after(&plot),
            // `=` is `+` without Shift on most keyboards.
            Key::Char('+' | '=') => view.smoothing = Some(plot.smoothing.stronger()),
            Key::Char('-') => view.smoothing = Some(plot.smoothing.weaker()),
            Key::Char(z @ ('z' | 'Z')) => view.zoom = view.zoomed(&plot, z == 'z'),
            Key::Char('<' | ',') => view.zoom = LossView::panned(&plot, false),
            Key::Char('>' | '.') => view.zoom = LossView::panned(&plot, true),
            Key::Left => view = view.read_on(&plot, -1.0),
            Key::Right => view = view.read_on(&plot, 1.0),
            Key::PageUp => view = view.read_on(&plot, -PAGE),
            Key::PageDown => view = view.read_on(&plot, PAGE),
            Key::Home => view.cursor = plot.logged_near(plot.window.low, None, 0.0),
            Key::End => view.cursor = plot.logged_near(plot.window.high, None, 0.0),
            _ => return,
        }
        self.loss = view;
    }

    /// A turn of the wheel over the chart, at a share of its width.
    pub(super) fn wheel_on_plot(&mut self, place: f64, inwards: bool) {
        if let Some(plot) = self.plot() {
            self.loss.zoom = LossView::wheeled(&plot, place, inwards);
        }
    }

    pub(super) fn pan_plot(&mut self, forward: bool) {
        if let Some(plot) = self.plot() {
            self.loss.zoom = LossView::panned(&plot, forward);
        }
    }

    /// The reading line, at the logged point nearest to a place in the chart.
    pub(super) fn read_at(&mut self, place: f64) {
        if let Some(plot) = self.plot() {
            self.loss.cursor = plot.logged_near(plot.window.at(place), None, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::runs::tests::view;
    use super::super::{Action, Mouse};
    use super::*;
    use crate::jobs::{Axis, History, Update};
    use crate::run::{Event, EventKind, MetricDef, Num, Phase, RunName};

    fn name(text: &str) -> RunName {
        text.parse().unwrap()
    }

    fn def(name: &str, unit: &str, higher_is_better: Option<bool>) -> MetricDef {
        MetricDef { name: name.to_owned(), unit: unit.to_owned(), higher_is_better }
    }

    fn values(pairs: &[(&str, f64)]) -> BTreeMap<String, Num> {
        pairs.iter().map(|(name, value)| (name.to_string(), Num(*value))).collect()
    }

    /// So many steps at every second number, an epoch every ten of them; accuracies grow by `growth` an epoch.
    fn history(steps: u64, growth: f64) -> History {
        let mut history = History::default();
        let mut log = |ms: u64, kind| history.apply(Event::new(0, ms, ms, kind));
        let defs = vec![
            def("train/loss", "nats", Some(false)),
            def("train/epoch_loss", "nats", Some(false)),
            def("test/loss", "nats", Some(false)),
            def("test/accuracy", "%", Some(true)),
        ];
        log(0, EventKind::MetricDefs { defs });
        for n in 1..=steps {
            let (step, epoch) = (2 * n, n as f64 / 10.0);
            let loss = 1.0 / n as f64;
            log(n * 1000, EventKind::Metrics { step, epoch, values: values(&[("train/loss", loss)]) });
            if n % 10 == 0 {
                let epoch = n / 10;
                let accuracy = growth * epoch as f64;
                let values = values(&[("train/epoch_loss", loss), ("test/loss", loss), ("test/accuracy", accuracy)]);
                log(n * 1000, EventKind::EpochFinished { epoch, step, values });
            }
        }
        history
    }

    fn with(runs: &[(&str, History)]) -> App {
        let mut app = App::new(Ok(String::new()), 0);
        let changed = runs.iter().map(|(run, _)| view(run, Phase::Running)).collect();
        app.update(Action::News(Update::Runs { changed, gone: vec![] }));
        for (run, history) in runs {
            // Marked, so that the histories of all are kept.
            app.runs.select(&name(run));
            press(&mut app, " ");
            let update = Update::History { run: name(run), anew: true, parts: vec![history.clone()] };
            app.update(Action::News(update));
        }
        app.runs.select(&name(runs[0].0));
        press(&mut app, " 2");
        app
    }

    fn one() -> App {
        with(&[("a", history(200, 0.01))])
    }

    fn press(app: &mut App, keys: &str) {
        keys.chars().for_each(|c| key(app, Key::Char(c)));
    }

    fn key(app: &mut App, key: Key) {
        app.update(Action::Key(key));
    }

    fn drawn(app: &App) -> Vec<(String, &str)> {
        let plot = app.plot().unwrap();
        plot.lines.iter().map(|line| (line.run.to_string(), line.metric)).collect()
    }

    fn shown(app: &App) -> (f64, f64) {
        let window = app.plot().unwrap().window;
        ((window.low * 1e6).round() / 1e6, (window.high * 1e6).round() / 1e6)
    }

    #[test]
    fn every_step_or_the_means_of_epochs_are_drawn_and_never_both() {
        let mut app = one();
        let metrics = |app: &App| drawn(app).into_iter().map(|(_, metric)| metric.to_owned()).collect::<Vec<_>>();
        assert_eq!(metrics(&app), ["train/loss", "test/loss"]);
        press(&mut app, "e");
        assert_eq!(metrics(&app), ["train/epoch_loss", "test/loss"]);
    }

    #[test]
    fn smoothing_begins_as_it_suits_the_run_and_goes_both_ways() {
        let mut app = one();
        let weight = |app: &App| app.plot().unwrap().smoothing.weight();
        assert_eq!(weight(&app), 0.6);
        press(&mut app, "+=");
        assert_eq!(weight(&app), 0.97);
        press(&mut app, "----");
        assert_eq!(weight(&app), 0.0);
        press(&mut app, "0");
        assert_eq!(weight(&app), 0.6);
    }

    #[test]
    fn the_line_reads_logged_points_and_the_best_of_what_is_shown() {
        let mut app = one();
        key(&mut app, Key::Left);
        assert_eq!(app.plot().unwrap().cursor, Some(400.0), "it begins at the newest point");
        key(&mut app, Key::Left);
        let plot = app.plot().unwrap();
        assert_eq!(plot.cursor, Some(396.0), "a hundredth of 400 is 4 steps, and every second one is logged");
        let reading = plot.lines[0].reading(&plot);
        assert_eq!(reading.value, Some(f64::from(1.0f32 / 198.0)));
        assert_eq!(reading.best.map(|(value, point)| (value, point.step)), Some((f64::from(1.0f32 / 200.0), 400)));
        assert_eq!(reading.extremes.map(|(_, high)| high), Some(1.0));
        let test = plot.lines[1].reading(&plot);
        assert_eq!(test.value, Some(f64::from(1.0f32 / 190.0)), "that of the last epoch before, never between two");
        press(&mut app, "zzzzzz");
        key(&mut app, Key::Right);
        assert_eq!(
            app.plot().unwrap().cursor,
            Some(398.0),
            "a step too small for the gap still comes to the next point"
        );
        assert!(app.plot().unwrap().window.contains(398.0), "and what is shown comes along");
        key(&mut app, Key::Home);
        assert!(app.plot().is_some_and(|plot| plot.cursor.is_some_and(|at| plot.window.contains(at))));
    }

    #[test]
    fn escape_takes_back_one_thing_after_the_other() {
        let mut app = one();
        press(&mut app, "z");
        assert_eq!(shown(&app), (100.0, 300.0));
        press(&mut app, ">");
        assert_eq!(shown(&app), (120.0, 320.0));
        key(&mut app, Key::Left);
        key(&mut app, Key::Esc);
        assert_eq!((app.loss.cursor, shown(&app)), (None, (120.0, 320.0)));
        key(&mut app, Key::Esc);
        assert_eq!((app.tab, shown(&app)), (Tab::Loss, (0.0, 400.0)));
        press(&mut app, "z1");
        assert_eq!(shown(&app), (0.0, 400.0), "other screens show all");
        press(&mut app, "20");
        key(&mut app, Key::Esc);
        assert_eq!(app.tab, Tab::Jobs);
    }

    #[test]
    fn another_axis_shows_the_same_part() {
        let mut app = one();
        press(&mut app, "za");
        assert_eq!((app.loss.axis, shown(&app)), (Axis::Epoch, (5.0, 15.0)));
        press(&mut app, "a");
        assert_eq!((app.loss.axis, shown(&app)), (Axis::RunTime, (50.0, 150.0)));
    }

    #[test]
    fn the_wheel_zooms_around_the_mouse_and_a_click_reads_there() {
        let mut app = one();
        let mut hear = |mouse| drop(app.update(Action::Mouse(mouse)));
        hear(Mouse::Wheel { down: false, place: Some(0.5) });
        hear(Mouse::Held { place: Some(0.5) });
        assert_eq!((shown(&app), app.loss.cursor), ((40.0, 360.0), Some(200.0)));
        let mut hear = |mouse| drop(app.update(Action::Mouse(mouse)));
        hear(Mouse::Sideways { right: true, place: Some(0.1) });
        hear(Mouse::Wheel { down: true, place: Some(0.0) });
        assert_eq!(shown(&app), (0.0, 400.0), "that is 400 steps again, and there are no more");
        press(&mut app, "?");
        app.update(Action::Mouse(Mouse::Wheel { down: false, place: Some(0.5) }));
        assert_eq!(shown(&app), (0.0, 400.0), "the help is open");
    }

    #[test]
    fn elsewhere_the_wheel_is_the_arrows() {
        let mut app = with(&[("a", history(20, 0.1)), ("b", history(20, 0.1))]);
        press(&mut app, "1");
        app.update(Action::Mouse(Mouse::Wheel { down: true, place: Some(0.5) }));
        assert_eq!(app.runs.selected_name(), Some(&name("b")));
    }

    #[test]
    fn a_filter_leaves_the_metrics_that_fit() {
        let mut app = one();
        press(&mut app, "f^test.*acc");
        assert_eq!(drawn(&app), [("a".to_owned(), "test/accuracy")]);
        app.update(Action::Paste("[".to_owned()));
        assert!(app.plot().is_none() && !app.loss.filter.is_regex());
        key(&mut app, Key::Backspace);
        key(&mut app, Key::Enter);
        assert_eq!((app.dialog.is_none(), drawn(&app).len()), (true, 1));
        press(&mut app, "f");
        key(&mut app, Key::Esc);
        assert_eq!(drawn(&app).len(), 2);
    }

    #[test]
    fn the_first_marked_run_is_the_base() {
        let mut app = with(&[("a", history(200, 0.04)), ("base", history(100, 0.03))]);
        press(&mut app, "f^test/acc\u{1}");
        key(&mut app, Key::Backspace);
        key(&mut app, Key::Enter);
        let ghost =
            |app: &App| app.ghost(&app.plot().unwrap()).map(|ghost| (ghost.at, ghost.difference, ghost.is_better));
        let (at, difference, is_better) = ghost(&app).unwrap();
        assert_eq!((at, is_better), (200.0, Some(true)), "the base has come no further");
        assert!((difference - 0.1).abs() < 1e-6, "{difference}");
        (0..60).for_each(|_| key(&mut app, Key::Left));
        let (at, difference, _) = ghost(&app).unwrap();
        assert!(at < 180.0 && (difference - 0.01 * (at / 20.0).floor()).abs() < 1e-6, "{difference} at {at}");
        let base = app.ghost(&app.plot().unwrap()).map(|ghost| ghost.base.to_string());
        assert_eq!(base.as_deref(), Some("base"));
    }

    #[test]
    fn runs_of_other_models_are_drawn_as_far_as_they_measure_the_same() {
        let mut other = History::default();
        let defs = vec![def("d/loss", "", None), def("test/loss", "nats", Some(false))];
        other.apply(Event::new(0, 0, 0, EventKind::MetricDefs { defs }));
        let kind =
            EventKind::EpochFinished { epoch: 1, step: 7, values: values(&[("test/loss", 2.0), ("d/loss", 1.0)]) };
        other.apply(Event::new(0, 0, 0, kind));
        let mut app = with(&[("a", history(200, 0.01)), ("gan", other)]);
        let expected = [("a", "test/loss"), ("a", "train/loss"), ("gan", "test/loss")];
        assert_eq!(drawn(&app), expected.map(|(run, metric)| (run.to_owned(), metric)));
        app.runs.select(&name("gan"));
        press(&mut app, "k");
        app.runs.select(&name("gan"));
        app.update(Action::Tick(1));
        assert!(app.plot().is_some());
    }
}
