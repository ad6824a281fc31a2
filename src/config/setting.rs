//! One setting: its key, its meaning, what it may be.

use std::fmt;

use toml::Value;

/// A row of a section's table.
#[derive(Debug)]
pub struct Setting {
    pub key: &'static str,
    /// What it means, for the comment above it in `config.toml`.
    pub meaning: &'static str,
    pub allowed: Allowed,
    pub default: DefaultValue,
}

/// Where a setting's value comes from when nobody sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// One value, that of `Config::default()`.
    Fixed,
    /// Each preset has its own.
    OfPreset,
    /// Nothing: `meaning` says what happens then; the text is an example.
    Unset(&'static str),
}

/// What a value may be.
#[derive(Debug)]
pub enum Allowed {
    Integer {
        from: i64,
        to: i64,
    },
    Number {
        from: f64,
        to: f64,
    },
    /// As `Number`, without `above` itself.
    NumberAbove {
        above: f64,
        to: f64,
    },
    OneOf(&'static [&'static str]),
    Path,
    /// A list of words, such as a command and its arguments.
    Words {
        example: &'static str,
        check: fn(&str) -> bool,
    },
    Bool,
    /// Text of a form of its own.
    Form {
        text: &'static str,
        check: fn(&str) -> bool,
    },
}

impl Setting {
    /// The value that a typed text stands for: a TOML value, else the text itself. None if neither is allowed.
    pub fn value_of(&self, text: &str) -> Option<Value> {
        // A folder may be called 2024, which as TOML is a number.
        let readings = toml_value(text).into_iter().chain([Value::String(text.to_owned())]);
        readings.into_iter().find(|value| self.allowed.accepts(value))
    }
}

/// A TOML value, or nothing.
pub(super) fn toml_value(text: &str) -> Option<Value> {
    let mut table = format!("value = {text}").parse::<toml::Table>().ok().filter(|table| table.len() == 1)?;
    table.remove("value")
}

impl Allowed {
    /// A list of any words; the text is an example.
    pub const fn words(example: &'static str) -> Self {
        Self::Words { example, check: |_| true }
    }

    /// The values that may be chosen from, where they can be told one by one.
    pub fn choices(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::OneOf(words) => Some(words),
            Self::Bool => Some(&["true", "false"]),
            _ => None,
        }
    }

    pub fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Integer { from, to } => value.as_integer().is_some_and(|n| (*from..=*to).contains(&n)),
            Self::Number { from, to } => number(value).is_some_and(|n| n >= *from && n <= *to),
            Self::NumberAbove { above, to } => number(value).is_some_and(|n| n > *above && n <= *to),
            Self::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Self::Path => value.as_str().is_some_and(|text| !text.is_empty() && !text.contains('\0')),
            Self::Words { check, .. } => {
                let is_word = |word: &Value| word.as_str().is_some_and(check);
                value.as_array().is_some_and(|words| words.iter().all(is_word))
            }
            Self::Bool => value.is_bool(),
            Self::Form { check, .. } => value.as_str().is_some_and(check),
        }
    }
}

/// A whole number serves where a fraction may stand. NaN fails every comparison above, so it is never accepted.
fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { from, to } if *to == i64::MAX => {
                write!(f, "a whole number from {from}")
            }
            Self::Integer { from, to } => write!(f, "a whole number from {from} to {to}"),
            Self::Number { from, to } => write!(f, "a number from {from} to {to}"),
            Self::NumberAbove { above, to } => write!(f, "a number above {above}, up to {to}"),
            Self::OneOf(words) => match words {
                [one] => write!(f, "\"{one}\""),
                [first @ .., last] => {
                    let first: Vec<String> = first.iter().map(|word| format!("\"{word}\"")).collect();
                    write!(f, "{} or \"{last}\"", first.join(", "))
                }
                [] => f.write_str("nothing"),
            },
            Self::Path => f.write_str("a path"),
            Self::Words { example, .. } => write!(f, "a list of words, such as {example}"),
            Self::Bool => f.write_str("true or false"),
            Self::Form { text, .. } => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_to_their_range() {
        let rate = Allowed::NumberAbove { above: 0.0, to: 10.0 };
        for good in [Value::Float(0.1), Value::Integer(10)] {
            assert!(rate.accepts(&good), "{good}");
        }
        let bad = [
            Value::Float(0.0),
            Value::Float(-1.0),
            Value::Float(f64::NAN),
            Value::Float(f64::INFINITY),
            Value::Integer(11),
            Value::String("0.1".into()),
        ];
        for bad in bad {
            assert!(!rate.accepts(&bad), "{bad}");
        }
        let epochs = Allowed::Integer { from: 1, to: 3 };
        assert!(epochs.accepts(&Value::Integer(3)));
        assert!(!epochs.accepts(&Value::Integer(4)) && !epochs.accepts(&Value::Float(2.0)));
    }

    #[test]
    fn a_typed_text_is_a_value_of_the_kind_that_is_allowed() {
        let setting = |allowed| Setting { key: "k", meaning: "", allowed, default: DefaultValue::Fixed };
        let path = setting(Allowed::Path);
        assert_eq!(path.value_of("2024"), Some(Value::String("2024".into())));
        assert_eq!(path.value_of("\"a b\""), Some(Value::String("a b".into())));
        let count = setting(Allowed::Integer { from: 1, to: 9 });
        assert_eq!(count.value_of("7"), Some(Value::Integer(7)));
        assert_eq!([count.value_of("0"), count.value_of("x"), count.value_of("7\nb = 1")], [None, None, None]);
        assert_eq!(setting(Allowed::Bool).allowed.choices(), Some(&["true", "false"][..]));
    }

    #[test]
    fn what_is_allowed_reads_as_a_phrase() {
        assert_eq!(Allowed::Integer { from: 1, to: 9 }.to_string(), "a whole number from 1 to 9");
        assert_eq!(Allowed::OneOf(&["a", "b", "c"]).to_string(), r#""a", "b" or "c""#);
        assert_eq!(Allowed::NumberAbove { above: 0.0, to: 1.0 }.to_string(), "a number above 0, up to 1");
    }
}
