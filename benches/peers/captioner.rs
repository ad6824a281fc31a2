//! The captioner's step: teacher forcing of captions of given tokens, smoothed cross-entropy, clipped AdamW.

use super::{Fallible, SIDE, Shown, Training, label_tensor, numbers};
use dfdx::prelude::*;
use pixscribe::models::captioner::{
    Captioner, CaptionerSettings, EyesSettings, Gpt2Settings, Lesson, Sight, VitSettings,
};
use pixscribe::nn::checkpoint::TensorFile;
use pixscribe::nn::{Adam, AdamConfig};
use pixscribe::ops::random::Stream;
use pixscribe::ops::{CrossEntropyOp, Image, Matrix};
use pixscribe::train::gradient;

/// Those of `pixscribe train captioner`.
const WIDTH: usize = 96;
const LAYERS: usize = 4;
const HEADS: usize = 6;
const DECODER_LAYERS: usize = 2;
const VOCABULARY: usize = 512;
const POSITIONS: usize = 96;
const CLIP_NORM: f64 = 1.0;
const SMOOTHING: f32 = 0.1;
const LEARNING_RATE: f32 = 1e-3;
/// A large eps: a step of Adam would else be the sign of a gradient, which is nobody's business where it is nearly zero.
const ADAM: AdamConfig = AdamConfig { beta1: 0.9, beta2: 0.999, eps: 1e-3, weight_decay: 0.05 };
/// Tokens of the shortest and of the longest caption; measured ones have about as many.
const SHORTEST: u64 = 12;
const LONGEST: u64 = 26;
/// In the place of a target behind a caption's end, as PyTorch has it.
const NO_TARGET: f32 = -100.0;

pub struct CaptionerTraining {
    net: Captioner<Cpu>,
    adam: Adam<Cpu>,
    /// `(B, 32, 32, 3)`.
    x: Image<Cpu>,
    lesson: Lesson,
}

impl CaptionerTraining {
    pub fn new(count: usize) -> Fallible<Self> {
        let device = Cpu::default();
        let eyes = EyesSettings::Vit(VitSettings::with_stem(WIDTH, LAYERS, HEADS));
        let decoder = Gpt2Settings::new(VOCABULARY, POSITIONS, WIDTH, DECODER_LAYERS, HEADS);
        let (lengths, words) = (Stream::new(7, "lengths", 0), Stream::new(7, "words", 0));
        let captions: Vec<Vec<u32>> = (0..count as u64)
            .map(|i| {
                let length = SHORTEST + lengths.below(i, LONGEST - SHORTEST + 1);
                (0..length).map(|at| words.below(i * LONGEST + at, VOCABULARY as u64) as u32).collect()
            })
            .collect();
        let lesson = Lesson::new(&captions, 0, 0, &decoder)?;
        let mut net = Captioner::new(&device, CaptionerSettings { eyes, decoder }, Some(7))?;
        let x = device.tensor_from_vec(numbers("batch", count * SIDE * SIDE * 3), (count, SIDE, SIDE, 3));
        Ok(Self { adam: Adam::new(ADAM, &mut net)?, net, x, lesson })
    }

    fn learn(&mut self) -> Fallible<Matrix<Cpu>> {
        let sight = Sight::Pictures(self.x.clone());
        let logits = self.net.train::<OwnedTape<f32, Cpu>>(sight, &self.lesson, None)?;
        let said = logits.retaped::<NoneTape>();
        let gradients = Cpu::cross_entropy_tokens(logits, &self.lesson.targets, None, SMOOTHING)?.try_backward()?;
        let scale = (CLIP_NORM / gradient::norm(&mut self.net, &gradients)).min(1.0) as f32;
        self.adam.scaled_step(&mut self.net, &gradients, scale, LEARNING_RATE)?;
        Ok(said)
    }
}

impl Training for CaptionerTraining {
    fn step(&mut self) -> Fallible<()> {
        self.learn().map(drop)
    }

    fn step_said(&mut self, file: &mut TensorFile) -> Fallible<()> {
        file.collect("said", &mut Shown("logits", self.learn()?));
        Ok(())
    }

    fn collect(&mut self, prefix: &str, file: &mut TensorFile) {
        file.collect(prefix, &mut self.net);
    }

    fn describe(&mut self, file: &mut TensorFile) {
        let targets: Vec<f32> =
            self.lesson.targets.iter().map(|target| target.map_or(NO_TARGET, |token| token as f32)).collect();
        let targets = Cpu::default().tensor_from_vec(targets, (self.lesson.targets.len(),));
        file.collect("batch", &mut Shown("x", self.x.clone()));
        file.collect("batch", &mut Shown("inputs", label_tensor(&self.lesson.inputs)));
        file.collect("batch", &mut Shown("targets", targets));
        for (name, value) in [
            ("width", WIDTH as f32),
            ("layers", LAYERS as f32),
            ("heads", HEADS as f32),
            ("decoder_layers", DECODER_LAYERS as f32),
            ("vocabulary", VOCABULARY as f32),
            ("positions", POSITIONS as f32),
            ("clip_norm", CLIP_NORM as f32),
            ("smoothing", SMOOTHING),
            ("learning_rate", LEARNING_RATE),
            ("beta1", ADAM.beta1),
            ("beta2", ADAM.beta2),
            ("eps", ADAM.eps),
            ("weight_decay", ADAM.weight_decay),
        ] {
            file.meta.insert(name.to_owned(), f64::from(value).into());
        }
    }
}
