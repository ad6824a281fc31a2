//! The terminal: size, colours, pictures, what lies between.

use super::finding::Finding;
use crate::cli::dashboard::colours_by;
use crate::config::UiConfig;
use crate::term::{Capabilities, ColourDepth, Environment, TerminalGuard};
use crate::ui::pictures::{self, Chosen, Graphics};

/// The smallest screen that the dashboard is laid out for.
const SMALLEST: (u16, u16) = (80, 24);

/// Asks as the dashboard does, with the same settings.
pub fn examine(ui: &UiConfig) -> Vec<Finding> {
    let environment = Environment::read();
    let mut capabilities = Capabilities::unasked(&environment, false);
    let guard = TerminalGuard::enter().ok();
    if let Some(guard) = &guard {
        capabilities = guard.detect();
    }
    capabilities.colours = colours_by(ui.colours, capabilities.colours);
    let chosen = match &guard {
        Some(_) => pictures::open(ui.graphics, &capabilities, || ()).1,
        None => pictures::choose(ui.graphics, &capabilities, false),
    };
    drop(guard);
    let size = capabilities.tty.then(crossterm::terminal::size).and_then(Result::ok).filter(|&(w, h)| w > 0 && h > 0);
    judge(&environment, &capabilities, &chosen, size)
}

fn judge(env: &Environment, can: &Capabilities, chosen: &Chosen, size: Option<(u16, u16)>) -> Vec<Finding> {
    if !can.tty {
        let text = "stdin and stdout are not a terminal";
        let advice = "the dashboard needs one; `pixscribe --once` and `pixscribe runs` do not";
        return vec![Finding::warning("terminal", text, advice)];
    }
    let mut between: Vec<&str> = Vec::new();
    between.extend(env.tmux.then_some("inside tmux or screen"));
    between.extend(env.ssh.then_some("over SSH"));
    let name = can.name.as_deref().map_or_else(String::new, |name| format!(", calls itself {name}"));
    let via = if between.is_empty() { String::new() } else { format!(", {}", between.join(" and ")) };
    let term = format!("TERM={}{name}{via}", env.term);
    let terminal = if can.answered || env.tmux {
        Finding::good("terminal", term)
    } else {
        Finding::warning(
            "terminal",
            format!("{term}; it does not answer questions"),
            "pictures are drawn as cells then",
        )
    };
    vec![terminal, screen(size), colours(can.colours, env), graphics(chosen, env)]
}

fn screen(size: Option<(u16, u16)>) -> Finding {
    let (columns, rows) = SMALLEST;
    match size {
        Some((width, height)) if width >= columns && height >= rows => {
            Finding::good("screen", format!("{width} columns by {height} rows"))
        }
        Some((width, height)) => Finding::warning(
            "screen",
            format!("{width} columns by {height} rows"),
            format!("some panels are left out below {columns} by {rows}"),
        ),
        None => Finding::warning("screen", "of unknown size", "`stty size` should say it"),
    }
}

fn colours(depth: ColourDepth, env: &Environment) -> Finding {
    match depth {
        ColourDepth::Truecolour => Finding::good("colours", "24-bit"),
        ColourDepth::Ansi256 => {
            Finding::good("colours", "256; if the terminal has more, set ui.colours = \"truecolor\"")
        }
        ColourDepth::Ansi16 => Finding::warning("colours", "16", "if the terminal has more, set ui.colours"),
        ColourDepth::Mono if env.no_color => Finding::good("colours", "none, as NO_COLOR asks"),
        ColourDepth::Mono => Finding::warning("colours", "none", "set TERM to what the terminal is, or ui.colours"),
    }
}

fn graphics(chosen: &Chosen, env: &Environment) -> Finding {
    let text = format!("{}: {}", chosen.graphics, chosen.why);
    match chosen.graphics {
        Graphics::Kitty | Graphics::Iterm | Graphics::Sixel => Finding::good("pictures", text),
        _ if env.tmux => Finding::warning("pictures", text, "outside tmux the terminal may show real pictures"),
        _ => {
            Finding::warning("pictures", text, "kitty, iTerm2, WezTerm, foot and `xterm -ti vt340` show real pictures")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;
    use crate::term::parse;

    fn statuses(env: &Environment, reply: &[u8], size: (u16, u16)) -> Vec<(String, Status)> {
        let can = Capabilities::new(env, parse(reply));
        let chosen = pictures::choose(crate::config::GraphicsChoice::Auto, &can, false);
        judge(env, &can, &chosen, Some(size)).into_iter().map(|finding| (finding.text, finding.status)).collect()
    }

    #[test]
    fn a_kitty_terminal_is_all_good() {
        let env = Environment { term: "xterm-kitty".into(), ..Environment::default() };
        let found = statuses(&env, b"\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.26.5)\x1b\\\x1b[?62;c", (200, 50));
        assert!(found.iter().all(|(_, status)| *status == Status::Good), "{found:?}");
        assert_eq!(found[0].0, "TERM=xterm-kitty, calls itself kitty(0.26.5)");
    }

    #[test]
    fn a_mute_narrow_terminal_in_tmux_over_ssh_is_told_so() {
        let env = Environment { term: "vt100".into(), tmux: true, ssh: true, ..Environment::default() };
        let found = statuses(&env, b"", (60, 20));
        assert_eq!(found[0], ("TERM=vt100, inside tmux or screen and over SSH".into(), Status::Good));
        assert!(found[1..].iter().all(|(_, status)| *status == Status::Warning), "{found:?}");
    }
}
