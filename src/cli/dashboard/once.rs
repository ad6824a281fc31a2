//! `pixscribe --once`: one frame as text, for a script, a test or a look without a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};

use super::{app, runtime, setup};
use crate::app::{Action, App, Effect};
use crate::cli::{CliError, CliResult, Globals};
use crate::config::Config;
use crate::jobs::{Jobs, Update};
use crate::term::ColourDepth;
use crate::ui::Screens;
use crate::ui::pictures::Cells;
use crate::ui::theme::Theme;

/// Where the output is no terminal.
const SIZE: (u16, u16) = (80, 24);
/// No news for so long: all is there.
const QUIET: Duration = Duration::from_millis(250);
const AT_MOST: Duration = Duration::from_secs(5);

pub fn print(globals: &Globals, config: &Config) -> CliResult {
    let runtime = runtime()?;
    let app = runtime.block_on(async {
        let (jobs, updates) = Jobs::start(runtime.handle(), setup(globals), std::env::current_exe()?);
        Ok::<App, CliError>(gather(app(config), jobs, updates).await)
    })?;
    runtime.shutdown_background();
    let size = if std::io::stdout().is_terminal() { crossterm::terminal::size().unwrap_or(SIZE) } else { SIZE };
    let text = as_text(&frame(&app, Rect::new(0, 0, size.0, size.1)));
    // A reader that has seen enough (`| head`) is no failure.
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Lets the application ask for what it wants to show until nothing more comes.
async fn gather(mut app: App, mut jobs: Jobs, mut updates: Receiver<Update>) -> App {
    let last = Instant::now() + AT_MOST;
    loop {
        let wait = if app.runs.scanned { QUIET } else { AT_MOST };
        let Ok(Some(update)) = timeout_at(last.min(Instant::now() + wait), updates.recv()).await else {
            return app;
        };
        for effect in app.update(Action::News(update)) {
            if let Effect::Order(order) = effect {
                jobs.carry_out(order);
            }
        }
    }
}

fn frame(app: &App, area: Rect) -> Buffer {
    let mut buf = Buffer::empty(area);
    let theme = Theme { depth: ColourDepth::Mono, ..Theme::DARK };
    Screens::new(theme).render(app, area, &mut buf, &mut Cells::shades());
    buf
}

fn as_text(buf: &Buffer) -> String {
    let rows = buf.content().chunks(usize::from(buf.area.width.max(1)));
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n").collect()
}
