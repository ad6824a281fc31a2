//! The form for a new run: recipe, epochs and name, below them every setting; of the one in focus its meaning and range.

use ratatui::layout::Rect;
use tui_input::Input;

use super::brush::{Brush, after, row, shortened, span, wrap};
use super::dialogs::window;
use super::footer::input_line;
use crate::app::{App, Field, NewRunForm};
use crate::config::{Filled, ModelKind, Preset};
use crate::jobs::Recipe;

const WIDTH: u16 = 78;
/// Columns of the names of settings.
const NAMES: u16 = 24;
/// Rows above the settings, and what is said below them: a meaning of three rows, a range, a gap, the keys.
const HEAD: u16 = 6;
const FOOT: u16 = 6;

pub fn render(app: &App, form: &NewRunForm, area: Rect, brush: &mut Brush<'_>) {
    let settings = form.settings();
    let height = (HEAD + FOOT + 2).saturating_add(settings.len() as u16);
    let inside = window("new run", WIDTH, height, area, brush);
    head(app, form, inside, brush);
    let room = inside.height.saturating_sub(HEAD + FOOT);
    let list = Rect { y: inside.y + HEAD.min(inside.height), height: room, ..inside };
    lines(form, &settings, list, brush);
    foot(form, Rect { y: list.bottom(), height: inside.bottom().saturating_sub(list.bottom()), ..inside }, brush);
}

fn head(app: &App, form: &NewRunForm, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    name("recipe", form.field == Field::Recipe, row(area, 0), brush);
    let (left, right) = arrows(brush);
    let choice = format!("{left} {} {right}", recipe_name(form.recipe()));
    brush.text(value_of(row(area, 0)), &choice, theme.title());
    brush.text(value_of(row(area, 1)), recipe_words(form.recipe()), theme.dim());
    let epochs = form.epochs().map_or_else(|| "as the recipe says".to_owned(), Filled::text);
    name("epochs", form.field == Field::Epochs, row(area, 2), brush);
    value(form.typed_epochs(), &epochs, form.field == Field::Epochs, value_of(row(area, 2)), brush);
    name("name", form.field == Field::Name, row(area, 3), brush);
    let typed = Some(&form.name).filter(|input| !input.value().is_empty());
    value(typed, "model and time", form.field == Field::Name, value_of(row(area, 3)), brush);
    brush.text(after(row(area, 4), 2), "data", theme.dim());
    match &app.data {
        Ok(data) => drop(brush.text(value_of(row(area, 4)), data, theme.dim())),
        Err(why) => drop(brush.text(value_of(row(area, 4)), why.as_str(), theme.bad())),
    }
}

/// The settings around the one in focus, with a mark where more of them are.
fn lines(form: &NewRunForm, settings: &[&Filled], area: Rect, brush: &mut Brush<'_>) {
    let room = usize::from(area.height);
    let at = match form.field {
        Field::Setting(at) => at,
        _ => 0,
    };
    let first = at.saturating_sub(room / 2).min(settings.len().saturating_sub(room));
    let style = brush.theme.dim();
    for (line, (place, filled)) in (0..area.height).zip(settings.iter().enumerate().skip(first)) {
        let has_focus = form.field == Field::Setting(place);
        let line = row(area, line);
        name(&filled.key, has_focus, line, brush);
        setting(form, filled, has_focus, value_of(line), brush);
    }
    let (up, down) = (brush.glyph("▲", "^"), brush.glyph("▼", "v"));
    if first > 0 {
        brush.right(row(area, 0), up, style);
    }
    if first + room < settings.len() && room > 0 {
        brush.right(row(area, area.height - 1), down, style);
    }
}

fn setting(form: &NewRunForm, filled: &Filled, has_focus: bool, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let (typed, default) = (form.typed(&filled.key), filled.text());
    let shown = if filled.value.is_none() { "unset" } else { default.as_str() };
    let is_choice = filled.setting.allowed.choices().is_some();
    // The recipe's own value stays in view beside one that was chosen in its place.
    let (area, note) = match typed.filter(|_| area.width > 44) {
        Some(_) => (Rect { width: 30, ..area }, Rect { width: area.width.saturating_sub(34), ..after(area, 32) }),
        None => (area, Rect { width: 0, ..area }),
    };
    if is_choice {
        let word = typed.map_or(shown, Input::value);
        let style = if typed.is_some() { theme.title() } else { theme.dim() };
        let (left, right) = arrows(brush);
        let word = if has_focus { format!("{left} {word} {right}") } else { word.to_owned() };
        brush.text(area, &word, style);
    } else {
        value(typed, shown, has_focus, area, brush);
    }
    if note.width > 0 {
        let words = shortened(shown, usize::from(note.width.saturating_sub(12)), theme.ascii).into_owned();
        brush.text(note, &format!("the recipe: {words}"), theme.dim());
    }
}

/// What was typed, else what holds without.
fn value(typed: Option<&Input>, default: &str, has_focus: bool, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    match typed {
        Some(input) => input_line(input, area, has_focus, brush),
        None if has_focus => {
            input_line(&Input::default(), Rect { width: area.width.min(2), ..area }, true, brush);
            brush.text(after(area, 2), default, theme.frame());
        }
        None => drop(brush.text(area, default, theme.dim())),
    }
}

/// What the setting in focus means and may be, or why the run cannot be started; then the keys.
fn foot(form: &NewRunForm, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let keys = [
        span("Enter", theme.key()),
        span(" start   ", theme.text()),
        span("Tab", theme.key()),
        span(" next   ", theme.text()),
        span(if brush.theme.ascii { "<- ->" } else { "← →" }, theme.key()),
        span(" choose, change   ", theme.text()),
        span("Esc", theme.key()),
        span(" leave", theme.text()),
    ];
    let Some(last) = area.height.checked_sub(1) else { return };
    brush.line(row(area, last), &keys);
    let words = Rect { height: last.saturating_sub(1), ..area };
    if let Some(problem) = form.problem.as_deref().or(form.trouble()) {
        let style = theme.bad();
        brush.wrapped(words, problem, style);
    } else if let Some(filled) = form.focused() {
        let allowed = format!("Allowed: {}.", filled.setting.allowed);
        let rows = wrap(&allowed, usize::from(area.width)).len() as u16;
        let meaning = filled.setting.meaning.replace('\n', " ");
        let style = theme.text();
        let used = brush.wrapped(Rect { height: words.height.saturating_sub(rows), ..words }, &meaning, style);
        let style = theme.dim();
        brush.wrapped(Rect { y: words.y + used, height: words.height.saturating_sub(used), ..words }, &allowed, style);
    }
}

fn value_of(area: Rect) -> Rect {
    after(area, NAMES)
}

fn name(name: &str, has_focus: bool, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let bar = if has_focus { brush.glyph("▌", ">") } else { " " };
    let style = if has_focus { theme.title() } else { theme.dim() };
    brush.line(area, &[span(bar, theme.accent()), span(" ", theme.text()), span(name, style)]);
}

/// They stand around what can be chosen.
fn arrows(brush: &Brush<'_>) -> (&'static str, &'static str) {
    (brush.glyph("◂", "<"), brush.glyph("▸", ">"))
}

fn recipe_name(recipe: &Recipe) -> String {
    match recipe {
        Recipe::Model(model, None) => model.title().to_owned(),
        Recipe::Model(model, Some(preset)) => format!("{}, preset {preset}", model.title()),
        Recipe::Like(run) => format!("like {run}"),
    }
}

fn recipe_words(recipe: &Recipe) -> &'static str {
    match recipe {
        Recipe::Model(ModelKind::Cnn, Some(Preset::Plain)) => "convolution, pooling and dense, as in the article",
        Recipe::Model(ModelKind::Cnn, _) => "a modern small net",
        Recipe::Model(ModelKind::Gan, _) => "draws what it is asked for, names what it sees",
        Recipe::Model(ModelKind::Diffusion, _) => "draws out of noise, restores, names what it sees",
        Recipe::Model(ModelKind::Captioner, _) => "says in a sentence what it sees",
        Recipe::Like(_) => "every setting of that run",
    }
}
