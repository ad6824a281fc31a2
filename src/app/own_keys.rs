//! Keys that a user has given the meaning of others.

use std::borrow::Cow;

use super::Key;
use crate::config::key_pair;

/// The pairs of `ui.keys`. Texts are typed, questions answered and pictures named by the keys themselves.
#[derive(Clone, Debug, Default)]
pub struct OwnKeys(Vec<(String, Key, Key)>);

impl OwnKeys {
    /// Of pairs `pressed=meant`; of two for the same key the later one counts.
    pub fn new(pairs: &[String]) -> OwnKeys {
        let keys = pairs.iter().rev().filter_map(|pair| {
            let (pressed, meant) = key_pair(pair)?;
            Some((pressed.to_owned(), Key::named(pressed)?, Key::named(meant)?))
        });
        OwnKeys(keys.collect())
    }

    /// What a pressed key means.
    pub fn meaning(&self, pressed: Key) -> Key {
        self.0.iter().find(|(_, key, _)| *key == pressed).map_or(pressed, |(_, _, meant)| *meant)
    }

    /// The keys of a [`super::KeyLine`] as this user presses them: `-` for one that none means any more.
    pub fn shown(&self, keys: &'static str) -> Cow<'static, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(keys);
        }
        let words: Vec<&str> = keys.split(' ').map(|word| self.shown_one(word)).collect();
        Cow::Owned(words.join(" "))
    }

    fn shown_one<'a>(&'a self, word: &'a str) -> &'a str {
        let Some(key) = Key::named(word) else { return word };
        let own = self.0.iter().find(|(_, pressed, meant)| *meant == key && self.meaning(*pressed) == key);
        match own {
            Some((pressed, ..)) => pressed,
            None if self.meaning(key) == key => word,
            None => "-",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NAMED_KEYS;

    fn own(pairs: &[&str]) -> OwnKeys {
        OwnKeys::new(&pairs.iter().map(|pair| pair.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn every_name_of_a_key_is_known() {
        assert!(
            NAMED_KEYS.iter().all(|name| Key::named(name).is_some_and(|key| !matches!(key, Key::Char(c) if c != ' ')))
        );
        assert_eq!([Key::named("é"), Key::named("1-6"), Key::named("")], [Some(Key::Char('é')), None, None]);
    }

    #[test]
    fn a_key_means_what_it_was_given_and_no_more() {
        let keys = own(&["h=Left", "P=p", "p=x", "p=k"]);
        let meant = [Key::Char('h'), Key::Char('P'), Key::Char('p'), Key::Char('q')].map(|key| keys.meaning(key));
        assert_eq!(meant, [Key::Left, Key::Char('p'), Key::Char('k'), Key::Char('q')]);
        assert_eq!(own(&[]).meaning(Key::Enter), Key::Enter);
    }

    #[test]
    fn lines_of_keys_show_what_is_pressed() {
        let keys = own(&["h=Left", "P=p", "p=k", "?=j"]);
        assert_eq!(
            ["← →", "p", "j k", "?", "1-6", "x"].map(|line| keys.shown(line)),
            ["h →", "P", "? p", "-", "1-6", "x"]
        );
    }
}
