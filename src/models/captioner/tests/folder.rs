//! The folders of tests/data/reference: a model that transformers made, and the numbers that it gave.

use super::super::names::{self, NamesError, Stored};
use super::super::*;
use crate::nn::{Module, Role, Scope, Visitor};
use crate::ops::{Activation, Image};
use ::safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub const NAMES: [&str; 2] = ["tiny-vit-gpt2", "other-vit-gpt2"];

/// Tensors by name: shape and numbers.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub struct Folder {
    pub config: Value,
    pub weights: Tensors,
    pub tensors: Tensors,
    pub numbers: Value,
}

impl Folder {
    pub fn open(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference").join(name);
        let json = |name: &str| serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let tensors = |name: &str| tensors(&std::fs::read(folder.join(name)).unwrap());
        Self {
            config: json("config.json"),
            weights: tensors("model.safetensors"),
            tensors: tensors("reference.safetensors"),
            numbers: json("reference.json"),
        }
    }

    pub fn captioner(&self) -> Captioner<Cpu> {
        let mut captioner = Captioner::new(&Cpu::default(), self.settings(), None).unwrap();
        names::load(&mut captioner, |stored| self.fetch(stored)).unwrap();
        captioner
    }

    fn fetch(&self, stored: &Stored) -> Result<Vec<f32>, NamesError> {
        let (shape, numbers) = &self.weights[&stored.name];
        assert_eq!(*shape, stored.shape, "{}", stored.name);
        Ok(numbers.clone())
    }

    pub fn settings(&self) -> CaptionerSettings {
        let (vit, gpt2) = (&self.config["encoder"], &self.config["decoder"]);
        let plain = VitSettings::plain(
            size(&vit["image_size"]),
            size(&vit["patch_size"]),
            size(&vit["hidden_size"]),
            size(&vit["num_hidden_layers"]),
            size(&vit["num_attention_heads"]),
        );
        let vit = VitSettings {
            inner: size(&vit["intermediate_size"]),
            qkv_bias: vit["qkv_bias"] == true,
            activation: activation(&vit["hidden_act"]),
            eps: vit["layer_norm_eps"].as_f64().unwrap() as f32,
            ..plain
        };
        let like = Gpt2Settings::new(
            size(&gpt2["vocab_size"]),
            size(&gpt2["n_positions"]),
            size(&gpt2["n_embd"]),
            size(&gpt2["n_layer"]),
            size(&gpt2["n_head"]),
        );
        let decoder = Gpt2Settings {
            inner: gpt2["n_inner"].as_u64().map_or(like.inner, |inner| inner as usize),
            activation: activation(&gpt2["activation_function"]),
            eps: gpt2["layer_norm_epsilon"].as_f64().unwrap() as f32,
            scaled: gpt2["scale_attn_weights"] == true,
            scaled_by_layer: gpt2["scale_attn_by_inverse_layer_idx"] == true,
            tied: gpt2["tie_word_embeddings"] == true,
            ..like
        };
        CaptionerSettings { eyes: EyesSettings::Vit(vit), decoder }
    }

    /// The reference's numbers of this name.
    pub fn due(&self, name: &str) -> &[f32] {
        &self.tensors[name].1
    }

    /// Numbers that are no tensors.
    pub fn due_list(&self, name: &str) -> Vec<f32> {
        self.numbers[name].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
    }

    /// The reference's pictures, channels last.
    pub fn pictures(&self) -> Image<Cpu> {
        let (shape, numbers) = &self.tensors["pixel_values"];
        let &[batch, channels, height, width] = shape.as_slice() else { panic!("four axes") };
        let area = height * width;
        let pixels = numbers.chunks(channels * area).flat_map(|picture| {
            (0..area).flat_map(move |pixel| (0..channels).map(move |channel| picture[channel * area + pixel]))
        });
        Cpu::default().tensor_from_vec(pixels.collect(), (batch, height, width, channels))
    }

    /// The tokens that the reference's logits stand behind.
    pub fn prefix(&self) -> Vec<usize> {
        self.due("prefix_ids").iter().map(|&id| id as usize).collect()
    }

    /// Label ids without what is not counted.
    pub fn lesson(&self) -> Lesson {
        let (shape, labels) = &self.tensors["labels"];
        let own = |row: &[f32]| row.iter().filter(|&&id| id >= 0.0).map(|&id| id as u32).collect::<Vec<_>>();
        let captions: Vec<Vec<u32>> = labels.chunks(shape[1]).map(own).collect();
        Lesson::new(
            &captions,
            self.token("decoder_start_token_id"),
            self.token("pad_token_id"),
            &self.settings().decoder,
        )
        .unwrap()
    }

    pub fn token(&self, name: &str) -> u32 {
        size(&self.config[name]) as u32
    }
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn activation(name: &Value) -> Activation {
    match name.as_str().unwrap() {
        "gelu" => Activation::Gelu,
        "gelu_new" => Activation::GeluTanh,
        "relu" => Activation::Relu,
        other => panic!("{other}"),
    }
}

fn tensors(bytes: &[u8]) -> Tensors {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let numbers = |view: &::safetensors::tensor::TensorView| -> Vec<f32> {
        let bytes = view.data();
        match view.dtype() {
            Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::I64 => bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as f32).collect(),
            _ => bytes.iter().map(|&b| f32::from(b)).collect(),
        }
    };
    file.tensors().into_iter().map(|(name, view)| (name, (view.shape().to_vec(), numbers(&view)))).collect()
}

/// The gradients of all of a captioner's tensors under the names of a folder, and in its layouts.
pub fn stored_gradients(captioner: &mut Captioner<Cpu>, gradients: &Gradients<f32, Cpu>) -> BTreeMap<String, Vec<f32>> {
    struct Swap<'a>(&'a Gradients<f32, Cpu>);
    impl Visitor<Cpu> for Swap<'_> {
        type Err = std::convert::Infallible;
        fn visit<S: Shape>(&mut self, _: &str, _: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
            let gradient = self.0.get(tensor).as_vec();
            tensor.copy_from(&gradient);
            Ok(())
        }
    }
    let Ok(()) = captioner.walk(&Scope::default(), &mut Swap(gradients));
    saved(captioner)
}

/// All of a captioner's tensors as a folder has them.
pub fn saved(captioner: &mut Captioner<Cpu>) -> BTreeMap<String, Vec<f32>> {
    let mut all = BTreeMap::new();
    let put = |stored: &Stored, numbers| -> Result<(), NamesError> {
        assert!(all.insert(stored.name.clone(), numbers).is_none(), "{}", stored.name);
        Ok(())
    };
    names::save(captioner, put).unwrap();
    all
}
