//! The whole net against numbers that transformers gave, and against itself.

mod alone;
mod folder;
mod generation;
mod learning;
mod numbers;

use super::*;
use crate::nn::parameter_count;
use crate::ops::Activation;

fn settings(eyes: EyesSettings, width: usize) -> CaptionerSettings {
    CaptionerSettings { eyes, decoder: Gpt2Settings::new(20, 8, width, 1, 2) }
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let vit = VitSettings::plain(8, 4, 6, 1, 2);
    let fine = settings(EyesSettings::Vit(vit.clone()), 6);
    assert_eq!(fine.check(), Ok(()));
    let refused = |settings: CaptionerSettings| settings.check().unwrap_err().to_string();
    let eyes = |vit| settings(EyesSettings::Vit(vit), 6);
    let mouth = |decoder| CaptionerSettings { decoder, ..fine.clone() };
    let gpt2 = fine.decoder.clone();
    assert!(refused(mouth(Gpt2Settings { heads: 4, ..gpt2.clone() })).contains("decoder's number of heads is 4"));
    assert!(refused(mouth(Gpt2Settings { vocabulary: 0, ..gpt2.clone() })).contains("vocabulary is 0"));
    assert!(refused(mouth(Gpt2Settings { eps: f32::NAN, ..gpt2.clone() })).contains("eps is NaN"));
    assert!(refused(mouth(Gpt2Settings { residual_dropout: 1.0, ..gpt2.clone() })).contains("dropout is 1"));
    assert!(refused(mouth(Gpt2Settings { width: usize::MAX, ..gpt2.clone() })).contains("width"));
    let huge = Gpt2Settings { width: 1 << 20, inner: 1 << 20, layers: 1000, ..gpt2 };
    assert!(refused(mouth(huge)).contains("parameters"));
    assert!(refused(eyes(VitSettings { heads: 0, ..vit.clone() })).contains("encoder's number of heads is 0"));
    assert!(refused(eyes(VitSettings { patches: Patches::Plain([4, 3]), ..vit.clone() })).contains("patch size"));
    assert!(refused(eyes(VitSettings { patches: Patches::Plain([0, 4]), ..vit.clone() })).contains("patch size"));
    let stem = |stages: &[(usize, bool)]| {
        let stages = stages.iter().map(|&(channels, pool)| Stage { channels, pool }).collect();
        eyes(VitSettings { patches: Patches::Stem(stages), ..vit.clone() })
    };
    assert!(refused(stem(&[(5, true)])).contains("last stage is 5"));
    assert!(refused(stem(&[(6, true); 4])).contains("too deep"));
    assert!(refused(stem(&[])).contains("last stage is 0"));
    assert!(refused(settings(EyesSettings::Borrowed(Vec::new()), 6)).contains("number of maps is 0"));
    let map = Group { tokens: 4, width: 0 };
    assert!(refused(settings(EyesSettings::Borrowed(vec![map]), 6)).contains("map's width is 0"));
}

/// The estimate that guards memory is that of the real net, but for a few vectors.
#[test]
fn the_count_of_parameters_is_known_before_they_are_there() {
    let maps = vec![Group { tokens: 16, width: 48 }, Group { tokens: 4, width: 96 }];
    for eyes in [
        EyesSettings::Vit(VitSettings::plain(32, 4, 64, 3, 4)),
        EyesSettings::Vit(VitSettings::with_stem(48, 2, 4)),
        EyesSettings::Borrowed(maps),
    ] {
        let settings = CaptionerSettings {
            eyes,
            decoder: Gpt2Settings { tied: false, inner: 100, ..Gpt2Settings::new(200, 30, 64, 2, 4) },
        };
        let guessed = settings.parameters() as f64;
        let counted = parameter_count(&mut Captioner::new(&Cpu::default(), settings, None).unwrap()) as f64;
        assert!((guessed / counted - 1.0).abs() < 0.02, "{guessed} {counted}");
    }
}

#[test]
fn lessons_are_captions_moved_by_one() {
    let decoder = Gpt2Settings::new(20, 4, 6, 1, 2);
    let lesson = Lesson::new(&[vec![5, 6, 2], vec![7, 2]], 1, 0, &decoder).unwrap();
    assert_eq!((lesson.batch, lesson.length), (2, 3));
    assert_eq!(lesson.inputs, [1, 5, 6, 1, 7, 0]);
    assert_eq!(lesson.targets, [Some(5), Some(6), Some(2), Some(7), Some(2), None]);
    let refused = |captions: &[Vec<u32>], start| Lesson::new(captions, start, 0, &decoder).unwrap_err().to_string();
    assert!(refused(&[vec![2], vec![]], 1).contains("caption 1 has no token"));
    assert!(refused(&[vec![20]], 1).contains("caption 0 has the token 20"));
    assert!(refused(&[vec![2]], 20).contains("token 20"));
    assert!(refused(&[vec![2; 5]], 1).contains("5 tokens, and the decoder has 4 positions"));
}

#[test]
fn only_plain_vits_have_hugging_face_names() {
    let stem = settings(EyesSettings::Vit(VitSettings::with_stem(6, 1, 2)), 6);
    assert!(names::stored(&stem).unwrap_err().to_string().contains("convolutional stem"));
    let borrowed = settings(EyesSettings::Borrowed(vec![Group { tokens: 4, width: 3 }]), 6);
    assert!(names::stored(&borrowed).unwrap_err().to_string().contains("borrowed eyes"));
    let blind = VitSettings { class_token: false, ..VitSettings::plain(8, 4, 6, 1, 2) };
    assert!(names::stored(&settings(EyesSettings::Vit(blind), 6)).unwrap_err().to_string().contains("class token"));
}

#[test]
fn presets_are_what_they_say() {
    let stem = VitSettings::with_stem(96, 4, 4);
    assert_eq!((stem.grid(), stem.tokens()), ([8, 8], 64));
    let plain = VitSettings::plain(224, 16, 768, 12, 12);
    assert_eq!((plain.grid(), plain.tokens(), plain.inner), ([14, 14], 197, 3072));
    assert_eq!(plain.activation, Activation::Gelu);
    let gpt2 = Gpt2Settings { scaled_by_layer: true, ..Gpt2Settings::new(50257, 1024, 768, 12, 12) };
    assert_eq!((gpt2.scale(0), gpt2.scale(3)), (0.125, 0.03125));
    assert_eq!(Gpt2Settings { scaled: false, ..gpt2 }.scale(1), 0.5);
}
