//! How a run's phase looks: a glyph, a word, a colour. What was asked looks different from what is confirmed.

use ratatui::style::{Modifier, Style};

use super::theme::Theme;
use crate::app::App;
use crate::jobs::{Ask, RunView};
use crate::run::Phase;

pub struct Look {
    pub glyph: &'static str,
    pub word: String,
    pub style: Style,
}

/// The look of a run as it stands, with what was asked of it and not yet confirmed.
pub fn look(app: &App, run: &RunView, theme: &Theme) -> Look {
    let asked = app.runs.asked(&run.name).map(|asked| &asked.ask);
    let asked_word = match asked {
        Some(Ask::Pause) => Some("pause asked"),
        Some(Ask::Stop) => Some("stop asked"),
        Some(Ask::Resume) => Some("waking up"),
        Some(Ask::Save | Ask::Draw { .. }) | None => None,
    };
    match asked_word {
        Some(word) => Look {
            glyph: if theme.ascii { "~" } else { "◌" },
            word: word.to_owned(),
            style: theme.warn().add_modifier(Modifier::ITALIC),
        },
        None => Look { glyph: glyph(run.phase, theme), word: run.phase.to_string(), style: style(run.phase, theme) },
    }
}

fn glyph(phase: Phase, theme: &Theme) -> &'static str {
    let (unicode, ascii) = match phase {
        Phase::Queued => ("○", "o"),
        Phase::Starting => ("◔", "."),
        Phase::Running => ("●", "*"),
        Phase::Pausing | Phase::Stopping => ("◑", "~"),
        Phase::Paused => ("‖", "\""),
        Phase::Stopped => ("■", "#"),
        Phase::Finished => ("✓", "+"),
        Phase::Failed => ("✗", "x"),
        Phase::Diverged => ("∞", "x"),
        Phase::Interrupted => ("!", "!"),
        Phase::Unknown => ("?", "?"),
    };
    if theme.ascii { ascii } else { unicode }
}

fn style(phase: Phase, theme: &Theme) -> Style {
    match phase {
        Phase::Running => theme.good(),
        Phase::Starting | Phase::Queued => theme.accent(),
        Phase::Pausing | Phase::Stopping | Phase::Interrupted | Phase::Unknown => theme.warn(),
        Phase::Paused => theme.text(),
        Phase::Failed | Phase::Diverged => theme.bad(),
        Phase::Finished | Phase::Stopped => theme.dim(),
    }
}

/// Why a run stands where it stands, in words, where that needs any.
pub fn reason(run: &RunView) -> Option<String> {
    let state = run.state.as_deref();
    let said = state.and_then(|state| state.reason.clone());
    match run.phase {
        Phase::Interrupted => Some("its worker was killed; p goes on from the last checkpoint".to_owned()),
        Phase::Unknown if state.is_none() => Some("its state.json cannot be read".to_owned()),
        Phase::Unknown => Some(format!(
            "nothing heard from its worker on {}",
            state.map_or("another host", |state| state.host.as_str())
        )),
        Phase::Queued if run.can_resume => Some("made, but no worker was started; p starts one".to_owned()),
        Phase::Queued => state.and_then(|state| state.queue.as_ref()).map(|queue| {
            let place = super::format::ordinal(queue.position);
            let behind = queue.behind.as_ref().map_or_else(String::new, |run| format!(", behind {run}"));
            let why = queue.reason.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
            format!("{place} in the queue{behind}{why}")
        }),
        _ => said.or_else(|| state.and_then(|state| state.trouble.clone())),
    }
}
