//! Captioners from nothing learn: each kind of eyes overfits a few pictures.

use super::super::search::{Method, SearchSettings};
use super::super::*;
use crate::nn::{Adam, AdamConfig};
use crate::ops::CrossEntropyOp;
use crate::ops::testing::{TestTape, noise, tensor};

const CAPTIONS: [&[u32]; 3] = [&[5, 6, 7, 1], &[8, 6, 1], &[9, 10, 11, 12, 1]];
const STEPS: usize = 40;

fn learned(eyes: EyesSettings, sight: &dyn Fn() -> Sight<Cpu, TestTape>, shown: Sight<Cpu>) {
    let settings = CaptionerSettings { eyes, decoder: Gpt2Settings::new(16, 8, 16, 1, 2) };
    let lesson = Lesson::new(&CAPTIONS, 0, 0, &settings.decoder).unwrap();
    let mut captioner = Captioner::new(&Cpu::default(), settings, Some(3)).unwrap();
    let config = AdamConfig { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.01 };
    let mut adam = Adam::new(config, &mut captioner).unwrap();
    for _ in 0..STEPS {
        let logits = captioner.train(sight(), &lesson, None).unwrap();
        let loss = Cpu::cross_entropy_tokens(logits, &lesson.targets, None, 0.0).unwrap();
        adam.step(&mut captioner, &loss.backward(), 0.01).unwrap();
    }
    let search = SearchSettings {
        start: 0,
        eos: vec![1],
        max_length: 8,
        min_length: 0,
        no_repeat_ngram: 0,
        returns: 1,
        method: Method::Greedy,
    };
    let captions = captioner.caption(shown, &search, &[0, 1, 2]).unwrap();
    for (captions, due) in captions.iter().zip(CAPTIONS) {
        assert_eq!(captions[0].tokens[1..], *due);
    }
}

#[test]
fn a_vit_of_patches_learns() {
    let pictures: Tensor<_, f32, Cpu> = tensor(&noise("pictures", 3 * 8 * 8 * 3), (3, 8, 8, 3));
    let eyes = EyesSettings::Vit(VitSettings::plain(8, 4, 12, 1, 2));
    learned(eyes, &|| Sight::Pictures(pictures.clone()), Sight::Pictures(pictures.clone()));
}

/// The last steps' moments stand in for the batch's.
#[test]
fn a_vit_with_a_stem_learns() {
    let pictures: Tensor<_, f32, Cpu> = tensor(&noise("pictures", 3 * 8 * 8 * 3), (3, 8, 8, 3));
    let stages = [(8, true), (16, true)].map(|(channels, pool)| Stage { channels, pool }).to_vec();
    let eyes = VitSettings { patches: Patches::Stem(stages), class_token: false, ..VitSettings::plain(8, 4, 16, 1, 2) };
    learned(EyesSettings::Vit(eyes), &|| Sight::Pictures(pictures.clone()), Sight::Pictures(pictures.clone()));
}

#[test]
fn borrowed_eyes_learn_and_pass_gradients_on() {
    let maps: [Tokens<Cpu>; 2] = [("deep", 2, 10), ("shallow", 6, 5)]
        .map(|(name, tokens, width)| tensor(&noise(name, 3 * tokens * width), (3, tokens, width)));
    let groups = vec![Group { tokens: 2, width: 10 }, Group { tokens: 6, width: 5 }];
    let features = || maps.iter().map(|map| map.leaky_trace()).collect::<Vec<_>>();
    let sight = || Sight::Features(features());
    learned(EyesSettings::Borrowed(groups.clone()), &sight, Sight::Features(maps.to_vec()));

    let settings =
        CaptionerSettings { eyes: EyesSettings::Borrowed(groups), decoder: Gpt2Settings::new(16, 8, 16, 1, 2) };
    let lesson = Lesson::new(&CAPTIONS, 0, 0, &settings.decoder).unwrap();
    let mut captioner = Captioner::new(&Cpu::default(), settings, Some(3)).unwrap();
    let logits = captioner.train(sight(), &lesson, None).unwrap();
    let gradients = Cpu::cross_entropy_tokens(logits, &lesson.targets, None, 0.0).unwrap().backward();
    for map in &maps {
        assert!(gradients.get(map).as_vec().iter().any(|&g| g != 0.0));
    }
}
