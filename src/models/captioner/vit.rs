//! The vision transformer: pictures to tokens that know of each other.
//!
//! Sources: Dosovitskiy et al. 2021 ("An Image is Worth 16x16 Words", section 3.1); transformers' `ViTModel`, whose numbers
//! it matches; the stem follows Xiao et al. 2021.

use super::parts::{Attend, Drops, Maker, Mlp, SelfBlock, dropped};
use super::settings::{Patches, Stage, VitSettings};
use crate::nn::{BatchNorm, Conv, LayerNorm, Linear, Module, Role, Scope, Visitor};
use crate::ops::{Activation, Attention, Backend, Conv2d, Image, Matrix, Tokens, host::read};
use dfdx::prelude::*;
use rayon::prelude::*;

/// Pictures `(B, H, W, C)` to tokens `(B, N, width)`, the class token, if there is one, in front.
#[derive(Clone, Debug)]
pub struct Vit<D: Backend> {
    settings: VitSettings,
    class: Option<Matrix<D>>,
    positions: Matrix<D>,
    patches: Patcher<D>,
    layers: Vec<SelfBlock<D>>,
    norm: LayerNorm<D>,
}

impl<D: Backend> Vit<D> {
    /// # Errors
    /// When the device is out of memory.
    pub(super) fn new(make: &Maker<D>, settings: &VitSettings) -> Result<Self, D::Err> {
        let class = settings.class_token.then(|| make.table("encoder.class", 1, settings.width));
        let layers = (0..settings.layers).map(|index| block(make, settings, index));
        Ok(Self {
            class: class.transpose()?,
            positions: make.table("encoder.positions", settings.tokens(), settings.width)?,
            patches: Patcher::new(make, settings)?,
            layers: layers.collect::<Result<_, _>>()?,
            norm: LayerNorm::new(make.device, settings.width, settings.eps)?,
            settings: settings.clone(),
        })
    }

    /// The training pass: a stem's norms use the batch's moments and learn the running ones.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the pictures have another size than the settings say.
    pub fn train<T: Tape<f32, D>>(&mut self, x: Image<D>, drops: Option<Drops>) -> Result<Tokens<D, T>, D::Err> {
        self.check(&x);
        let patches = self.patches.train(x)?;
        self.transform(self.embed(patches, drops)?, drops)
    }

    /// The inference pass: every picture by itself.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the pictures have another size than the settings say.
    pub fn infer(&self, x: Image<D>) -> Result<Tokens<D>, D::Err> {
        self.check(&x);
        self.transform(self.embed(self.patches.infer(x)?, None)?, None)
    }

    fn check(&self, x: &Image<D>) {
        let &(_, height, width, channels) = x.shape();
        let due = (self.settings.image, self.settings.channels);
        assert!(([height, width], channels) == due, "ViT: pictures of another size");
    }

    /// `patches (B, P, width)` with the class token before and a position in each.
    fn embed<T: Tape<f32, D>>(&self, patches: Tokens<D, T>, drops: Option<Drops>) -> Result<Tokens<D, T>, D::Err> {
        let batch = patches.shape().0;
        let tokens = match &self.class {
            Some(class) => {
                let class = D::embed(class.retaped::<T>(), &vec![0; batch], (batch, 1))?;
                D::concat_tokens(class, patches)?
            }
            None => patches,
        };
        dropped(D::add_positions(tokens, &self.positions, 0)?, self.settings.dropout, drops, "encoder.embedding")
    }

    fn transform<T: Tape<f32, D>>(&self, mut x: Tokens<D, T>, drops: Option<Drops>) -> Result<Tokens<D, T>, D::Err> {
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, self.settings.dropout, drops, &format!("encoder.{index}"))?;
        }
        self.norm.forward(x)
    }
}

#[cfg(test)]
impl Vit<Cpu> {
    /// Tokens before the first block and behind each, and behind the last norm: what transformers calls hidden states.
    pub(super) fn states(&self, x: Image<Cpu>) -> (Vec<Tokens<Cpu>>, Tokens<Cpu>) {
        let mut states = vec![self.embed(self.patches.infer(x).unwrap(), None).unwrap()];
        for layer in &self.layers {
            states.push(layer.forward(states[states.len() - 1].clone(), 0.0, None, "").unwrap());
        }
        let last = self.norm.forward(states[states.len() - 1].clone()).unwrap();
        (states, last)
    }
}

fn block<D: Backend>(make: &Maker<D>, settings: &VitSettings, index: usize) -> Result<SelfBlock<D>, D::Err> {
    let &VitSettings { width, heads, inner, qkv_bias, activation, eps, layers, .. } = settings;
    let (name, gain) = (format!("encoder.layer.{index}"), Maker::<D>::residual_gain(2 * layers));
    let spec = Attention { heads, causal: false, scale: None };
    let norm = || LayerNorm::new(make.device, width, eps);
    let attention = Attend::new(make, &format!("{name}.attention"), width, spec, qkv_bias, gain)?;
    let mlp = Mlp::new(make, &format!("{name}.mlp"), (width, inner), activation, gain)?;
    Ok(SelfBlock::new([norm()?, norm()?], attention, mlp))
}

impl<D: Backend> Module<D> for Vit<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        if let Some(class) = &mut self.class {
            visitor.visit(scope.child("class").name(), Role::Bias, class)?;
        }
        visitor.visit(scope.child("positions").name(), Role::Bias, &mut self.positions)?;
        self.patches.walk(scope, visitor)?;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.walk(&scope.child("layer").child(&index.to_string()), visitor)?;
        }
        self.norm.walk(&scope.child("norm"), visitor)
    }
}

/// Pixels to tokens.
#[derive(Clone, Debug)]
enum Patcher<D: Backend> {
    /// Rectangles of this height and width.
    Plain([usize; 2], Linear<D>),
    Stem(Vec<(Conv<D>, BatchNorm<D>)>),
}

impl<D: Backend> Patcher<D> {
    fn new(make: &Maker<D>, settings: &VitSettings) -> Result<Self, D::Err> {
        match &settings.patches {
            Patches::Plain(side) => {
                let inputs = side[0] * side[1] * settings.channels;
                let linear = make.linear("encoder.patches", (inputs, settings.width), true, 1.0)?;
                Ok(Self::Plain(*side, linear))
            }
            Patches::Stem(stages) => {
                let inputs = std::iter::once(settings.channels).chain(stages.iter().map(|stage| stage.channels));
                let layers = inputs.zip(stages).enumerate().map(|(index, (inputs, stage))| {
                    let norm = BatchNorm::new(make.device, stage.channels, Activation::Gelu)?;
                    Ok((convolution(make, index, inputs, *stage)?, norm))
                });
                Ok(Self::Stem(layers.collect::<Result<_, _>>()?))
            }
        }
    }

    fn train<T: Tape<f32, D>>(&mut self, x: Image<D>) -> Result<Tokens<D, T>, D::Err> {
        match self {
            Self::Plain(side, linear) => linear.forward_tokens(rectangles(&x, *side)?.put_tape(T::default())),
            Self::Stem(stages) => {
                let mut x = x.put_tape(T::default());
                for (conv, norm) in stages {
                    x = norm.train(conv.forward(x)?)?;
                }
                as_tokens(x)
            }
        }
    }

    fn infer(&self, mut x: Image<D>) -> Result<Tokens<D>, D::Err> {
        match self {
            Self::Plain(side, linear) => linear.forward_tokens(rectangles(&x, *side)?),
            Self::Stem(stages) => {
                for (conv, norm) in stages {
                    x = norm.infer(conv.forward(x)?)?;
                }
                as_tokens(x)
            }
        }
    }
}

/// No bias: the norm behind it has one.
fn convolution<D: Backend>(make: &Maker<D>, index: usize, inputs: usize, stage: Stage) -> Result<Conv<D>, D::Err> {
    let window = 9 * inputs;
    // What a ReLU or GELU halves is doubled before it (He et al. 2015, equation 10).
    let deviation = (2.0 / window as f32).sqrt();
    let weight = make.draw(&format!("encoder.stem.{index}"), stage.channels * window, deviation);
    Ok(Conv {
        weight: make.device.try_tensor_from_vec(weight, (stage.channels, 3, 3, inputs))?,
        bias: None,
        spec: Conv2d { pad: 1, pool: stage.pool, no_input_gradient: index == 0, ..Conv2d::default() },
    })
}

fn as_tokens<D: Backend, T: Tape<f32, D>>(x: Image<D, T>) -> Result<Tokens<D, T>, D::Err> {
    let &(batch, height, width, channels) = x.shape();
    x.try_reshape_like(&(batch, height * width, channels))
}

/// `x (B, H, W, C)` to `(B, H / h * W / w, h w C)`: rectangles of `side = [h, w]` row by row, and their pixels row by row.
fn rectangles<D: Backend>(x: &Image<D>, side: [usize; 2]) -> Result<Tokens<D>, D::Err> {
    let &(batch, height, width, channels) = x.shape();
    let ([h, w], pixels) = (side, read(x));
    let (row, band) = (width * channels, h * width * channels);
    let (columns, line) = (width / w, w * channels);
    let mut numbers = vec![0.0; pixels.len()];
    // A band of rows holds the same numbers as its rectangles.
    numbers.par_chunks_mut(band).zip(pixels.par_chunks(band)).for_each(|(rectangles, band)| {
        for (column, rectangle) in rectangles.chunks_exact_mut(h * line).enumerate() {
            for (to, from) in rectangle.chunks_exact_mut(line).zip(band.chunks_exact(row)) {
                to.copy_from_slice(&from[column * line..][..line]);
            }
        }
    });
    x.device().try_tensor_from_vec(numbers, (batch, height / h * columns, h * line))
}

impl<D: Backend> Module<D> for Patcher<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        match self {
            Self::Plain(_, linear) => linear.walk(&scope.child("patches"), visitor),
            Self::Stem(stages) => stages.iter_mut().enumerate().try_for_each(|(index, (conv, norm))| {
                let scope = scope.child("stem").child(&index.to_string());
                conv.walk(&scope.child("conv"), visitor)?;
                norm.walk(&scope.child("norm"), visitor)
            }),
        }
    }
}
