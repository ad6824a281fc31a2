//! What is computed for a picture is its own.

use super::super::*;
use crate::ops::host::read;
use crate::ops::testing::{TestTape, assert_close, noise, tensor};

fn stem() -> VitSettings {
    let stages = [(8, true), (12, false)].map(|(channels, pool)| Stage { channels, pool }).to_vec();
    VitSettings { patches: Patches::Stem(stages), class_token: false, ..VitSettings::plain(8, 4, 12, 2, 3) }
}

/// Also behind a stem with running moments, and whatever the captions are.
#[test]
fn a_picture_alone_looks_as_among_others() {
    for vit in [stem(), VitSettings::plain(8, 2, 12, 2, 3)] {
        let settings = CaptionerSettings { eyes: EyesSettings::Vit(vit), decoder: Gpt2Settings::new(20, 8, 16, 2, 2) };
        let mut captioner = Captioner::new(&Cpu::default(), settings.clone(), Some(1)).unwrap();
        let pixels = noise("pictures", 3 * 192);
        let shown = |pixels: &[f32]| Sight::Pictures(tensor(pixels, (pixels.len() / 192, 8, 8, 3)));
        let lesson = Lesson::new(&[[3, 4, 1], [5, 6, 1], [7, 8, 1]], 0, 0, &settings.decoder).unwrap();
        captioner.train::<TestTape>(Sight::Pictures(tensor(&pixels, (3, 8, 8, 3))), &lesson, None).unwrap();
        let all = read(&captioner.look(shown(&pixels)).unwrap());
        for (own, due) in pixels.chunks(192).zip(all.chunks(all.len() / 3)) {
            assert_close("tokens", &read(&captioner.look(shown(own)).unwrap()), due, 1e-5);
        }
    }
}

/// A token sees what stands before it and nothing behind.
#[test]
fn no_token_sees_the_next() {
    let settings = CaptionerSettings { eyes: EyesSettings::Vit(stem()), decoder: Gpt2Settings::new(20, 8, 16, 2, 2) };
    let captioner = Captioner::new(&Cpu::default(), settings, Some(1)).unwrap();
    let looked = captioner.look(Sight::Pictures(tensor(&noise("picture", 192), (1, 8, 8, 3)))).unwrap();
    let logits = |ids: &[usize]| read(&captioner.decoder.forward(looked.clone(), ids, None).unwrap());
    let (a, b) = (logits(&[0, 3, 4, 5]), logits(&[0, 3, 9, 5]));
    assert_close("logits", &a[..2 * 20], &b[..2 * 20], 1e-6);
    assert!(a[2 * 20..].iter().zip(&b[2 * 20..]).any(|(a, b)| (a - b).abs() > 1e-3));
}

#[test]
fn the_same_seed_gives_the_same_captioner() {
    let settings = CaptionerSettings { eyes: EyesSettings::Vit(stem()), decoder: Gpt2Settings::new(20, 8, 16, 2, 2) };
    let look = |seed| {
        let captioner = Captioner::new(&Cpu::default(), settings.clone(), seed).unwrap();
        let looked = captioner.look(Sight::Pictures(tensor(&noise("picture", 192), (1, 8, 8, 3)))).unwrap();
        read(&captioner.decoder.forward(looked, &[0, 3], None).unwrap())
    };
    assert_eq!(look(Some(1)), look(Some(1)));
    assert_ne!(look(Some(1)), look(Some(2)));
    assert!(look(None).iter().all(|&logit| logit == 0.0));
}

#[test]
#[should_panic(expected = "a ViT looks at pictures")]
fn features_are_nothing_to_a_vit() {
    let settings = CaptionerSettings { eyes: EyesSettings::Vit(stem()), decoder: Gpt2Settings::new(20, 8, 16, 2, 2) };
    let captioner = Captioner::new(&Cpu::default(), settings, None).unwrap();
    let _ = captioner.look(Sight::Features(vec![tensor(&noise("map", 24), (1, 2, 12))]));
}
