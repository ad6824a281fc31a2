//! Which key does what on which screen, in words: the line of keys and the help are made of this.

use super::Tab;

/// A key, or a few that belong together, and what it does in a word or two, and in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLine {
    pub keys: &'static str,
    pub short: &'static str,
    pub long: &'static str,
}

const fn line(keys: &'static str, short: &'static str, long: &'static str) -> KeyLine {
    KeyLine { keys, short, long }
}

const EVERYWHERE: &[KeyLine] = &[
    line("1-6", "screen", "open a screen; Tab goes to the next"),
    line("j k", "run", "select the next or the previous run"),
    line("n", "new", "start a new run, or one like the selected, with any setting changed"),
    line("p", "pause", "pause the run; a paused one goes on"),
    line("x", "stop", "stop the run for good; it is saved first"),
    line("[ ]", "epoch", "go back or forward through the epochs on every screen"),
    line("Space", "mark", "mark the run: its curves and answers join the selected one's"),
    line("/", "filter", "show only runs whose name contains a text"),
    line("s", "save", "save a checkpoint of the run now"),
    line("y", "copy", "copy this screen's table to the clipboard"),
    line("?", "help", "this help"),
    line("q", "quit", "leave; runs keep training"),
];

/// Keys that mean the same on every screen, the most needed first.
pub fn keys_everywhere() -> &'static [KeyLine] {
    EVERYWHERE
}

/// Those of them that no key of the screen has taken.
pub fn keys_elsewhere(tab: Tab) -> impl Iterator<Item = &'static KeyLine> {
    keys_everywhere().iter().filter(move |line| !(tab == Tab::Logs && line.keys == "/"))
}

/// What the keys do on one screen beyond that.
pub fn keys_of(tab: Tab) -> &'static [KeyLine] {
    match tab {
        Tab::Jobs => JOBS,
        Tab::Loss => LOSS,
        Tab::Confusion => CONFUSION,
        Tab::Preview => PREVIEW,
        Tab::Compare => COMPARE,
        Tab::Logs => LOGS,
    }
}

const JOBS: &[KeyLine] = &[
    line("Enter", "open", "look at the run's curves; without a run, start one"),
    line("← →", "picture", "the previous or the next test picture"),
    line("t", "trash", "move a run that no worker has into the trash, after asking"),
    line("u", "undo", "bring back the run that came into the trash last"),
];

const LOSS: &[KeyLine] = &[
    line("↑ ↓", "metric", "choose the metric that is drawn large"),
    line("← →", "read", "move the line that reads logged values; PgUp, PgDn by tens"),
    line("+ -", "smooth", "smooth more, or less; the band behind it is every value"),
    line("z Z", "zoom", "zoom in or out, by the reading line; the wheel at the mouse"),
    line("a", "axis", "step, epoch, computing time or wall time along the bottom"),
    line("l L", "log", "logarithmic values; L a logarithmic axis"),
    line("e", "epochs", "means of epochs, or every step"),
    line("f", "find", "show only metrics whose name fits a regular expression"),
    line("< >", "pan", "move along the axis when zoomed"),
    line("0", "all", "the whole axis again, and the smoothing that suits the run"),
];

const CONFUSION: &[KeyLine] = &[
    line("arrows", "cell", "move to another cell"),
    line("Enter", "pictures", "open the pictures of the cell"),
    line("c", "counts", "shares of the true label, shares of the named one, counts"),
    line("b", "bars", "labels by recall, by precision, by F1"),
    line("o", "order", "labels as the data has them, or the worst named first"),
    line("g", "generated", "the test pictures, or those that the model makes"),
];

const PREVIEW: &[KeyLine] = &[
    line("arrows", "picture", "move to another picture; PgUp, PgDn by pages, Home and End"),
    line("f", "filter", "all, mistakes only, by true label, by named label"),
    line("l", "label", "the next label of the filter; L the one before"),
    line("c", "confidence", "of those only unsure ones; again: sure but wrong ones"),
    line("v", "versus", "of those only what marked runs name differently"),
    line("0", "all", "every picture again, without any filter"),
    line("o", "open", "name a picture of yours, or all of a folder; Enter enlarges"),
    line("w", "write", "write the pictures in view with their labels into one PNG file"),
    line("i", "images", "the test pictures, those held out for choosing, those that it learns from"),
    line("g", "generated", "the test pictures, or those that the model makes"),
    line("d", "draw", "fresh pictures of the label in view, from a run that trains; D of every label"),
    line("r", "restore", "damage the picture and have it restored: noise, then blur, then a hole"),
    line("a", "attention", "where a captioner looked for the words of its caption: the next word; A the one before"),
    line("t", "nearest", "the training images nearest to the picture; of made ones, again: out of noise"),
];

const COMPARE: &[KeyLine] = &[
    line("Enter", "open", "look at the run's curves"),
    line("l", "label", "name 50 test pictures yourself by the digits of their labels"),
    line("c", "settings", "settings in which the marked runs differ, or their labels"),
    line("b", "bars", "labels on all test pictures, or on those that you named"),
];

/// While the user names pictures no other key of a screen means anything.
pub const PLAY: &[KeyLine] = &[
    line("0-9", "label", "name the picture"),
    line("u", "undo", "take the last answer back"),
    line("Esc", "leave", "leave; what was named is kept"),
];

const LOGS: &[KeyLine] = &[
    line("↑ ↓", "scroll", "older and newer lines; PgUp and PgDn by pages, End to the newest"),
    line("w", "log.txt", "what the worker wrote, or what happened"),
    line("/", "search", "look for a text; n, N: next and previous line, Esc ends it"),
    line("l", "level", "all lines, or warnings and errors alone"),
    line("e", "error", "go to the first error"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_screen_gives_a_key_two_meanings() {
        for tab in Tab::ALL {
            let lines = keys_elsewhere(tab).chain(keys_of(tab));
            let keys: Vec<&str> = lines.map(|line| line.keys).collect();
            let distinct: BTreeSet<&str> = keys.iter().copied().collect();
            assert_eq!(distinct.len(), keys.len(), "{tab:?}");
        }
    }
}
