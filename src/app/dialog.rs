//! What stands over the screens and takes the keys: questions, forms, a line of text, help.

use tui_input::Input;

use super::key::Key;
use crate::config::{ModelKind, Preset};
use crate::jobs::{NewRun, Recipe};
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field {
    #[default]
    Recipe,
    Epochs,
    Name,
}

impl Field {
    pub const ALL: [Field; 3] = [Field::Recipe, Field::Epochs, Field::Name];
}

/// The form behind `n`. Every field has a default, so that Enter alone starts a run.
#[derive(Clone, Debug, Default)]
pub struct NewRunForm {
    pub field: Field,
    pub recipes: Vec<Recipe>,
    pub recipe: usize,
    pub epochs: Input,
    pub name: Input,
    /// Why it cannot be started as it stands.
    pub problem: Option<String>,
}

impl NewRunForm {
    /// The models with their presets, and a clone of the selected run if there is one.
    pub fn new(like: Option<&RunName>) -> NewRunForm {
        let fresh = [
            Recipe::Model(ModelKind::Cnn, Some(Preset::Default)),
            Recipe::Model(ModelKind::Cnn, Some(Preset::Plain)),
            Recipe::Model(ModelKind::Gan, None),
            Recipe::Model(ModelKind::Diffusion, None),
            Recipe::Model(ModelKind::Captioner, None),
        ];
        let recipes = fresh.into_iter().chain(like.cloned().map(Recipe::Like)).collect();
        NewRunForm { recipes, ..NewRunForm::default() }
    }

    pub fn press(&mut self, key: Key) {
        self.problem = None;
        match (key, self.field) {
            (Key::Tab | Key::Down, _) => self.move_field(1),
            (Key::BackTab | Key::Up, _) => self.move_field(-1),
            (Key::Right | Key::Char(' '), Field::Recipe) => self.move_recipe(1),
            (Key::Left, Field::Recipe) => self.move_recipe(-1),
            (key, Field::Epochs) => edit(&mut self.epochs, key),
            (key, Field::Name) => edit(&mut self.name, key),
            _ => {}
        }
    }

    pub fn paste(&mut self, text: &str) {
        match self.field {
            Field::Recipe => {}
            Field::Epochs => insert(&mut self.epochs, text),
            Field::Name => insert(&mut self.name, text),
        }
    }

    /// The run as asked for, or what is wrong with it.
    pub fn checked(&self, is_taken: impl Fn(&RunName) -> bool) -> Result<NewRun, String> {
        let name = match self.name.value().trim() {
            "" => None,
            text => Some(text.parse::<RunName>().map_err(|error| error.to_string())?),
        };
        if let Some(taken) = name.as_ref().filter(|name| is_taken(name)) {
            return Err(format!("There is a run named {taken} already: choose another name."));
        }
        let epochs = match self.epochs.value().trim() {
            "" => None,
            text => Some(parse_epochs(text)?),
        };
        let recipe = self.recipes.get(self.recipe).cloned();
        Ok(NewRun { name, recipe: recipe.unwrap_or(Recipe::DEFAULT), epochs })
    }

    fn move_field(&mut self, by: isize) {
        let at = Field::ALL.iter().position(|field| *field == self.field).unwrap_or(0) as isize;
        self.field = Field::ALL[(at + by).rem_euclid(Field::ALL.len() as isize) as usize];
    }

    fn move_recipe(&mut self, by: isize) {
        let n = self.recipes.len().max(1) as isize;
        self.recipe = (self.recipe as isize + by).rem_euclid(n) as usize;
    }
}

fn parse_epochs(text: &str) -> Result<u64, String> {
    let epochs = text.parse().ok().filter(|n| (1..=10_000).contains(n));
    epochs.ok_or_else(|| format!("`{text}` is no number of epochs: type 1 to 10000, or nothing."))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(form: &mut NewRunForm, text: &str) {
        text.chars().for_each(|c| form.press(Key::Char(c)));
    }

    #[test]
    fn enter_alone_is_the_default_preset_under_a_name_of_its_own() {
        let run = NewRunForm::new(None).checked(|_| false);
        let expected = NewRun { name: None, recipe: Recipe::DEFAULT, epochs: None };
        assert_eq!(run, Ok(expected));
    }

    #[test]
    fn fields_are_filled_one_after_another() {
        let like: RunName = "base".parse().unwrap();
        let mut form = NewRunForm::new(Some(&like));
        form.press(Key::Left);
        form.press(Key::Tab);
        typed(&mut form, "12");
        form.press(Key::Down);
        typed(&mut form, "my-run");
        let expected = NewRun { name: "my-run".parse().ok(), recipe: Recipe::Like(like), epochs: Some(12) };
        assert_eq!(form.checked(|_| false), Ok(expected));
        form.press(Key::Tab);
        assert_eq!(form.field, Field::Recipe);
    }

    #[test]
    fn what_cannot_be_started_is_said_in_a_sentence() {
        let mut form = NewRunForm { field: Field::Name, ..NewRunForm::new(None) };
        typed(&mut form, "a/b");
        assert!(form.checked(|_| false).unwrap_err().contains("a/b"));
        let mut form = NewRunForm { field: Field::Name, ..NewRunForm::new(None) };
        form.paste("taken\n");
        assert!(form.checked(|_| true).unwrap_err().contains("taken"));
        for bad in ["0", "-1", "x", "10001"] {
            let mut form = NewRunForm { field: Field::Epochs, ..NewRunForm::new(None) };
            typed(&mut form, bad);
            assert!(form.checked(|_| false).unwrap_err().contains(bad));
        }
    }
}
