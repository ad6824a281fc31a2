//! What stands over the screens and takes the keys: questions, forms, a line of text, help.

use tui_input::Input;

use super::form::NewRunForm;
use super::key::Key;
use crate::run::RunName;

#[derive(Clone, Debug)]
pub enum Dialog {
    Help,
    ConfirmStop(RunName),
    /// What the user named of this run's pictures would be replaced.
    ConfirmReplay(RunName),
    ConfirmTrash(RunName),
    /// The filter of runs, typed in the last row.
    Filter(Input),
    /// The filter of metrics, typed in the last row.
    Metrics(Input),
    /// A text that is looked for in a log, typed in the last row.
    Search(Input),
    /// The path of a picture or a folder to be named.
    OpenFile(Input),
    NewRun(NewRunForm),
}

/// Longer lines are no path and no name.
const MAX_TYPED: usize = 4096;

pub(super) fn edit(input: &mut Input, key: Key) {
    let grows = matches!(key, Key::Char(_));
    if let Some(request) = key.as_text_edit().filter(|_| !grows || input.value().len() < MAX_TYPED) {
        input.handle(request);
    }
}

/// Types a pasted text, line ends and other control characters left out.
pub(super) fn insert(input: &mut Input, text: &str) {
    text.chars().filter(|c| !c.is_control()).for_each(|c| edit(input, Key::Char(c)));
}
