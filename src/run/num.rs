//! A number that survives JSON: "nan", "inf" and "-inf" are what one looks for when a run diverges.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// An `f64` whose non-finite values are written as the strings `"nan"`, `"inf"` and `"-inf"`.
///
/// Two NaNs are equal here: they say the same in a log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Num(pub f64);

impl Num {
    /// The plain number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Neither NaN nor infinite.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }
}

impl PartialEq for Num {
    fn eq(&self, other: &Num) -> bool {
        self.0 == other.0 || (self.0.is_nan() && other.0.is_nan())
    }
}

impl From<f64> for Num {
    fn from(value: f64) -> Num {
        Num(value)
    }
}

impl From<f32> for Num {
    /// The shortest decimal that reads back as the same `f32`, so that 0.1 is logged as 0.1.
    fn from(value: f32) -> Num {
        Num(value.to_string().parse().unwrap_or(f64::from(value)))
    }
}

impl From<Num> for f64 {
    fn from(value: Num) -> f64 {
        value.0
    }
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match non_finite_name(self.0) {
            Some(name) => f.pad(name),
            None => self.0.fmt(f),
        }
    }
}

fn non_finite_name(value: f64) -> Option<&'static str> {
    match value {
        v if v.is_nan() => Some("nan"),
        f64::INFINITY => Some("inf"),
        f64::NEG_INFINITY => Some("-inf"),
        _ => None,
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match non_finite_name(self.0) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Num, D::Error> {
        deserializer.deserialize_any(NumVisitor).map(Num)
    }
}

struct NumVisitor;

impl Visitor<'_> for NumVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"nan\", \"inf\" or \"-inf\"")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<f64, E> {
        match text {
            "nan" => Ok(f64::NAN),
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    // serde_json's own writing of NaN, met in logs that other tools wrote.
    fn visit_unit<E: de::Error>(self) -> Result<f64, E> {
        Ok(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_finite_values_are_strings_and_come_back() {
        for (value, json) in [
            (f64::NAN, "\"nan\""),
            (f64::INFINITY, "\"inf\""),
            (f64::NEG_INFINITY, "\"-inf\""),
            (0.5, "0.5"),
            (-3.0, "-3.0"),
        ] {
            assert_eq!(serde_json::to_string(&Num(value)).unwrap(), json);
            assert_eq!(serde_json::from_str::<Num>(json).unwrap(), Num(value));
        }
    }

    #[test]
    fn integers_and_null_are_read_and_other_words_refused() {
        assert_eq!(serde_json::from_str::<Num>("7").unwrap(), Num(7.0));
        assert_eq!(serde_json::from_str::<Num>("null").unwrap(), Num(f64::NAN));
        assert!(serde_json::from_str::<Num>("\"many\"").is_err());
    }

    #[test]
    fn a_single_precision_value_keeps_its_short_form() {
        assert_eq!(Num::from(0.1f32).to_string(), "0.1");
        assert_eq!(Num::from(f32::NAN), Num(f64::NAN));
        assert_eq!(Num::from(f32::NEG_INFINITY), Num(f64::NEG_INFINITY));
        assert_eq!(format!("{:.2}|{:>5}", Num(1.0), Num(f64::NAN)), "1.00|  nan");
    }
}
