//! What a GAN's training logs: the names, and the sums that an epoch's means are made of.

use super::super::classification::{Values, def};
use crate::run::MetricDef;
use serde_json::{Value, json};

/// Logged at each step, and as the epoch's mean: name, unit, which direction is better. `d/loss` is the hinge loss
/// alone (2 when the discriminator cannot tell), `d/real` and `d/fake` are its mean scores, `g/loss` is the mean score
/// of made pictures turned round, the `label/` ones are what the label head says.
const MEANS: &[(&str, &str, Option<bool>)] = &[
    ("d/loss", "", None),
    ("g/loss", "", None),
    ("d/real", "", None),
    ("d/fake", "", None),
    ("label/loss", "nats", Some(false)),
    ("label/real_accuracy", "%", Some(true)),
    ("label/fake_loss", "nats", Some(false)),
    ("label/fake_accuracy", "%", Some(true)),
    ("d/gradient", "", None),
    ("g/gradient", "", None),
];

/// Every metric of training itself.
pub fn metric_defs() -> Vec<MetricDef> {
    let mut defs: Vec<MetricDef> = MEANS.iter().map(|(name, unit, better)| def(name, unit, *better)).collect();
    defs.push(def("d/lr", "", None));
    defs.push(def("g/lr", "", None));
    defs.push(def("train/images_per_s", "images/s", Some(true)));
    defs.extend(MEANS.iter().map(|(name, unit, better)| def(&of_epoch(name), unit, *better)));
    defs
}

/// `d/loss` is `d/epoch_loss` as the mean of an epoch.
fn of_epoch(name: &str) -> String {
    name.replacen('/', "/epoch_", 1)
}

/// Sums over the steps of an epoch, in the order of the steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    steps: u64,
    sums: Values,
}

impl Sums {
    /// Takes in a step's values; those that are no means are left out.
    pub fn add(&mut self, values: &Values) {
        self.steps += 1;
        for (name, value) in values.iter().filter(|(name, _)| MEANS.iter().any(|mean| mean.0 == name.as_str())) {
            *self.sums.entry(name.clone()).or_default() += value;
        }
    }

    /// The means, under their names as an epoch's.
    pub fn means(&self) -> Values {
        self.sums.iter().map(|(name, sum)| (of_epoch(name), sum / self.steps as f64)).collect()
    }

    /// For a checkpoint: exact to the bit.
    pub fn to_json(&self) -> Value {
        let bits: serde_json::Map<String, Value> =
            self.sums.iter().map(|(name, sum)| (name.clone(), sum.to_bits().into())).collect();
        json!({ "steps": self.steps, "bits": bits })
    }

    /// From a checkpoint; what is not there counts as zero.
    pub fn from_json(value: &Value) -> Self {
        let bits = value.get("bits").and_then(Value::as_object);
        let sums =
            bits.into_iter().flatten().filter_map(|(name, bits)| Some((name.clone(), f64::from_bits(bits.as_u64()?))));
        Self { steps: value.get("steps").and_then(Value::as_u64).unwrap_or(0), sums: sums.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_s_means_survive_a_checkpoint_bit_for_bit() {
        let mut sums = Sums::default();
        for loss in [0.1, 0.2, 0.4] {
            sums.add(&Values::from([("d/loss".to_owned(), loss), ("d/lr".to_owned(), 1.0)]));
        }
        let text = sums.to_json().to_string();
        let again = Sums::from_json(&serde_json::from_str(&text).unwrap());
        assert_eq!(again, sums);
        assert_eq!(again.means(), Values::from([("d/epoch_loss".to_owned(), (0.1 + 0.2 + 0.4) / 3.0)]));
    }

    #[test]
    fn every_mean_is_defined() {
        let defs = metric_defs();
        let is_defined = |name: &str| defs.iter().any(|def| def.name == name);
        assert!(MEANS.iter().all(|(name, ..)| is_defined(name) && is_defined(&of_epoch(name))));
    }
}
