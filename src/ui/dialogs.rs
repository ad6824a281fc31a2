//! What stands over a screen: help, or a question; the form for a new run has a file of its own.

use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::brush::{Brush, after, row, span};
use super::form;
use crate::app::{App, Dialog, KeyLine, PLAY, keys_elsewhere, keys_of};

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    match &app.dialog {
        Some(Dialog::Help) => help(app, area, brush),
        Some(Dialog::ConfirmStop(run)) => {
            let text = format!("Stop {run}? It is saved first, and p can take it up again.");
            question("stop", &text, ["stop", "let it train"], area, brush);
        }
        Some(Dialog::ConfirmTrash(run)) => {
            let text = format!("Move {run} into the trash? u brings it back until the trash is emptied.");
            question("trash", &text, ["trash", "keep it here"], area, brush);
        }
        Some(Dialog::ConfirmReplay(_)) => {
            let named = app.kept_game().map_or(0, |game| game.named.len());
            let text = format!("Name pictures anew? Your {named} answers are replaced with the first new one.");
            question("label pictures", &text, ["anew", "keep them"], area, brush);
        }
        Some(Dialog::NewRun(form)) => form::render(app, form, area, brush),
        Some(Dialog::Filter(_) | Dialog::Metrics(_) | Dialog::Search(_) | Dialog::OpenFile(_)) | None => {}
    }
}

/// A question that y says yes to; what y does and what Esc leaves, in words.
fn question(title: &str, text: &str, [yes, no]: [&str; 2], area: Rect, brush: &mut Brush<'_>) {
    let inside = window(title, 58, 6, area, brush);
    let theme = brush.theme;
    let style = theme.text();
    brush.wrapped(Rect { height: inside.height.min(2), ..inside }, text, style);
    let (yes, no) = (format!(" {yes}    "), format!(" {no}"));
    let keys = [span("y", theme.key()), span(yes.as_str(), style), span("Esc", theme.key()), span(no.as_str(), style)];
    brush.line(row(inside, 3), &keys);
}

/// How many keys share a row of the help where there is no room for a sentence each.
const SHORT_A_ROW: usize = 4;

/// A cleared frame in the middle; returns the area inside.
pub fn window(title: &str, width: u16, height: u16, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 2;
    let frame = Rect { x, y, width, height };
    Clear.render(frame, brush.buf);
    let theme = brush.theme;
    let [tl, tr, bl, br, h, v] =
        if theme.ascii { ["+", "+", "+", "+", "-", "|"] } else { ["╭", "╮", "╰", "╯", "─", "│"] };
    if width < 4 || height < 3 {
        return Rect { height: 0, ..frame };
    }
    let line = h.repeat(usize::from(width) - 2);
    brush.text(row(frame, 0), &format!("{tl}{line}{tr}"), theme.accent());
    brush.text(row(frame, height - 1), &format!("{bl}{line}{br}"), theme.accent());
    for at in 1..height - 1 {
        brush.text(row(frame, at), v, theme.accent());
        brush.right(row(frame, at), v, theme.accent());
    }
    brush.text(Rect { width: width - 4, ..after(row(frame, 0), 2) }, &format!(" {title} "), theme.title());
    Rect { x: x + 2, y: y + 1, width: width - 4, height: height - 2 }
}

fn help(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let own = if app.playing().is_some() { PLAY } else { keys_of(app.tab) };
    let others: Vec<&KeyLine> = keys_elsewhere(app.tab).collect();
    let in_full = (own.len() + others.len() + 4) as u16;
    let in_short = (own.len() + others.len().div_ceil(SHORT_A_ROW) + 4) as u16;
    let has_room = in_full + 2 <= area.height;
    let rows = if has_room { in_full } else { in_short };
    let inside = window(&format!("keys: {}", app.tab.title()), 76, rows + 2, area, brush);
    let dim = brush.theme.dim();
    let mut at = 0;
    for line in own {
        help_row(app, line, row(inside, at), brush);
        at += 1;
    }
    if !own.is_empty() {
        at += 1;
    }
    if has_room {
        for line in others {
            help_row(app, line, row(inside, at), brush);
            at += 1;
        }
    } else {
        for lines in others.chunks(SHORT_A_ROW) {
            short_row(app, lines, row(inside, at), brush);
            at += 1;
        }
    }
    brush.text(row(inside, at + 1), "any key closes this", dim);
}

/// Keys that are on every screen, in a word or two each.
fn short_row(app: &App, lines: &[&KeyLine], area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let width = area.width / SHORT_A_ROW as u16;
    for (at, line) in lines.iter().enumerate() {
        let cell = Rect { width, ..after(area, width * at as u16) }.intersection(area);
        brush.text(cell, &format!("{:>7}", app.keys_of(line)), theme.key());
        brush.text(after(cell, 9), line.short, theme.text());
    }
}

fn help_row(app: &App, line: &KeyLine, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    brush.text(area, &format!("{:>7}", app.keys_of(line)), theme.key());
    brush.text(after(area, 9), line.long, theme.text());
}
