//! A captioner's tensors under the names and in the layouts of a Hugging Face folder (`VisionEncoderDecoderModel` of ViT
//! and GPT-2), for reading weights and for writing them.

use super::Captioner;
use super::settings::{CaptionerSettings, EyesSettings, Gpt2Settings, Patches, VitSettings};
use crate::nn::{Module, Role, Scope, Visitor};
use crate::ops::{Backend, host::read};
use dfdx::prelude::{HasShape, Shape, Tensor};
use std::collections::BTreeMap;

/// One tensor of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub name: String,
    pub shape: Vec<usize>,
    pub layout: Layout,
    /// Our tensors that it holds, one after the other and equally long.
    pub parts: Vec<String>,
}

/// How a tensor lies there and here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The same numbers in a row.
    Same,
    /// `[inputs, outputs]` there, `(outputs, inputs)` here: GPT-2's `Conv1D`.
    Transposed,
    /// `[O, C, h, w]` there, `(O, h, w, C)` here: the patches' convolution.
    ChannelsFirst,
}

/// Why a captioner and a folder do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamesError {
    #[error("a captioner with {what} has no Hugging Face form: only a ViT of plain patches with a class token has")]
    NoForm { what: &'static str },
    #[error("tensor {name} has {found} numbers, {due} are due")]
    Length { name: String, found: usize, due: usize },
    #[error("the captioner's tensor {name} has no Hugging Face name")]
    Unnamed { name: String },
    #[error("the device has no room for tensor {name}: {why}")]
    Device { name: String, why: String },
}

impl Stored {
    /// Numbers that it holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parts' numbers, one part after the other, out of those of the folder.
    ///
    /// # Errors
    /// When there are not as many numbers as the shape says.
    pub fn parted(&self, numbers: Vec<f32>) -> Result<Vec<f32>, NamesError> {
        self.check(numbers.len())?;
        Ok(self.turned(numbers, |rows, columns| (rows, columns)))
    }

    /// The folder's numbers out of the parts' ones.
    ///
    /// # Errors
    /// When there are not as many numbers as the shape says.
    pub fn joined(&self, numbers: Vec<f32>) -> Result<Vec<f32>, NamesError> {
        self.check(numbers.len())?;
        Ok(self.turned(numbers, |rows, columns| (columns, rows)))
    }

    fn check(&self, found: usize) -> Result<(), NamesError> {
        let due = self.len();
        if found == due { Ok(()) } else { Err(NamesError::Length { name: self.name.clone(), found, due }) }
    }

    /// Swaps two axes; `order` tells which of the folder's two is the outer one of `numbers`.
    fn turned(&self, numbers: Vec<f32>, order: fn(usize, usize) -> (usize, usize)) -> Vec<f32> {
        let (rows, columns) = match (self.layout, self.shape.as_slice()) {
            (Layout::Transposed, &[inputs, outputs]) => (inputs, outputs),
            (Layout::ChannelsFirst, &[_, channels, height, width]) => (channels, height * width),
            _ => return numbers,
        };
        let (rows, columns) = order(rows, columns);
        numbers.chunks_exact(rows * columns).flat_map(|block| transposed(block, columns)).collect()
    }
}

fn transposed(numbers: &[f32], columns: usize) -> impl Iterator<Item = f32> {
    (0..columns).flat_map(move |column| numbers.iter().skip(column).step_by(columns).copied())
}

/// All tensors of a folder of such a captioner, in the order of its layers.
///
/// # Errors
/// When there are no such folders.
pub fn stored(settings: &CaptionerSettings) -> Result<Vec<Stored>, NamesError> {
    let EyesSettings::Vit(vit) = &settings.eyes else {
        return Err(NamesError::NoForm { what: "borrowed eyes" });
    };
    let mut list = List(Vec::new());
    list.vit(vit)?;
    let (from, to) = (vit.width, settings.decoder.width);
    if from != to {
        list.linear("enc_to_dec_proj", "projection", [to, from], true);
    }
    list.gpt2(&settings.decoder);
    Ok(list.0)
}

struct List(Vec<Stored>);

impl List {
    fn add(&mut self, name: String, shape: &[usize], layout: Layout, parts: Vec<String>) {
        self.0.push(Stored { name, shape: shape.to_vec(), layout, parts });
    }

    fn linear(&mut self, name: &str, ours: &str, shape: [usize; 2], bias: bool) {
        self.add(format!("{name}.weight"), &shape, Layout::Same, vec![format!("{ours}.weight")]);
        if bias {
            self.add(format!("{name}.bias"), &shape[..1], Layout::Same, vec![format!("{ours}.bias")]);
        }
    }

    fn norm(&mut self, name: &str, ours: &str, width: usize) {
        for part in ["weight", "bias"] {
            self.add(format!("{name}.{part}"), &[width], Layout::Same, vec![format!("{ours}.{part}")]);
        }
    }

    /// Several linear layers of the same sizes in one.
    fn conv1d(&mut self, name: &str, ours: &[String], [inputs, outputs]: [usize; 2]) {
        let part = |part: &str| ours.iter().map(|ours| format!("{ours}.{part}")).collect();
        let all = outputs * ours.len();
        self.add(format!("{name}.weight"), &[inputs, all], Layout::Transposed, part("weight"));
        self.add(format!("{name}.bias"), &[all], Layout::Same, part("bias"));
    }

    fn vit(&mut self, vit: &VitSettings) -> Result<(), NamesError> {
        let &VitSettings { width, inner, channels, qkv_bias, .. } = vit;
        let Patches::Plain([height, columns]) = vit.patches else {
            return Err(NamesError::NoForm { what: "a convolutional stem" });
        };
        if !vit.class_token {
            return Err(NamesError::NoForm { what: "no class token" });
        }
        let top = |name: &str| format!("encoder.embeddings.{name}");
        self.add(top("cls_token"), &[1, 1, width], Layout::Same, vec!["encoder.class".into()]);
        let positions = [1, vit.tokens(), width];
        self.add(top("position_embeddings"), &positions, Layout::Same, vec!["encoder.positions".into()]);
        let projection = top("patch_embeddings.projection");
        let (weight, patches) = (format!("{projection}.weight"), "encoder.patches");
        let shape = [width, channels, height, columns];
        self.add(weight, &shape, Layout::ChannelsFirst, vec![format!("{patches}.weight")]);
        self.add(format!("{projection}.bias"), &[width], Layout::Same, vec![format!("{patches}.bias")]);
        for index in 0..vit.layers {
            let (layer, ours) = (format!("encoder.encoder.layer.{index}"), format!("encoder.layer.{index}"));
            self.norm(&format!("{layer}.layernorm_before"), &format!("{ours}.norm1"), width);
            for part in ["query", "key", "value"] {
                let name = format!("{layer}.attention.attention.{part}");
                self.linear(&name, &format!("{ours}.attention.{part}"), [width; 2], qkv_bias);
            }
            self.linear(&format!("{layer}.attention.output.dense"), &format!("{ours}.attention.out"), [width; 2], true);
            self.norm(&format!("{layer}.layernorm_after"), &format!("{ours}.norm2"), width);
            self.linear(&format!("{layer}.intermediate.dense"), &format!("{ours}.mlp.fc"), [inner, width], true);
            self.linear(&format!("{layer}.output.dense"), &format!("{ours}.mlp.proj"), [width, inner], true);
        }
        self.norm("encoder.layernorm", "encoder.norm", width);
        Ok(())
    }

    fn gpt2(&mut self, gpt2: &Gpt2Settings) {
        let &Gpt2Settings { vocabulary, positions, width, inner, tied, .. } = gpt2;
        for (name, ours, rows) in [("wte", "words", vocabulary), ("wpe", "positions", positions)] {
            let name = format!("decoder.transformer.{name}.weight");
            self.add(name, &[rows, width], Layout::Same, vec![format!("decoder.{ours}")]);
        }
        for index in 0..gpt2.layers {
            let (layer, ours) = (format!("decoder.transformer.h.{index}"), format!("decoder.layer.{index}"));
            let own = |part: &str| format!("{ours}.{part}");
            self.norm(&format!("{layer}.ln_1"), &own("norm1"), width);
            let parts = ["attention.query", "attention.key", "attention.value"].map(own);
            self.conv1d(&format!("{layer}.attn.c_attn"), &parts, [width; 2]);
            self.conv1d(&format!("{layer}.attn.c_proj"), &[own("attention.out")], [width; 2]);
            self.norm(&format!("{layer}.ln_cross_attn"), &own("norm_cross"), width);
            self.conv1d(&format!("{layer}.crossattention.q_attn"), &[own("cross.query")], [width; 2]);
            let parts = ["cross.key", "cross.value"].map(own);
            self.conv1d(&format!("{layer}.crossattention.c_attn"), &parts, [width; 2]);
            self.conv1d(&format!("{layer}.crossattention.c_proj"), &[own("cross.out")], [width; 2]);
            self.norm(&format!("{layer}.ln_2"), &own("norm2"), width);
            self.conv1d(&format!("{layer}.mlp.c_fc"), &[own("mlp.fc")], [width, inner]);
            self.conv1d(&format!("{layer}.mlp.c_proj"), &[own("mlp.proj")], [inner, width]);
        }
        self.norm("decoder.transformer.ln_f", "decoder.norm", width);
        if !tied {
            self.linear("decoder.lm_head", "decoder.head", [vocabulary, width], false);
        }
    }
}

/// Gives a captioner the numbers of a folder, tensor by tensor; `fetch` finds one under its name, in its shape.
///
/// # Errors
/// When there is no such folder, or the first error of `fetch`. The captioner may be half changed then.
pub fn load<D: Backend, E: From<NamesError>>(
    captioner: &mut Captioner<D>,
    fetch: impl FnMut(&Stored) -> Result<Vec<f32>, E>,
) -> Result<(), E> {
    let stored = stored(captioner.settings())?;
    let places = places(&stored);
    let held = BTreeMap::new();
    captioner.walk(&Scope::default(), &mut Load { stored: &stored, places: &places, held, fetch })
}

/// Gives a folder the numbers of a captioner, tensor by tensor; `put` takes one under its name, in its shape.
///
/// # Errors
/// When there is no such folder, or the first error of `put`.
pub fn save<D: Backend, E: From<NamesError>>(
    captioner: &mut Captioner<D>,
    put: impl FnMut(&Stored, Vec<f32>) -> Result<(), E>,
) -> Result<(), E> {
    let stored = stored(captioner.settings())?;
    let places = places(&stored);
    let held = BTreeMap::new();
    captioner.walk(&Scope::default(), &mut Save { stored: &stored, places: &places, held, put })
}

/// Which stored tensor holds one of ours, and as which of its parts.
type Places<'a> = BTreeMap<&'a str, (usize, usize)>;

fn places(stored: &[Stored]) -> Places<'_> {
    let mut places = Places::new();
    for (index, stored) in stored.iter().enumerate() {
        places.extend(stored.parts.iter().enumerate().map(|(part, name)| (name.as_str(), (index, part))));
    }
    places
}

fn place(places: &Places<'_>, name: &str) -> Result<(usize, usize), NamesError> {
    places.get(name).copied().ok_or_else(|| NamesError::Unnamed { name: name.to_owned() })
}

struct Load<'a, F> {
    stored: &'a [Stored],
    places: &'a Places<'a>,
    /// Tensors of which some parts are still to be asked for, with their number.
    held: BTreeMap<usize, (Vec<f32>, usize)>,
    fetch: F,
}

impl<D: Backend, E: From<NamesError>, F: FnMut(&Stored) -> Result<Vec<f32>, E>> Visitor<D> for Load<'_, F> {
    type Err = E;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), E> {
        let (index, part) = place(self.places, name)?;
        let stored = &self.stored[index];
        let (numbers, left) = match self.held.remove(&index) {
            Some(held) => held,
            None => (stored.parted((self.fetch)(stored)?)?, stored.parts.len()),
        };
        let (found, due) = (numbers.len() / stored.parts.len(), tensor.shape().num_elements());
        if found != due {
            return Err(NamesError::Length { name: name.to_owned(), found, due }.into());
        }
        if stored.parts.len() == 1 {
            // The numbers become the tensor, for the largest of them not to be in memory twice.
            let taken = tensor.device().try_tensor_from_vec(numbers, *tensor.shape());
            *tensor = taken.map_err(|why| NamesError::Device { name: name.to_owned(), why: why.to_string() })?;
            return Ok(());
        }
        tensor.copy_from(&numbers[part * due..][..due]);
        if left > 1 {
            self.held.insert(index, (numbers, left - 1));
        }
        Ok(())
    }
}

struct Save<'a, F> {
    stored: &'a [Stored],
    places: &'a Places<'a>,
    /// Parts of tensors of which not all are there, by their place.
    held: BTreeMap<usize, BTreeMap<usize, Vec<f32>>>,
    put: F,
}

impl<D: Backend, E: From<NamesError>, F: FnMut(&Stored, Vec<f32>) -> Result<(), E>> Visitor<D> for Save<'_, F> {
    type Err = E;

    fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), E> {
        let (index, part) = place(self.places, name)?;
        let stored = &self.stored[index];
        let mut parts = self.held.remove(&index).unwrap_or_default();
        parts.insert(part, read(tensor));
        if parts.len() < stored.parts.len() {
            self.held.insert(index, parts);
            return Ok(());
        }
        let numbers = stored.joined(parts.into_values().flatten().collect())?;
        (self.put)(stored, numbers)
    }
}
