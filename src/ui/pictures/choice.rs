//! Which way of showing pictures to use, and why.

use std::fmt;

use crate::config::GraphicsChoice;
use crate::term::{Capabilities, ColourDepth};

/// A way of showing pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Graphics {
    Kitty,
    Iterm,
    Sixel,
    /// Two pixels a cell: `▄` in two colours.
    Blocks,
    /// ` ░▒▓█`, for terminals where no colour is wanted.
    Shades,
    /// Printable ASCII only.
    Ascii,
}

impl fmt::Display for Graphics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kitty => "kitty",
            Self::Iterm => "iterm",
            Self::Sixel => "sixel",
            Self::Blocks => "blocks",
            Self::Shades => "shades",
            Self::Ascii => "ascii",
        })
    }
}

/// The way chosen, and the reason in words for `doctor` and the status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub graphics: Graphics,
    pub why: &'static str,
}

/// Chooses by what the user asked for and what the terminal can do. `iterm_announced` says whether the environment
/// announces iTerm2's protocol (viuer's own test); it is believed only if the terminal does not call itself otherwise.
pub fn choose(choice: GraphicsChoice, capabilities: &Capabilities, iterm_announced: bool) -> Chosen {
    let cells = if capabilities.colours == ColourDepth::Mono { Graphics::Shades } else { Graphics::Blocks };
    let chosen = |graphics, why| Chosen { graphics, why };
    let auto = choice == GraphicsChoice::Auto;
    match choice {
        GraphicsChoice::Ascii => return chosen(Graphics::Ascii, "asked for"),
        GraphicsChoice::Blocks => return chosen(cells, "asked for"),
        _ if !capabilities.tty => return chosen(cells, "this is no terminal"),
        _ if capabilities.tmux => return chosen(cells, "tmux and screen let no pictures through"),
        _ if !capabilities.answered => {
            return chosen(cells, "the terminal did not say what it can do");
        }
        _ if auto && cells == Graphics::Shades => return chosen(cells, "no colours are wanted"),
        _ => {}
    }
    let iterm = iterm_announced && capabilities.name.as_deref().is_none_or(speaks_iterm);
    let can = [
        (GraphicsChoice::Kitty, Graphics::Kitty, capabilities.kitty),
        (GraphicsChoice::Iterm, Graphics::Iterm, if auto { iterm } else { iterm_announced }),
        (GraphicsChoice::Sixel, Graphics::Sixel, capabilities.sixel),
    ];
    for (asked, graphics, able) in can {
        if able && (auto || choice == asked) {
            return chosen(graphics, if auto { "the terminal can" } else { "asked for" });
        }
    }
    chosen(cells, if auto { "the terminal can no better" } else { "the terminal can't do what was asked for" })
}

/// A stale LC_TERMINAL, carried into another terminal by SSH or `sudo`, would give blank pictures.
fn speaks_iterm(name: &str) -> bool {
    ["iTerm", "WezTerm", "mintty", "rio", "Konsole", "Warp"].iter().any(|known| name.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::{Environment, parse};

    const KITTY: &[u8] = b"\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.26.5)\x1b\\\x1b[?62;c";
    const XTERM: &[u8] = b"\x1bP>|XTerm(379)\x1b\\\x1b[?62;4c";

    fn terminal(reply: &[u8]) -> Capabilities {
        let environment = Environment { term: "xterm-256color".to_owned(), ..Environment::default() };
        Capabilities::new(&environment, parse(reply))
    }

    fn graphics(choice: &str, capabilities: &Capabilities, iterm: bool) -> Graphics {
        choose(choice.parse().unwrap(), capabilities, iterm).graphics
    }

    #[test]
    fn auto_takes_the_best_that_the_terminal_has() {
        assert_eq!(graphics("auto", &terminal(KITTY), false), Graphics::Kitty);
        assert_eq!(graphics("auto", &terminal(XTERM), false), Graphics::Sixel);
        assert_eq!(graphics("auto", &terminal(b"\x1b[?1;2c"), true), Graphics::Iterm);
        assert_eq!(graphics("auto", &terminal(b"\x1b[?1;2c"), false), Graphics::Blocks);
    }

    #[test]
    fn a_stale_announcement_of_iterm_is_not_believed() {
        assert_eq!(graphics("auto", &terminal(XTERM), true), Graphics::Sixel);
    }

    #[test]
    fn a_mute_terminal_tmux_or_a_pipe_gets_no_pictures_even_if_asked() {
        let mute = terminal(b"");
        let tmux = Capabilities { tmux: true, ..terminal(KITTY) };
        let pipe = Capabilities { tty: false, ..terminal(KITTY) };
        for capabilities in [mute, tmux, pipe] {
            for choice in ["auto", "kitty", "iterm", "sixel"] {
                assert_eq!(graphics(choice, &capabilities, true), Graphics::Blocks, "{choice}");
            }
        }
    }

    #[test]
    fn what_was_asked_for_is_done_if_the_terminal_can() {
        assert_eq!(graphics("blocks", &terminal(KITTY), false), Graphics::Blocks);
        assert_eq!(graphics("ascii", &terminal(KITTY), false), Graphics::Ascii);
        assert_eq!(graphics("kitty", &terminal(XTERM), false), Graphics::Blocks);
        assert_eq!(graphics("sixel", &terminal(XTERM), false), Graphics::Sixel);
    }

    #[test]
    fn without_colours_shades_unless_real_pictures_are_asked_for() {
        let mono = Capabilities { colours: ColourDepth::Mono, ..terminal(KITTY) };
        assert_eq!(graphics("auto", &mono, false), Graphics::Shades);
        assert_eq!(graphics("blocks", &mono, false), Graphics::Shades);
        assert_eq!(graphics("kitty", &mono, false), Graphics::Kitty);
    }
}
