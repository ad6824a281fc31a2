//! `pixscribe` without a command: the dashboard.

mod announce;
mod clipboard;
mod input;
mod once;
mod session;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};

use announce::Announcer;

use super::args::DashboardArgs;
use super::{CliError, CliResult, Globals};
use crate::app::{App, OwnKeys};
use crate::config::{ColourChoice, Config, GraphicsChoice, ThemeChoice};
use crate::data::{self, Layout};
use crate::jobs::{Setup, Text, pages};
use crate::term::{Capabilities, ColourDepth, TerminalGuard, leave_mouse_alone};
use crate::ui::pictures::{self, Stage};
use crate::ui::theme::Theme;

pub fn run(args: &DashboardArgs, globals: &Globals) -> CliResult {
    pages::keep_small();
    // What is wrong with the settings is said before the terminal is taken.
    let config = globals.load(None)?;
    if args.once {
        return once::print(globals, &config);
    }
    if !config.ui.mouse {
        leave_mouse_alone();
    }
    let guard = TerminalGuard::enter()?;
    let mut capabilities = guard.detect();
    capabilities.colours = colours_by(config.ui.colours, capabilities.colours);
    let graphics = args.graphics.unwrap_or(config.ui.graphics);
    let (wake, woken) = tokio::sync::mpsc::channel(1);
    let wake_up = move || {
        // A full channel wakes as well.
        let _ = wake.try_send(());
    };
    let (pictures, _) = pictures::open(graphics, &capabilities, wake_up);
    let stage = Stage::new(pictures)?;
    let theme = theme(&config, graphics, &capabilities);
    let runtime = runtime()?;
    let announcer = Announcer { choice: config.ui.notify, tmux: capabilities.tmux };
    let session =
        session::Session::new(stage, guard, theme, app(&config), setup(globals), announcer, runtime.handle())?;
    let farewell = runtime.block_on(session.run(capabilities.typed, woken))?;
    // Threads that wait for a worker's answer end with the process: nobody is there to hear it.
    runtime.shutdown_background();
    if let Some(farewell) = farewell {
        println!("{farewell}");
    }
    Ok(())
}

fn runtime() -> Result<Runtime, CliError> {
    let built = Builder::new_multi_thread().worker_threads(2).thread_name("jobs").enable_all().build();
    built.map_err(|error| format!("cannot start the dashboard's threads: {error}").into())
}

fn setup(globals: &Globals) -> Setup {
    Setup { runs_root: globals.runs.clone(), config: globals.config.clone(), sets: globals.sets.clone() }
}

fn app(config: &Config) -> App {
    App::new(data_in_words(config), unix_ms()).with_keys(OwnKeys::new(&config.ui.keys))
}

/// What new runs will train on: `the sample pictures in data/sample`.
fn data_in_words(config: &Config) -> Result<String, Text> {
    let located = data::locate(config.data.path.as_deref()).map_err(Text::of)?;
    let kind = match located.layout {
        Layout::Folder => "a folder of pictures",
        _ if located.path.ends_with("data/sample") => "the sample pictures",
        _ => "the pictures",
    };
    Ok(Text::of(format!("{kind} in {}", located.path.display())).as_str().to_owned())
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The colours that a user asked for, else those that were found.
pub(super) fn colours_by(choice: ColourChoice, detected: ColourDepth) -> ColourDepth {
    match choice {
        ColourChoice::Auto => detected,
        ColourChoice::Truecolor => ColourDepth::Truecolour,
        ColourChoice::Ansi256 => ColourDepth::Ansi256,
        ColourChoice::Ansi16 => ColourDepth::Ansi16,
        ColourChoice::None => ColourDepth::Mono,
    }
}

fn theme(config: &Config, graphics: GraphicsChoice, capabilities: &Capabilities) -> Theme {
    let light = match config.ui.theme {
        ThemeChoice::Dark => false,
        ThemeChoice::Light => true,
        ThemeChoice::Auto if capabilities.background.is_some() => capabilities.has_light_background(),
        ThemeChoice::Auto => env::var("COLORFGBG").is_ok_and(|colours| is_light(&colours)),
    };
    Theme { depth: capabilities.colours, light, ascii: graphics == GraphicsChoice::Ascii }
}

/// `COLORFGBG` is `foreground;background` by number, as rxvt, Konsole and others set it: 7 and 15 are the light ones.
fn is_light(colours: &str) -> bool {
    matches!(colours.rsplit_once(';'), Some((_, "7" | "15")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_grounds_are_told_by_their_number() {
        assert!(is_light("0;15") && is_light("0;default;7"));
        assert!(!is_light("15;0") && !is_light("") && !is_light("15"));
    }
}
