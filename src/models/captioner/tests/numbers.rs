//! What the net computes, layer by layer, as transformers computes it.

use super::super::parts::Drops;
use super::super::*;
use super::folder::{Folder, NAMES, saved, stored_gradients};
use crate::nn::{Adam, AdamConfig, Module, Role, Scope, Visitor};
use crate::ops::host::read;
use crate::ops::testing::{TestTape, assert_close};
use crate::ops::{Backend, CrossEntropyOp};

const TOLERANCE: f32 = 1e-4;

/// The pooler is the one thing that is left out, and what is saved is what was loaded.
#[test]
fn every_tensor_of_a_folder_has_its_place() {
    for name in NAMES {
        let folder = Folder::open(name);
        let back = saved(&mut folder.captioner());
        let due: Vec<&String> = folder.weights.keys().filter(|name| !name.contains("pooler")).collect();
        assert_eq!(back.keys().collect::<Vec<_>>(), due);
        for (name, numbers) in &back {
            assert_eq!(*numbers, folder.weights[name].1, "{name}");
        }
    }
}

#[test]
fn the_encoder_gives_transformers_hidden_states() {
    for name in NAMES {
        let folder = Folder::open(name);
        let captioner = folder.captioner();
        let Eyes::Vit(vit) = &captioner.eyes else { panic!("a ViT") };
        let (states, last) = vit.states(folder.pictures());
        for (index, state) in states.iter().enumerate() {
            let due = folder.due(&format!("encoder_hidden_{index}"));
            assert_close(&format!("{name}: layer {index}"), &read(state)[..due.len()], due, TOLERANCE);
        }
        assert_close(name, &read(&last), folder.due("encoder_last_hidden_state"), TOLERANCE);
        assert_close(name, &read(&vit.infer(folder.pictures()).unwrap()), &read(&last), 0.0);
    }
}

#[test]
fn the_decoder_gives_transformers_hidden_states_and_logits() {
    for name in NAMES {
        let folder = Folder::open(name);
        let captioner = folder.captioner();
        let looked = captioner.look(Sight::Pictures(folder.pictures())).unwrap();
        let (ids, batch) = (folder.prefix(), looked.shape().0);
        let mut x = captioner.decoder.embed::<NoneTape>(&ids, batch, None).unwrap();
        for (index, layer) in captioner.decoder.layers.iter().enumerate() {
            let what = format!("{name}: before layer {index}");
            assert_close(&what, &read(&x), folder.due(&format!("decoder_hidden_{index}")), TOLERANCE);
            x = layer.forward(x, &looked, None).unwrap();
            if let (0, Some((_, due))) = (index, folder.tensors.get("block0_out")) {
                assert_close("block 0", &read(&x), due, TOLERANCE);
            }
        }
        let last = folder.due(&format!("decoder_hidden_{}", captioner.decoder.layers.len()));
        assert_close(name, &read(&captioner.decoder.normal(x).unwrap()), last, TOLERANCE);
        let logits = captioner.decoder.forward(looked, &ids, None).unwrap();
        assert_close(name, &read(&logits), folder.due("logits"), TOLERANCE);
    }
}

fn loss(captioner: &mut Captioner<Cpu>, folder: &Folder, lesson: &Lesson) -> (f32, Gradients<f32, Cpu>) {
    let logits = captioner.train::<TestTape>(Sight::Pictures(folder.pictures()), lesson, None).unwrap();
    let loss = Cpu::cross_entropy_tokens(logits, &lesson.targets, None, 0.0).unwrap();
    (loss.array(), loss.backward())
}

#[test]
fn loss_and_gradients_as_transformers() {
    for name in NAMES {
        let folder = Folder::open(name);
        let mut captioner = folder.captioner();
        let (loss, gradients) = loss(&mut captioner, &folder, &folder.lesson());
        let due = folder.numbers["loss"].as_f64().unwrap();
        assert!((f64::from(loss) - due).abs() < 1e-4, "{name}: loss {loss}, due {due}");
        let gradients = stored_gradients(&mut captioner, &gradients);
        let norms = folder.numbers["grad_norms"].as_object().unwrap();
        assert_eq!(gradients.keys().collect::<Vec<_>>(), {
            let mut due: Vec<_> = norms.keys().collect();
            due.sort();
            due
        });
        for (parameter, gradient) in &gradients {
            let (norm, due) = (gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt(), &norms[parameter]);
            assert!((norm - due.as_f64().unwrap()).abs() < 1e-4, "{name}: {parameter}: {norm}, due {due}");
            if let Some((_, due)) = folder.tensors.get(&format!("grad:{parameter}")) {
                assert_close(parameter, gradient, due, TOLERANCE);
            }
        }
    }
}

/// A module whose every tensor decays, as with one group of parameters in PyTorch.
struct Decaying<'a, M>(&'a mut M);

impl<D: Backend, M: Module<D>> Module<D> for Decaying<'_, M> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        struct Decay<'a, V>(&'a mut V);
        impl<D: Backend, V: Visitor<D>> Visitor<D> for Decay<'_, V> {
            type Err = V::Err;
            fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), V::Err> {
                self.0.visit(name, Role::Weight, tensor)
            }
        }
        self.0.walk(scope, &mut Decay(visitor))
    }
}

#[test]
fn eight_steps_of_adamw_as_pytorch() {
    for name in NAMES {
        let folder = Folder::open(name);
        let (mut captioner, lesson) = (folder.captioner(), folder.lesson());
        let adamw = &folder.numbers["adamw"];
        let number = |value: &serde_json::Value| value.as_f64().unwrap() as f32;
        let config = AdamConfig {
            beta1: number(&adamw["betas"][0]),
            beta2: number(&adamw["betas"][1]),
            eps: number(&adamw["eps"]),
            weight_decay: number(&adamw["weight_decay"]),
        };
        let mut adam = Adam::new(config, &mut Decaying(&mut captioner)).unwrap();
        let steps = folder.due_list("adamw_losses");
        for (step, due) in steps.iter().enumerate() {
            let (loss, gradients) = loss(&mut captioner, &folder, &lesson);
            assert!((loss - due).abs() < 1e-4, "{name}: step {step}: {loss}, due {due}");
            adam.step(&mut Decaying(&mut captioner), &gradients, number(&adamw["lr"])).unwrap();
        }
        assert_eq!(steps.len(), 8);
    }
}

#[test]
fn the_gaze_is_transformers_cross_attention() {
    let folder = Folder::open("other-vit-gpt2");
    let captioner = folder.captioner();
    let looked = captioner.look(Sight::Pictures(folder.pictures())).unwrap();
    let (shape, due) = &folder.tensors["cross_attentions"];
    let &[layers, batch, heads, words, tokens] = shape.as_slice() else { panic!("five axes") };
    let map = words * tokens;
    for (picture, ids) in folder.prefix().chunks(words).enumerate() {
        let (length, width) = (looked.shape().1, looked.shape().2);
        let own = read(&looked)[picture * length * width..][..length * width].to_vec();
        let memory = captioner.remember(&Cpu::default().tensor_from_vec(own, (1, length, width))).unwrap();
        // One more token, since the gaze of the last one is nobody's.
        let caption: Vec<u32> = ids.iter().map(|&id| id as u32).chain([0]).collect();
        let gaze = captioner.gaze(&memory, &caption).unwrap();
        assert_eq!((gaze.layers, gaze.heads, gaze.words, gaze.tokens), (layers, heads, words, tokens));
        for layer in 0..layers {
            let got = &gaze.shares[layer * heads * map..][..heads * map];
            assert_close("gaze", got, &due[(layer * batch + picture) * heads * map..][..heads * map], TOLERANCE);
        }
        assert!((gaze.of_word(2).iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(gaze.of_word(words).iter().all(|&share| share == 0.0));
    }
}

/// Dropped numbers change the logits, by step alone; without them the pass is the one for inference.
#[test]
fn drops_are_a_hash_of_the_step() {
    let folder = Folder::open("other-vit-gpt2");
    let mut settings = folder.settings();
    settings.decoder.residual_dropout = 0.1;
    settings.decoder.embedding_dropout = 0.1;
    if let EyesSettings::Vit(vit) = &mut settings.eyes {
        vit.dropout = 0.1;
    }
    let mut captioner = Captioner::new(&Cpu::default(), settings, Some(1)).unwrap();
    let (lesson, sight) = (folder.lesson(), || Sight::Pictures(folder.pictures()));
    let looked = captioner.look(Sight::Pictures(folder.pictures())).unwrap();
    let quiet = read(&captioner.read(looked, &lesson).unwrap());
    let mut at = |drops| read(&captioner.train::<TestTape>(sight(), &lesson, drops).unwrap());
    let first = at(Some(Drops { seed: 1, step: 1 }));
    assert_eq!(at(None), quiet);
    assert_eq!(first, at(Some(Drops { seed: 1, step: 1 })));
    assert_ne!(first, at(Some(Drops { seed: 1, step: 2 })));
    assert_ne!(first, quiet);
}
