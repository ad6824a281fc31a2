//! Our side of `train_step.py`: training steps on one batch in memory, timed on demand.
//!
//! Writes the nets before and after [`CHECKED_STEPS`], the batch and what the nets said first to a safetensors file,
//! says `ready PID`, and then answers each line `N` with the seconds that N more steps took.

#[path = "captioner.rs"]
mod captioner;
#[path = "cnn.rs"]
mod cnn;
#[path = "diffusion.rs"]
mod diffusion;
#[path = "gan.rs"]
mod gan;

use dfdx::prelude::*;
use pixscribe::models::CnnKind;
use pixscribe::nn::checkpoint::TensorFile;
use pixscribe::nn::{Module, Role, Scope, Visitor};
use pixscribe::ops::Vector;
use pixscribe::ops::random::Stream;
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CHECKED_STEPS: usize = 3;
const LABELS: usize = 10;
const SIDE: usize = 32;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    pixscribe::ops::share_work(0);
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [net, batch, path] = arguments.as_slice() else {
        // `cargo bench` without train_step.py.
        println!("run benches/peers/train_step.py, which starts this");
        return Ok(());
    };
    let batch = batch.parse()?;
    let mut training: Box<dyn Training> = match net.as_str() {
        "plain" => Box::new(cnn::CnnTraining::new(CnnKind::Plain, batch)?),
        "captioner" => Box::new(captioner::CaptionerTraining::new(batch)?),
        "diffusion" => Box::new(diffusion::DiffusionTraining::new(batch)?),
        "gan" => Box::new(gan::GanTraining::new(batch)?),
        _ => Box::new(cnn::CnnTraining::new(CnnKind::Modern, batch)?),
    };
    std::fs::write(path, exchange(training.as_mut())?)?;
    println!("ready {}", std::process::id());
    for line in std::io::stdin().lock().lines() {
        let steps: usize = line?.trim().parse()?;
        let begun = Instant::now();
        for _ in 0..steps {
            training.step()?;
        }
        println!("{}", begun.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// A net in training on a batch in memory.
trait Training {
    /// One step.
    fn step(&mut self) -> Fallible<()>;
    /// One step; what the nets said goes into the file under `said`.
    fn step_said(&mut self, file: &mut TensorFile) -> Fallible<()>;
    /// The nets, under a prefix.
    fn collect(&mut self, prefix: &str, file: &mut TensorFile);
    /// The batch and what the peer needs to know.
    fn describe(&mut self, file: &mut TensorFile);
}

/// What the peer needs to start alike and to compare.
fn exchange(training: &mut dyn Training) -> Fallible<Vec<u8>> {
    let mut file = TensorFile::default();
    training.describe(&mut file);
    training.collect("start", &mut file);
    training.step_said(&mut file)?;
    for _ in 1..CHECKED_STEPS {
        training.step()?;
    }
    training.collect("end", &mut file);
    file.meta.insert("steps".to_owned(), CHECKED_STEPS.into());
    Ok(file.to_bytes()?)
}

/// `count` standard normal numbers.
fn numbers(name: &str, count: usize) -> Vec<f32> {
    let stream = Stream::new(7, name, 0);
    (0..count as u64).map(|i| stream.normal(i)).collect()
}

fn labels(count: usize) -> Vec<usize> {
    let stream = Stream::new(7, "labels", 0);
    (0..count as u64).map(|i| stream.below(i, LABELS as u64) as usize).collect()
}

/// Labels as a file has them.
fn label_tensor(labels: &[usize]) -> Vector<Cpu> {
    Cpu::default().tensor_from_vec(labels.iter().map(|&label| label as f32).collect(), (labels.len(),))
}

/// A tensor by itself.
struct Shown<'a, S: Shape>(&'a str, Tensor<S, f32, Cpu>);

impl<S: Shape> Module<Cpu> for Shown<'_, S> {
    fn walk<V: Visitor<Cpu>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        visitor.visit(scope.child(self.0).name(), Role::Buffer, &mut self.1)
    }
}
