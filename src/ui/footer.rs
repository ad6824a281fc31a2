//! The last row: the keys of the screen, or a passing sentence, or a line being typed.

use ratatui::layout::Rect;
use tui_input::Input;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, after, span};
use crate::app::{App, Dialog, KeyLine, PLAY, Tone, keys_elsewhere, keys_everywhere, keys_of};

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    match (&app.dialog, app.notice()) {
        (Some(Dialog::Filter(input)), _) => typed("/", input, "Enter keeps, Esc clears", area, brush),
        (Some(Dialog::Metrics(input)), _) => {
            let is_regex = app.loss.filter.is_regex();
            let hint = if is_regex { "Enter keeps, Esc clears" } else { "no regular expression: taken as plain text" };
            typed("metrics: ", input, hint, area, brush);
        }
        (Some(Dialog::Search(input)), _) => typed("search: ", input, "Enter keeps, Esc ends it", area, brush),
        (Some(Dialog::OpenFile(input)), _) => {
            typed("picture or folder: ", input, "Enter names it, Esc leaves", area, brush)
        }
        (_, Some(notice)) => {
            let theme = brush.theme;
            let style = match notice.tone {
                Tone::Info => theme.text(),
                Tone::Good => theme.good(),
                Tone::Bad => theme.bad(),
            };
            brush.text(after(area, 1), &notice.text, style);
        }
        _ => keys(app, area, brush),
    }
}

/// Without a run most keys have nothing to act on.
const KEYS_WITHOUT_RUNS: &[KeyLine] = &[KeyLine { keys: "Enter", short: "start a CNN", long: "" }];

/// What the key that pauses does for a run that can go on.
const RESUME: &KeyLine = &KeyLine { keys: "p", short: "resume", long: "" };

/// Help and quit always stand at the right end; what is left goes to the screen's own keys first.
fn keys(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let always = |line: &&KeyLine| matches!(line.keys, "?" | "q");
    let last: Vec<&KeyLine> = keys_everywhere().iter().filter(always).collect();
    let reserved: u16 = last.iter().map(|line| width(app, line)).sum();
    let mut rest = after(area, 1);
    if app.playing().is_some() {
        for line in PLAY {
            rest = draw(&app.keys_of(line), line, rest, brush);
        }
        return;
    }
    let is_useful = |line: &&KeyLine| !always(line) && line.keys != "1-6" && (line.keys == "n" || !app.runs.is_empty());
    let others = keys_elsewhere(app.tab).filter(is_useful);
    let own = if app.runs.is_empty() { KEYS_WITHOUT_RUNS } else { keys_of(app.tab) };
    let makes_pictures = app.makes_pictures();
    let own = own.iter().filter(|line| makes_pictures || !matches!(line.keys, "d" | "g"));
    // The help tells of the trash: pausing and stopping need the room more.
    let own = own.filter(|line| !matches!(line.short, "trash" | "undo"));
    let can_resume = app.runs.selected().is_some_and(|run| run.can_resume);
    for line in own.chain(others) {
        let line = if line.keys == "p" && can_resume { RESUME } else { line };
        if width(app, line) + reserved > rest.width {
            break;
        }
        rest = draw(&app.keys_of(line), line, rest, brush);
    }
    let mut end = after(rest, rest.width.saturating_sub(reserved));
    for line in last {
        end = draw(&app.keys_of(line), line, end, brush);
    }
}

fn width(app: &App, line: &KeyLine) -> u16 {
    (app.keys_of(line).width() + 1 + line.short.width() + 2) as u16
}

fn draw(keys: &str, line: &KeyLine, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let theme = brush.theme;
    brush.line(area, &[span(keys, theme.key()), span(" ", theme.text()), span(line.short, theme.dim())]);
    after(area, (keys.width() + 1 + line.short.width() + 2) as u16)
}

/// A line of text with its cursor.
pub fn typed(prompt: &str, input: &Input, hint: &str, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let used = brush.text(after(area, 1), prompt, theme.key());
    let field = after(area, 1 + used);
    let hint_width = hint.width() as u16 + 2;
    let field = match field.width.checked_sub(hint_width) {
        Some(width) if width >= 20 => {
            brush.right(field, hint, theme.dim());
            Rect { width, ..field }
        }
        _ => field,
    };
    input_line(input, field, true, brush);
}

/// The part of a typed text around its cursor.
pub fn input_line(input: &Input, area: Rect, has_focus: bool, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let width = usize::from(area.width.max(1)) - 1;
    let scroll = input.visual_scroll(width);
    let shown: String = input.value().chars().skip(scroll).collect();
    brush.buf.set_stringn(area.x, area.y, &shown, usize::from(area.width), theme.text());
    let at = area.x + (input.visual_cursor().max(scroll) - scroll) as u16;
    if has_focus && at < area.right() {
        let cursor = Rect { x: at, y: area.y, width: 1, height: 1 }.intersection(brush.buf.area);
        brush.buf.set_style(cursor, ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::REVERSED));
    }
}
