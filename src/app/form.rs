//! The form behind `n`: a recipe, a name, and every setting of it that the user wants otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use tui_input::Input;

use super::dialog::{edit, insert};
use super::key::Key;
use crate::config::{Filled, ModelKind, Preset};
use crate::jobs::{NewRun, Recipe, Text};
use crate::run::RunName;

/// Settings that PgUp and PgDn move by.
const PAGE: isize = 8;
/// It has a place of its own at the top: what is changed most.
const EPOCHS: &str = "epochs";

/// A line of the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field {
    #[default]
    Recipe,
    Epochs,
    Name,
    /// By its place among [`NewRunForm::settings`].
    Setting(usize),
}

/// Every line has a default, so that Enter alone starts a run.
#[derive(Clone, Debug, Default)]
pub struct NewRunForm {
    pub field: Field,
    pub recipes: Vec<Recipe>,
    recipe: usize,
    pub name: Input,
    /// What the recipe says; none while it is read.
    filled: Option<Result<Arc<[Filled]>, Text>>,
    /// What the user typed or chose instead, by the settings' keys. What another recipe knows too stays.
    typed: BTreeMap<String, Input>,
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

    pub fn recipe(&self) -> &Recipe {
        self.recipes.get(self.recipe).unwrap_or(&Recipe::DEFAULT)
    }

    /// The recipe whose settings are not there yet.
    pub fn awaits(&self) -> Option<&Recipe> {
        self.filled.is_none().then(|| self.recipe())
    }

    /// What a recipe says; of one that was left since it comes too late.
    pub fn hear(&mut self, recipe: &Recipe, filled: Result<Arc<[Filled]>, Text>) {
        if recipe == self.recipe() {
            self.filled = Some(filled);
        }
    }

    /// Why the recipe cannot be read.
    pub fn trouble(&self) -> Option<&str> {
        self.filled.as_ref()?.as_ref().err().map(Text::as_str)
    }

    /// The lines below the name, in the order of `config.toml`; none while they are read.
    pub fn settings(&self) -> Vec<&Filled> {
        // The recipe of a CNN is its preset.
        let has_preset = matches!(self.recipe(), Recipe::Model(_, Some(_)));
        let is_line = |filled: &&Filled| filled.key != EPOCHS && !(has_preset && filled.key == "preset");
        self.all().iter().filter(is_line).collect()
    }

    fn all(&self) -> &[Filled] {
        self.filled.as_ref().and_then(|filled| filled.as_deref().ok()).unwrap_or_default()
    }

    pub fn epochs(&self) -> Option<&Filled> {
        self.all().iter().find(|filled| filled.key == EPOCHS)
    }

    /// The setting of the line that has the focus.
    pub fn focused(&self) -> Option<&Filled> {
        match self.field {
            Field::Recipe | Field::Name => None,
            Field::Epochs => self.epochs(),
            Field::Setting(at) => self.settings().get(at).copied(),
        }
    }

    /// What the user wants in the place of a setting's value.
    pub fn typed(&self, key: &str) -> Option<&Input> {
        self.typed.get(key)
    }

    /// As [`Self::typed`], of the epochs.
    pub fn typed_epochs(&self) -> Option<&Input> {
        self.typed(EPOCHS)
    }

    pub fn press(&mut self, key: Key) {
        self.problem = None;
        match (key, self.field) {
            (Key::Tab | Key::Down, _) => self.move_field(1),
            (Key::BackTab | Key::Up, _) => self.move_field(-1),
            (Key::PageDown, _) => self.move_page(PAGE),
            (Key::PageUp, _) => self.move_page(-PAGE),
            (Key::Right | Key::Char(' '), Field::Recipe) => self.move_recipe(1),
            (Key::Left, Field::Recipe) => self.move_recipe(-1),
            (_, Field::Recipe) => {}
            (key, Field::Name) => edit(&mut self.name, key),
            (key, Field::Epochs | Field::Setting(_)) => self.press_in_setting(key),
        }
    }

    pub fn paste(&mut self, text: &str) {
        match self.field {
            Field::Recipe => {}
            Field::Name => insert(&mut self.name, text),
            Field::Epochs | Field::Setting(_) => text.chars().for_each(|c| self.press_in_setting(Key::Char(c))),
        }
    }

    /// A choice goes round; a text begins anew with the first letter, or with the value as it is by the arrow into it.
    fn press_in_setting(&mut self, key: Key) {
        let focused = self.focused();
        let (Some(at), value) = (self.focused_key(), focused.map(Filled::text).unwrap_or_default()) else { return };
        let choices = focused.and_then(|filled| filled.setting.allowed.choices());
        let before = self.typed.remove(&at);
        let after = match (choices, key) {
            (Some(choices), Key::Right | Key::Left | Key::Char(' ')) => {
                let shown = before.as_ref().map_or(value.as_str(), Input::value);
                Some(Input::from(step(choices, shown, key != Key::Left)))
            }
            (Some(_), Key::Backspace | Key::Delete) => None,
            (Some(_), _) => before,
            (None, Key::Right | Key::End) if before.is_none() => Some(Input::from(value.as_str())),
            (None, key) => {
                let mut input = before.unwrap_or_default();
                edit(&mut input, key);
                Some(input)
            }
        };
        let is_default = |text: &str| text.is_empty() || (choices.is_some() && text == value);
        self.typed.extend(after.filter(|input| !is_default(input.value())).map(|input| (at, input)));
    }

    fn focused_key(&self) -> Option<String> {
        // Epochs may be typed before the recipe is read.
        let key = if self.field == Field::Epochs { Some(EPOCHS) } else { self.focused().map(|it| it.key.as_str()) };
        key.map(str::to_owned)
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
        if let Some(trouble) = self.trouble() {
            return Err(trouble.to_owned());
        }
        let typed = self.typed.iter().map(|(key, input)| (key, input.value().trim()));
        let known = typed.filter(|(key, _)| {
            // What is not read yet is checked where the run is made.
            self.filled.is_none() || self.all().iter().any(|filled| filled.key == **key)
        });
        let sets = known.map(|(key, text)| match self.all().iter().find(|filled| filled.key == *key) {
            Some(filled) if filled.setting.value_of(text).is_none() => {
                Err(format!("{key} must be {}: `{text}` is not.", filled.setting.allowed))
            }
            _ => Ok(format!("{key}={text}")),
        });
        Ok(NewRun { name, recipe: self.recipe().clone(), sets: sets.collect::<Result<_, _>>()? })
    }

    fn move_field(&mut self, by: isize) {
        let lines = 3 + self.settings().len() as isize;
        self.field = Field::of_line((self.field.line() as isize + by).rem_euclid(lines) as usize);
    }

    /// Stops at the ends.
    fn move_page(&mut self, by: isize) {
        let last = 2 + self.settings().len();
        self.field = Field::of_line(self.field.line().saturating_add_signed(by).min(last));
    }

    fn move_recipe(&mut self, by: isize) {
        let n = self.recipes.len().max(1) as isize;
        self.recipe = (self.recipe as isize + by).rem_euclid(n) as usize;
        self.filled = None;
    }
}

impl Field {
    /// Its place from above, from 0.
    pub fn line(self) -> usize {
        match self {
            Field::Recipe => 0,
            Field::Epochs => 1,
            Field::Name => 2,
            Field::Setting(at) => 3 + at,
        }
    }

    fn of_line(line: usize) -> Field {
        match line {
            0 => Field::Recipe,
            1 => Field::Epochs,
            2 => Field::Name,
            line => Field::Setting(line - 3),
        }
    }
}

/// The next of the words, or the one before, round and round.
fn step(words: &'static [&'static str], shown: &str, forward: bool) -> &'static str {
    let at = words.iter().position(|word| *word == shown).unwrap_or(0);
    words[(at + if forward { 1 } else { words.len() - 1 }) % words.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn typed(form: &mut NewRunForm, text: &str) {
        text.chars().for_each(|c| form.press(Key::Char(c)));
    }

    /// A form whose recipe has been read.
    fn read(like: Option<&RunName>) -> NewRunForm {
        let mut form = NewRunForm::new(like);
        hear(&mut form);
        form
    }

    fn hear(form: &mut NewRunForm) {
        let recipe = form.recipe().clone();
        let model = match recipe {
            Recipe::Model(model, _) => model,
            Recipe::Like(_) => ModelKind::Cnn,
        };
        let config = Config { model: Some(model), ..Config::default() };
        form.hear(&recipe, Ok(config.filled().unwrap().into()));
    }

    fn go_to(form: &mut NewRunForm, key: &str) {
        form.field = Field::Setting(form.settings().iter().position(|filled| filled.key == key).unwrap());
    }

    fn sets(form: &NewRunForm) -> Vec<String> {
        form.checked(|_| false).unwrap().sets
    }

    #[test]
    fn enter_alone_is_the_default_preset_under_a_name_of_its_own() {
        let expected = NewRun { name: None, recipe: Recipe::DEFAULT, sets: vec![] };
        assert_eq!(NewRunForm::new(None).checked(|_| false), Ok(expected.clone()));
        assert_eq!(read(None).checked(|_| false), Ok(expected));
    }

    #[test]
    fn fields_are_filled_one_after_another_before_the_recipe_is_read() {
        let like: RunName = "base".parse().unwrap();
        let mut form = NewRunForm::new(Some(&like));
        form.press(Key::Left);
        form.press(Key::Tab);
        typed(&mut form, "12");
        form.press(Key::Down);
        typed(&mut form, "my-run");
        let expected =
            NewRun { name: "my-run".parse().ok(), recipe: Recipe::Like(like), sets: vec!["epochs=12".into()] };
        assert_eq!(form.checked(|_| false), Ok(expected));
        form.press(Key::Tab);
        assert_eq!(form.field, Field::Recipe);
    }

    #[test]
    fn settings_are_chosen_or_typed_and_an_empty_one_is_the_recipe_s() {
        let mut form = read(None);
        go_to(&mut form, "flip");
        form.press(Key::Right);
        assert_eq!(sets(&form), ["flip=none"], "alternating is the last of three");
        form.press(Key::Left);
        assert_eq!(sets(&form), Vec::<String>::new(), "the recipe's own again");
        form.press(Key::Left);
        go_to(&mut form, "momentum");
        typed(&mut form, "0.9");
        assert_eq!(sets(&form), ["flip=random", "momentum=0.9"]);
        (0..3).for_each(|_| form.press(Key::Backspace));
        form.press(Key::Right);
        form.press(Key::Backspace);
        assert_eq!(form.typed("momentum").map(Input::value), Some("0.8"), "0.85 was taken up");
        go_to(&mut form, "data.limit");
        form.paste("500\n");
        assert_eq!(sets(&form), ["data.limit=500", "flip=random", "momentum=0.8"]);
    }

    #[test]
    fn another_recipe_keeps_what_it_knows_and_hears_its_own_settings_alone() {
        let mut form = read(None);
        go_to(&mut form, "momentum");
        typed(&mut form, "0.5");
        go_to(&mut form, "seed");
        typed(&mut form, "7");
        form.field = Field::Recipe;
        form.press(Key::Right);
        form.press(Key::Right);
        assert_eq!(form.awaits(), Some(&Recipe::Model(ModelKind::Gan, None)));
        form.hear(&Recipe::DEFAULT, Ok(Arc::default()));
        assert!(form.awaits().is_some(), "that came too late");
        hear(&mut form);
        assert_eq!((form.awaits(), sets(&form)), (None, vec!["seed=7".to_owned()]));
        assert!(form.settings().iter().any(|filled| filled.key == "labels"));
    }

    #[test]
    fn lines_go_round_and_pages_stop() {
        let mut form = read(None);
        form.press(Key::Up);
        let last = form.settings().len() - 1;
        assert_eq!(form.field, Field::Setting(last));
        form.press(Key::PageDown);
        assert_eq!(form.field, Field::Setting(last));
        (0..9).for_each(|_| form.press(Key::PageUp));
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
            let mut form = NewRunForm { field: Field::Epochs, ..read(None) };
            typed(&mut form, bad);
            let why = form.checked(|_| false).unwrap_err();
            assert!(why.contains(&format!("`{bad}`")) && why.contains("from 1 to 10000"), "{why}");
        }
        let mut form = NewRunForm::new(None);
        form.hear(&Recipe::DEFAULT, Err(Text::of("config.toml is not valid TOML")));
        assert!(form.checked(|_| false).unwrap_err().contains("not valid TOML") && form.settings().is_empty());
    }
}
