use super::*;
use crate::models::captioner::{Captioner, CaptionerSettings, EyesSettings, Gpt2Settings, Lesson, Sight};
use crate::nn::Role;
use crate::ops::testing::{TestTape, assert_close, cotangent, noise, tensor};
use crate::train::checkpoints;
use std::path::PathBuf;

fn path(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("checkpoints/pretrained/{kind}/{kind}.safetensors"))
}

/// The weights that come with pixscribe.
fn file(kind: &str) -> TensorFile {
    checkpoints::read(&path(kind)).unwrap()
}

fn lender(kind: &str) -> Lender<Cpu> {
    let device = Cpu::default();
    match kind {
        "random" => Lender::random(&device, 1).unwrap(),
        _ => Lender::from_file(&device, &file(kind), &path(kind)).unwrap(),
    }
}

fn refusal(file: &TensorFile) -> String {
    Lender::from_file(&Cpu::default(), file, Path::new("a.safetensors")).unwrap_err().to_string()
}

const KINDS: [&str; 4] = ["cnn", "gan", "diffusion", "random"];

fn pictures(batch: usize) -> Image<Cpu> {
    let numbers: Vec<f32> = noise("pictures", batch * SIDE * SIDE * 3).iter().map(|x| x.tanh()).collect();
    tensor(&numbers, (batch, SIDE, SIDE, 3))
}

fn seen(lender: &Lender<Cpu>, x: Image<Cpu>) -> Vec<Vec<f32>> {
    lender.infer(x).unwrap().iter().map(read).collect()
}

fn bytes(lender: &mut Lender<Cpu>) -> Vec<u8> {
    let mut file = TensorFile::default();
    lender.save(&mut file);
    file.to_bytes().unwrap()
}

#[test]
fn every_net_lends_a_deep_and_a_shallow_map() {
    let sizes = |kind| lender(kind).groups().iter().map(|group| [group.tokens, group.width]).collect::<Vec<_>>();
    assert_eq!(sizes("cnn"), [[9, 128], [64, 100]]);
    assert_eq!(sizes("gan"), [[16, 112], [64, 256]]);
    assert_eq!(sizes("diffusion"), [[64, 96], [64, 192]]);
    assert_eq!(sizes("random"), sizes("cnn"));
    for kind in KINDS {
        let lender = lender(kind);
        assert_eq!(lender.kind(), kind);
        let maps = lender.infer(pictures(2)).unwrap();
        let found: Vec<Group> = maps.iter().map(|map| Group { tokens: map.shape().1, width: map.shape().2 }).collect();
        assert_eq!(found, lender.groups(), "{kind}");
    }
}

#[test]
fn a_picture_seen_alone_is_the_one_seen_among_others() {
    let last = tensor(&read(&pictures(3))[2 * SIDE * SIDE * 3..], (1, SIDE, SIDE, 3));
    for kind in KINDS {
        let lender = lender(kind);
        let (all, alone) = (seen(&lender, pictures(3)), seen(&lender, last.clone()));
        for (all, alone) in all.iter().zip(&alone) {
            assert_eq!(all[2 * alone.len()..], alone[..], "{kind}");
        }
    }
}

#[test]
fn a_captioner_s_file_gives_the_eyes_back_bit_for_bit() {
    for kind in KINDS {
        let mut first = lender(kind);
        let saved = bytes(&mut first);
        let parsed = TensorFile::parse(&saved).unwrap();
        let mut again = Lender::from_file(&Cpu::default(), &parsed, Path::new("a.safetensors")).unwrap();
        assert_eq!((again.kind(), again.card(), again.groups()), (kind, first.card(), first.groups()));
        assert!(bytes(&mut again) == saved, "{kind}");
        assert_eq!(seen(&again, pictures(2)), seen(&first, pictures(2)), "{kind}");
    }
}

#[test]
fn looking_changes_nothing_and_training_moves_what_the_net_keeps_of_batches() {
    for (kind, keeps_moments) in [("cnn", true), ("gan", true), ("diffusion", false)] {
        let mut lender = lender(kind);
        let before = bytes(&mut lender);
        lender.infer(pictures(2)).unwrap();
        assert!(bytes(&mut lender) == before, "{kind}");
        lender.train(pictures(2)).unwrap();
        assert_eq!(bytes(&mut lender) != before, keeps_moments, "{kind}");
    }
}

type Loss = Tensor<Rank0, f32, Cpu, TestTape>;

/// A weighted sum of all maps of the training pass.
fn loss(lender: &mut Lender<Cpu>, x: &Image<Cpu>) -> Loss {
    let weighed = |map: Tokens<Cpu, TestTape>| -> Loss {
        let shape = *map.shape();
        (map * tensor(&cotangent(shape.num_elements()), shape)).mean::<Rank0, _>()
    };
    lender.train(x.leaky_trace()).unwrap().into_iter().map(weighed).reduce(|a, b| a + b).unwrap()
}

/// The sums of the squares of each trained tensor's gradient, by name.
struct Squares<'a>(&'a mut Gradients<f32, Cpu>, Vec<(String, f32)>);

impl Visitor<Cpu> for Squares<'_> {
    type Err = CpuError;

    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), CpuError> {
        if role != Role::Buffer {
            let square = self.0.get_or_alloc_mut(tensor)?.iter().map(|g| g * g).sum();
            self.1.push((name.to_owned(), square));
        }
        Ok(())
    }
}

impl Squares<'_> {
    fn of(module: &mut impl Module<Cpu>, gradients: &mut Gradients<f32, Cpu>) -> Vec<(String, f32)> {
        let mut squares = Squares(gradients, Vec::new());
        module.walk(&Scope::default(), &mut squares).unwrap();
        squares.1
    }
}

/// Moves every trained tensor along its gradient.
struct Move<'a>(&'a Gradients<f32, Cpu>, f32);

impl Visitor<Cpu> for Move<'_> {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) -> Result<(), Self::Err> {
        if role != Role::Buffer {
            let gradient = self.0.get(tensor).as_vec();
            let moved: Vec<f32> = read(tensor).iter().zip(gradient).map(|(w, g)| w + self.1 * g).collect();
            tensor.copy_from(&moved);
        }
        Ok(())
    }
}

/// Every weight that is walked over moves the maps, so none that is not needed is saved, and together their gradients are
/// the slope.
#[test]
fn all_weights_of_a_lender_that_is_trained_on_learn() {
    for (kind, tensors) in [("cnn", 18), ("gan", 12), ("diffusion", 78), ("random", 18)] {
        let (mut lender, x) = (lender(kind), pictures(2));
        lender.settle_norms().unwrap();
        let mut gradients = loss(&mut lender, &x).backward();
        let squares = Squares::of(&mut lender, &mut gradients);
        let idle: Vec<&String> =
            squares.iter().filter(|(_, square)| !square.is_normal()).map(|(name, _)| name).collect();
        assert!(idle.is_empty() && squares.len() == tensors, "{kind}: {} tensors, idle: {idle:?}", squares.len());
        let size = squares.iter().map(|(_, square)| square).sum::<f32>().sqrt();
        let mut moved_by = |step: f32| {
            let Ok(()) = lender.walk(&Scope::default(), &mut Move(&gradients, step / size));
            f64::from(loss(&mut lender, &x).array())
        };
        let (above, below) = (moved_by(0.005), moved_by(-0.01));
        assert_close(kind, &[(above - below) as f32 / 0.01 / size], &[1.0], 0.03);
    }
}

#[test]
fn a_captioner_teaches_its_eyes_through_their_tape_alone() {
    let mut lender = lender("random");
    let eyes = EyesSettings::Borrowed(lender.groups());
    let settings = CaptionerSettings { eyes, decoder: Gpt2Settings::new(20, 8, 16, 1, 2) };
    let lesson = Lesson::new(&[[1, 2], [3, 0]], 0, 0, &settings.decoder).unwrap();
    let mut captioner = Captioner::new(&Cpu::default(), settings, Some(1)).unwrap();
    for frozen in [true, false] {
        let maps: Maps<Cpu, TestTape> = if frozen {
            lender.infer(pictures(2)).unwrap().iter().map(Tensor::retaped).collect()
        } else {
            lender.train(pictures(2).leaky_trace()).unwrap()
        };
        let logits = captioner.train(Sight::Features(maps), &lesson, None).unwrap();
        let mut gradients = logits.square().sum::<Rank0, _>().backward();
        let learn = Squares::of(&mut lender, &mut gradients);
        assert!(learn.iter().all(|(_, square)| (*square == 0.0) == frozen), "{frozen} {learn:?}");
        assert!(Squares::of(&mut captioner, &mut gradients).iter().any(|(_, square)| *square > 0.0));
    }
}

#[test]
fn what_lends_no_eyes_is_refused_in_a_sentence() {
    let mut labels_only = file("gan");
    labels_only.meta["card"]["labels_only"] = true.into();
    assert_eq!(
        refusal(&labels_only),
        "a.safetensors lends no eyes: its discriminator was trained without a generator, and is a classifier like a CNN; train the GAN with generator = true, or borrow the eyes of a CNN"
    );
    let mut saved = TensorFile::default();
    lender("cnn").save(&mut saved);
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut file = saved.clone();
        change(&mut file.meta[KEY]);
        refusal(&file)
    };
    let many = |note: &mut serde_json::Value| note["card"]["labels"] = vec!["a"; 257].into();
    assert!(changed(&many).ends_with("names more than 256 labels"));
    let damaged = |note: &mut serde_json::Value| *note = 7.into();
    assert!(changed(&damaged).contains("its note about the training cannot be read"), "{}", changed(&damaged));
    let another = |note: &mut serde_json::Value| note["card"]["model"] = "gan".into();
    assert_eq!(changed(&another), "a.safetensors cannot be used: tensor lender.conv1.weight is missing");
    assert!(refusal(&TensorFile::default()).contains("cannot be read"));
}
