//! Whole screens, glyphs and styles, and how long they take.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::fixture::{
    attended, captioned, compared, damaged, diverged, empty, failed, fill, folder, gallery, likened, live, loading,
    marked, name, news, paused, played, press, restored, split,
};
use super::pictures::Cells;
use super::theme::Theme;
use super::*;
use crate::app::{Action, Key};
use crate::config::{Config, ModelKind, Preset};
use crate::jobs::{History, Recipe, Subject, Update};
use crate::run::{Event, EventKind, MetricDef, Num};
use crate::term::ColourDepth;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 50);
const NARROW: (u16, u16) = (40, 12);

fn frame(app: &App, (width, height): (u16, u16), theme: Theme) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    let mut cells = if theme.ascii { Cells::ascii() } else { Cells::blocks(theme.depth) };
    Screens::new(theme).render(app, area, &mut buf, &mut cells);
    buf
}

/// The rows, and below them for each row which style its cells have, as a letter; then what the letters mean.
/// The colours of picture cells are left out: they have tests of their own.
fn described(buf: &Buffer) -> String {
    let mut text = String::new();
    let mut styles = String::new();
    let mut known: Vec<Style> = Vec::new();
    for row in buf.content().chunks(usize::from(buf.area.width.max(1))) {
        let glyphs: String = row.iter().map(|cell| cell.symbol()).collect();
        let letters: String =
            row.iter().map(|cell| if cell.symbol() == "▄" { '▄' } else { letter(cell.style(), &mut known) }).collect();
        let _ = writeln!(text, "{}", glyphs.trim_end());
        let _ = writeln!(styles, "{}", letters.trim_end_matches('.'));
    }
    let legend: String =
        known.iter().map(|style| format!("{} {}\n", letter(*style, &mut known.clone()), named(*style))).collect();
    format!("{text}\n{styles}\n{legend}")
}

fn letter(style: Style, known: &mut Vec<Style>) -> char {
    if style == Buffer::empty(Rect::new(0, 0, 1, 1)).content()[0].style() {
        return '.';
    }
    let at = known.iter().position(|other| *other == style).unwrap_or_else(|| {
        known.push(style);
        known.len() - 1
    });
    char::from_u32('A' as u32 + at as u32).unwrap_or('?')
}

fn named(style: Style) -> String {
    let colour = |colour: Option<ratatui::style::Color>| colour.map_or_else(String::new, |colour| colour.to_string());
    format!("{} on {} {:?}", colour(style.fg), colour(style.bg), style.add_modifier)
}

fn snapshot(title: &str, app: &App) {
    for (size, word) in [(SMALL, "80x24"), (LARGE, "200x50")] {
        insta::assert_snapshot!(format!("{title}_{word}"), described(&frame(app, size, Theme::DARK)));
    }
}

#[test]
fn jobs_when_empty() {
    snapshot("jobs_empty", &empty());
}

#[test]
fn jobs_while_training() {
    snapshot("jobs_live", &live());
}

#[test]
fn jobs_after_a_failure() {
    snapshot("jobs_failed", &failed());
}

#[test]
fn jobs_paused_and_asked_to_pause() {
    snapshot("jobs_paused", &paused());
}

#[test]
fn every_other_screen_while_training() {
    for (key, title) in [("2", "loss"), ("3", "confusion"), ("4", "preview"), ("5", "compare"), ("6", "logs")] {
        let mut app = live();
        press(&mut app, key);
        snapshot(title, &app);
    }
}

/// The glyphs of all six screens, each under its key.
fn all_screens(mut app: App, size: (u16, u16)) -> String {
    let mut text = String::new();
    for key in ["1", "2", "3", "4", "5", "6"] {
        press(&mut app, key);
        let _ = writeln!(text, "== {key}");
        for row in frame(&app, size, Theme::DARK).content().chunks(usize::from(size.0)) {
            let glyphs: String = row.iter().map(|cell| cell.symbol()).collect();
            let _ = writeln!(text, "{}", glyphs.trim_end());
        }
    }
    text
}

#[test]
fn every_screen_in_every_other_state() {
    for (size, word) in [(SMALL, "80x24"), (LARGE, "200x50")] {
        for (title, app) in [("empty", empty()), ("loading", loading()), ("failed", failed()), ("diverged", diverged())]
        {
            insta::assert_snapshot!(format!("screens_{title}_{word}"), all_screens(app, size));
        }
    }
    insta::assert_snapshot!("screens_live_40x12", all_screens(live(), NARROW));
}

#[test]
fn a_new_run_with_its_settings() {
    let recipe = Recipe::Model(ModelKind::Cnn, Some(Preset::Default));
    let config = Config { model: Some(ModelKind::Cnn), ..Config::default() };
    let mut app = live();
    press(&mut app, "n");
    news(&mut app, Update::Settings { recipe, settings: Ok(config.filled().unwrap().into()) });
    snapshot("form", &app);
    for key in [Key::Down, Key::Down, Key::Down, Key::Down, Key::Char('2'), Key::Down, Key::Char('0'), Key::Down] {
        app.update(Action::Key(key));
    }
    "1e9\r".chars().for_each(|c| drop(app.update(Action::Key(if c == '\r' { Key::Enter } else { Key::Char(c) }))));
    snapshot("form_refused", &app);
    (0..5).for_each(|_| drop(app.update(Action::Key(Key::Down))));
    app.update(Action::Key(Key::Right));
    snapshot("form_chosen", &app);
}

#[test]
fn settings_that_differ_between_runs() {
    let mut app = compared();
    press(&mut app, "5c");
    let runs = app.runs.in_focus().into_iter().map(|run| run.name.clone()).collect::<Vec<_>>();
    let lines = (0..12).map(|at| (format!("cnn.setting_{at}"), vec![format!("{at}"); runs.len()])).collect::<Vec<_>>();
    news(&mut app, Update::Differences { runs, differences: Ok(lines.into()) });
    snapshot("compare_settings", &app);
}

#[test]
fn labels_of_the_runs_in_focus_are_compared_as_bars() {
    let mut app = live();
    press(&mut app, "5jj");
    snapshot("compare_labels", &app);
}

#[test]
fn the_loss_screen_reads_zooms_and_compares() {
    for (keys, title) in
        [("←←←←←←←←", "loss_read"), ("←←←←←←←←zz", "loss_zoomed"), ("Ll", "loss_log"), ("?", "loss_help")]
    {
        let mut app = live();
        press(&mut app, "2");
        press(&mut app, keys);
        snapshot(title, &app);
    }
    snapshot("loss_compared", &compared());
}

#[test]
fn a_picture_restored_beside_the_original() {
    let mut app = live();
    press(&mut app, "4r");
    snapshot("restore_waits", &app);
    snapshot("restored", &restored());
}

#[test]
fn a_picture_beside_its_nearest_training_images() {
    let mut app = live();
    press(&mut app, "4→t");
    snapshot("nearest_waits", &app);
    snapshot("nearest", &likened());
}

#[test]
fn captions_under_their_pictures_and_where_was_looked() {
    snapshot("captioned", &captioned());
    let mut app = captioned();
    press(&mut app, "1");
    snapshot("captioned_jobs", &app);
    snapshot("attention", &attended());
}

#[test]
fn answers_of_marked_runs_under_a_picture_and_filters() {
    let mut app = marked();
    press(&mut app, "→");
    snapshot("marked", &app);
    press(&mut app, "fv");
    snapshot("marked_filtered", &app);
    press(&mut app, "0cc");
    snapshot("marked_none", &app);
}

#[test]
fn held_out_pictures_and_those_that_are_learned_from() {
    let mut app = split(Subject::HeldOut);
    app.update(Action::Key(Key::End));
    snapshot("preview_held_out", &app);
    snapshot("preview_training", &split(Subject::Training));
}

#[test]
fn a_finished_run_that_never_named_held_out_pictures_says_so() {
    let mut app = live();
    press(&mut app, "4jji");
    let (run, subject) = (name("base"), Subject::HeldOut);
    news(&mut app, Update::Gallery { run, subject, gallery: Ok(Arc::new(gallery())) });
    let shown = |app: &App| described(&frame(app, SMALL, Theme::DARK));
    assert!(shown(&app).contains("airplane  not named yet"), "as long as its log is being read");
    fill(&mut app, "base", 500);
    assert!(shown(&app).contains("airplane  never named"));
    press(&mut app, "f");
    assert!(shown(&app).contains("The run named none of these pictures"));
}

#[test]
fn what_was_named_cannot_be_read() {
    let mut app = damaged();
    insta::assert_snapshot!("jobs_damaged_80x24", described(&frame(&app, SMALL, Theme::DARK)));
    press(&mut app, "4");
    snapshot("preview_damaged", &app);
}

#[test]
fn a_caption_stands_under_its_own_label_before_the_answers_of_marked_runs() {
    let mut app = marked();
    press(&mut app, " ");
    while app.runs.selected_name() != Some(&name("captioner-1")) {
        press(&mut app, "j");
    }
    snapshot("marked_captioner", &app);
}

#[test]
fn a_folder_of_the_users() {
    let mut app = folder();
    press(&mut app, "→");
    snapshot("folder", &app);
}

#[test]
fn the_user_beside_the_models() {
    let mut app = played();
    snapshot("you", &app);
    press(&mut app, "b");
    snapshot("you_by_label", &app);
    press(&mut app, "l");
    snapshot("play", &app);
}

#[test]
fn a_log_searched_and_filtered() {
    let mut app = live();
    press(&mut app, "6/saved\nn");
    snapshot("logs_searched", &app);
    press(&mut app, "l");
    let buf = frame(&app, SMALL, Theme::DARK);
    insta::assert_snapshot!("logs_no_trouble", described(&buf));
}

#[test]
fn dialogs() {
    for (keys, title) in [
        ("n", "dialog_new_run"),
        ("x", "dialog_stop"),
        ("jjt", "dialog_trash"),
        ("?", "dialog_help"),
        ("/cn", "dialog_filter"),
    ] {
        let mut app = live();
        press(&mut app, keys);
        let buf = frame(&app, SMALL, Theme::DARK);
        insta::assert_snapshot!(title, described(&buf));
    }
}

#[test]
fn the_help_of_every_screen_fits_a_small_terminal() {
    let mut app = live();
    for tab in ["1", "2", "3", "4", "5", "6"] {
        press(&mut app, tab);
        press(&mut app, "?");
        let text = described(&frame(&app, SMALL, Theme::DARK));
        assert!(text.contains("any key closes this"), "screen {tab}:\n{text}");
        press(&mut app, "?");
    }
}

#[test]
fn without_colours_and_in_ascii() {
    let mut app = live();
    press(&mut app, "3");
    let mono = Theme { depth: ColourDepth::Mono, ..Theme::DARK };
    insta::assert_snapshot!("confusion_no_color", described(&frame(&app, SMALL, mono)));
    let underlined =
        |buf: &Buffer| buf.content().iter().any(|cell| cell.modifier.contains(ratatui::style::Modifier::UNDERLINED));
    assert!(underlined(&frame(&captioned(), SMALL, mono)), "what is false is told without colours too");
    press(&mut app, "1");
    let ascii = Theme { ascii: true, ..mono };
    let buf = frame(&app, SMALL, ascii);
    let odd: Vec<&str> = buf.content().iter().map(|cell| cell.symbol()).filter(|symbol| !symbol.is_ascii()).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

/// Every screen in every state, with every dialog, in sizes from nothing to large: nothing may panic.
#[test]
fn nothing_is_too_small() {
    let states = [
        empty(),
        live(),
        compared(),
        failed(),
        paused(),
        captioned(),
        marked(),
        folder(),
        played(),
        damaged(),
        likened(),
        loading(),
        diverged(),
    ];
    for mut app in states {
        for keys in [
            "1", "2", "2←", "2zz+", "2L", "2f[", "3", "4", "4f", "5", "5b", "5l", "6", "6w", "6/e", "1n", "1x", "1?",
            "1/a", "4o",
        ] {
            press(&mut app, keys);
            for (width, height) in
                [(0, 0), (1, 1), (2, 2), (7, 3), (20, 5), (39, 11), (80, 1), (1, 50), (133, 30), (300, 90)]
            {
                for depth in [ColourDepth::Mono, ColourDepth::Truecolour] {
                    frame(&app, (width, height), Theme { depth, ..Theme::DARK });
                }
            }
            app.update(Action::Key(Key::Esc));
        }
    }
}

#[test]
fn sixteen_colours_stay_among_the_sixteen_on_every_screen() {
    use ratatui::style::Color;
    let theme = Theme { depth: ColourDepth::Ansi16, ..Theme::DARK };
    let mut app = live();
    for key in ["1", "2", "3", "4", "5", "6"] {
        press(&mut app, key);
        for cell in frame(&app, LARGE, theme).content() {
            let deep = |colour| matches!(colour, Color::Rgb(..) | Color::Indexed(_));
            assert!(!deep(cell.fg) && !deep(cell.bg), "screen {key}: {cell:?}");
        }
    }
}

/// A run with 20 metrics of 50,000 steps.
fn heavy() -> App {
    let mut app = live();
    let mut history = History::default();
    let main = MetricDef { name: "split0/loss".into(), unit: String::new(), higher_is_better: None };
    history.apply(Event::new(0, 0, 0, EventKind::MetricDefs { defs: vec![main] }));
    for step in 1..=50_000u64 {
        let value = |metric: u64| 1.0 / (1.0 + step as f64 / 500.0) + ((step * (metric + 3)) % 17) as f64 / 100.0;
        let values = (0..20).map(|m| (format!("split{m}/loss"), Num(value(m)))).collect();
        history.apply(Event::new(step, step * 100, step * 100, EventKind::Metrics { step, epoch: 0.0, values }));
    }
    let run = name("cnn-20250131-142530");
    fill(&mut app, run.as_str(), 210);
    news(&mut app, Update::History { run, anew: false, parts: vec![history] });
    app
}

/// What this thread has computed so far. Unlike the time of day, it does not count what other processes took.
fn computed() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

/// What a frame at 200x50 may take, in time computed.
const FRAME_BUDGET: Duration = Duration::from_millis(3);
/// The other tests run at the same time on the same caches, which has been seen to double a frame's time: it is measured
/// until they leave it alone, so long at most.
const MEASURED_FOR: Duration = Duration::from_secs(30);

#[test]
fn a_frame_of_20_series_of_50_000_points_is_fast() {
    const FRAMES: u32 = 30;
    let mut app = heavy();
    assert_eq!(app.plot().map(|plot| plot.lines.len()), Some(20), "all of them share the large chart");
    for (keys, title) in [("1", "Jobs"), ("2", "Loss"), ("3", "Confusion"), ("4", "Preview")] {
        press(&mut app, keys);
        let area = Rect::new(0, 0, 200, 50);
        let mut screens = Screens::new(Theme::DARK);
        let mut cells = Cells::blocks(ColourDepth::Truecolour);
        let mut buf = Buffer::empty(area);
        screens.render(&app, area, &mut buf, &mut cells);
        let mut frames = || {
            let before = computed();
            for _ in 0..FRAMES {
                buf.reset();
                screens.render(&app, area, &mut buf, &mut cells);
            }
            (computed() - before) / FRAMES
        };
        let begun = Instant::now();
        let mut frame = frames();
        while frame >= FRAME_BUDGET && begun.elapsed() < MEASURED_FOR {
            frame = frame.min(frames());
        }
        println!("{title} at 200x50 with 20 series of 50,000 points: {frame:?} a frame");
        assert!(frame < FRAME_BUDGET, "{title}: {frame:?}");
    }
}
