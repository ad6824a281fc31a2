//! Our side of `restoration.py`: ten pairs of pictures, what we measure of them, and what our filters make of them, in a
//! safetensors file.

use pixscribe::data;
use pixscribe::restoration::classical::{Colours, GaussianFilter, NonLocalMeans, TotalVariation};
use pixscribe::restoration::{Picture, Restorer, Task, measure, noise_level};
use safetensors::tensor::{Dtype, TensorView};
use std::error::Error;
use std::path::Path;

const PAIRS: usize = 10;
const NOISE: f32 = 0.15;
const BLUR: f32 = 1.5;
const WEIGHT: f32 = 0.12;
const PATCH: usize = 5;
const STRENGTH: f32 = 0.1;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    pixscribe::ops::share_work(0);
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [path] = arguments.as_slice() else {
        // `cargo bench` without restoration.py.
        println!("run benches/peers/restoration.py, which starts this");
        return Ok(());
    };
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
    let clean = Picture::from_split(&data::load(Some(&sample), None)?.test, 0..PAIRS);
    let task = Task::Denoise { sigma: NOISE };
    let noisy = task.damage_all(&clean, 7, "peers")?;
    let blurred = Task::Deblur { blur: BLUR, sigma: 0.0 }.damage_all(&clean, 7, "peers")?;
    let mut file = Exchange::default();
    for (name, pictures) in [("clean", &clean), ("noisy", &noisy), ("blurred", &blurred)] {
        file.add_pictures(name, pictures);
    }
    for (name, pictures) in [("noisy", &noisy), ("blurred", &blurred)] {
        file.add_numbers(&format!("psnr.{name}"), &clean, |i, clean| Ok(measure::psnr(clean, &pictures[i])? as f32))?;
        file.add_numbers(&format!("ssim.{name}"), &clean, |i, clean| Ok(measure::ssim(clean, &pictures[i])? as f32))?;
    }
    file.add_numbers("noise_level", &noisy, |_, noisy| Ok(noise_level::estimate(noisy)?))?;
    let filters: [(&str, &dyn Restorer); 3] = [
        ("gaussian", &GaussianFilter::new(BLUR)),
        ("total_variation", &TotalVariation::new(WEIGHT, Colours::Apart)),
        ("non_local_means", &NonLocalMeans::new(PATCH, STRENGTH, NOISE)),
    ];
    for (name, filter) in filters {
        let restored = filter.restore(&task, &noisy, &mut || true)?.ok_or("stopped")?;
        file.add_pictures(name, &restored);
    }
    let settings = [("noise", NOISE), ("blur", BLUR), ("weight", WEIGHT), ("patch", PATCH as f32), ("h", STRENGTH)];
    settings.into_iter().for_each(|(name, value)| file.add(name, vec![1], &[value]));
    std::fs::write(path, file.to_bytes()?)?;
    Ok(())
}

/// Tensors by name: shape and numbers as bytes.
#[derive(Default)]
struct Exchange(Vec<(String, Vec<usize>, Vec<u8>)>);

impl Exchange {
    fn add(&mut self, name: &str, shape: Vec<usize>, values: &[f32]) {
        self.0.push((name.to_owned(), shape, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    }

    fn add_pictures(&mut self, name: &str, pictures: &[Picture]) {
        let values: Vec<f32> = pictures.iter().flat_map(|picture| picture.pixels().iter().copied()).collect();
        self.add(name, vec![pictures.len(), data::SIDE, data::SIDE, 3], &values);
    }

    fn add_numbers(
        &mut self,
        name: &str,
        pictures: &[Picture],
        number: impl Fn(usize, &Picture) -> Fallible<f32>,
    ) -> Fallible<()> {
        let numbers: Fallible<Vec<f32>> = pictures.iter().enumerate().map(|(i, picture)| number(i, picture)).collect();
        self.add(name, vec![pictures.len()], &numbers?);
        Ok(())
    }

    fn to_bytes(&self) -> Fallible<Vec<u8>> {
        let views: Result<Vec<_>, safetensors::SafeTensorError> = self
            .0
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
            .collect();
        Ok(safetensors::serialize(views?, None)?)
    }
}
