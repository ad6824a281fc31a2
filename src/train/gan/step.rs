//! One step of a GAN: the discriminator learns, then the generator learns from it.

use super::super::classification::{Values, count_correct};
use super::super::error::TrainError;
use super::super::gradient;
use super::super::made::noise;
use super::super::trained::image;
use super::{GanRecipe, draws};
use crate::data::augment::Batch;
use crate::models::Generator;
use crate::nn::Module;
use crate::ops::random::Stream;
use crate::ops::{Backend, Image, cross_entropy, hinge, host::read};
use dfdx::prelude::*;

/// What to try when numbers are no longer finite.
const TRY: &str = "try a lower learning_rate_d and learning_rate_g, or another seed";

impl<D: Backend> GanRecipe<D> {
    /// Both nets learn from one batch. The generator draws once: its pictures are judged twice, and the same noise
    /// serves both nets, which saves a third of its work and changes nothing that either of them could tell.
    pub(super) fn duel(&mut self, batch: Batch, step: u64) -> Result<Values, TrainError> {
        let (labels, count) = (batch.y.as_slice(), batch.y.len());
        self.discriminator.iterate_norms().map_err(TrainError::device)?;
        let length = Generator::<D>::NOISE;
        let drawn = noise(&Stream::new(self.config.seed, "gan.noise", step), length, 0..count);
        let noise = self.device.try_tensor_from_vec(drawn, (count, length)).map_err(TrainError::device)?;
        let made = self.generator.train(noise.leaky_traced(), labels).map_err(TrainError::device)?;
        let (made, tape) = made.split_tape();

        let real = self.moved(image(&self.device, batch.x)?, "gan.shift.real", step)?;
        let shown = self.moved(made.clone(), "gan.shift.made", step)?;
        let mut values = self.discriminator_step(real, shown, labels, step)?;
        let shown = self.moved(made.put_tape(tape), "gan.shift.generator", step)?;
        values.extend(self.generator_step(shown, labels, step)?);

        self.discriminator_average.update_at(&mut self.discriminator, step).map_err(TrainError::device)?;
        self.generator_average.update_at(&mut self.generator, step).map_err(TrainError::device)?;
        Ok(values)
    }

    /// The label head and its trunk learn from real pictures alone.
    pub(super) fn learn_labels(&mut self, batch: Batch, step: u64) -> Result<Values, TrainError> {
        self.discriminator.iterate_norms().map_err(TrainError::device)?;
        let labels = batch.y.as_slice();
        let real = self.moved(image(&self.device, batch.x)?, "gan.shift.real", step)?;
        let verdict = self.discriminator.study(real.leaky_traced(), labels).map_err(TrainError::device)?;
        let right = count_correct(&read(&verdict.logits), labels);
        // The score carries the trunk's tape; counted with zero it teaches nothing.
        let score = verdict.realness.try_mean::<Rank0, _>().and_then(|score| score.try_mul(0.0));
        let score = score.map_err(TrainError::device)?;
        let names = cross_entropy(verdict.logits, labels, 0.0).map_err(TrainError::device)?;
        let label_loss = finite("the label loss", read(&names)[0], step)?;
        let gradients = names.try_add(score).and_then(|loss| loss.try_backward()).map_err(TrainError::device)?;
        let gradient = finite_norm("the gradient", &mut self.discriminator, &gradients, step)?;
        let [rate, _] = self.rates(step);
        self.discriminator_adam.step(&mut self.discriminator, &gradients, rate as f32).map_err(TrainError::device)?;
        self.discriminator_average.update_at(&mut self.discriminator, step).map_err(TrainError::device)?;
        Ok(named([
            ("label/loss", label_loss),
            ("label/real_accuracy", right as f64 / labels.len() as f64),
            ("d/gradient", gradient),
            ("d/lr", rate),
        ]))
    }

    /// Real pictures are to score above 1 and be named right, made ones below -1.
    fn discriminator_step(
        &mut self,
        real: Image<D>,
        made: Image<D>,
        labels: &[usize],
        step: u64,
    ) -> Result<Values, TrainError> {
        let on_real = self.discriminator.study(real.leaky_traced(), labels).map_err(TrainError::device)?;
        let on_made = self.discriminator.suspect(made.leaky_traced(), labels).map_err(TrainError::device)?;
        // A hinge may hide a NaN, a mean does not.
        let score = |scores: &[f32]| finite("a score of the discriminator", mean(scores) as f32, step);
        let scores = [score(&read(&on_real.realness))?, score(&read(&on_made))?];
        let right = count_correct(&read(&on_real.logits), labels);
        let names = cross_entropy(on_real.logits, labels, 0.0).map_err(TrainError::device)?;
        let label_loss = finite("the discriminator's label loss", read(&names)[0], step)?;
        let duel = hinge::discriminator(on_real.realness, on_made).map_err(TrainError::device)?;
        let hinge_loss = finite("the discriminator's loss", read(&duel)[0], step)?;
        let names = names.try_mul(self.config.label_weight_real as f32).map_err(TrainError::device)?;
        let gradients = duel.try_add(names).and_then(|loss| loss.try_backward()).map_err(TrainError::device)?;
        let gradient = finite_norm("the discriminator's gradient", &mut self.discriminator, &gradients, step)?;
        let [rate, _] = self.rates(step);
        self.discriminator_adam.step(&mut self.discriminator, &gradients, rate as f32).map_err(TrainError::device)?;
        Ok(named([
            ("d/loss", hinge_loss),
            ("d/real", scores[0]),
            ("d/fake", scores[1]),
            ("label/loss", label_loss),
            ("label/real_accuracy", right as f64 / labels.len() as f64),
            ("d/gradient", gradient),
            ("d/lr", rate),
        ]))
    }

    /// Made pictures are to score high and be named as they were asked for.
    fn generator_step(
        &mut self,
        made: Image<D, OwnedTape<f32, D>>,
        labels: &[usize],
        step: u64,
    ) -> Result<Values, TrainError> {
        let verdict = self.discriminator.judge(made, labels).map_err(TrainError::device)?;
        let right = count_correct(&read(&verdict.logits), labels);
        let names = cross_entropy(verdict.logits, labels, 0.0).map_err(TrainError::device)?;
        let label_loss = finite("the generator's label loss", read(&names)[0], step)?;
        let duel = hinge::generator(verdict.realness).map_err(TrainError::device)?;
        let loss = finite("the generator's loss", read(&duel)[0], step)?;
        let names = names.try_mul(self.config.label_weight_fake as f32).map_err(TrainError::device)?;
        let gradients = duel.try_add(names).and_then(|loss| loss.try_backward()).map_err(TrainError::device)?;
        let gradient = finite_norm("the generator's gradient", &mut self.generator, &gradients, step)?;
        let [_, rate] = self.rates(step);
        self.generator_adam.step(&mut self.generator, &gradients, rate as f32).map_err(TrainError::device)?;
        Ok(named([
            ("g/loss", loss),
            ("label/fake_loss", label_loss),
            ("label/fake_accuracy", right as f64 / labels.len() as f64),
            ("g/gradient", gradient),
            ("g/lr", rate),
        ]))
    }

    /// Pictures, each moved by a shift of its own; `purpose` tells the draws of a step apart.
    fn moved<T: Tape<f32, D>>(&self, x: Image<D, T>, purpose: &str, step: u64) -> Result<Image<D, T>, TrainError> {
        if self.config.shift == 0 {
            return Ok(x);
        }
        let stream = Stream::new(self.config.seed, purpose, step);
        let shifts = draws::shifts(&stream, x.shape().0, self.config.shift);
        D::translate(x, &shifts).map_err(TrainError::device)
    }
}

fn named<const N: usize>(values: [(&str, f64); N]) -> Values {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
}

fn finite(what: &'static str, value: f32, step: u64) -> Result<f64, TrainError> {
    let value = f64::from(value);
    if value.is_finite() { Ok(value) } else { Err(TrainError::Diverged { what, value, step, advice: TRY }) }
}

/// The norm of a module's gradients, which no number may spoil.
fn finite_norm<D: Backend>(
    what: &'static str,
    module: &mut impl Module<D>,
    gradients: &Gradients<f32, D>,
    step: u64,
) -> Result<f64, TrainError> {
    finite(what, gradient::norm(module, gradients) as f32, step)
}
