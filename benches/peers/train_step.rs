//! Our side of `train_step.py`: training steps of a CNN on one batch in memory, timed on demand.
//!
//! Writes the net before and after [`CHECKED_STEPS`], the batch and the first logits to a safetensors file, says
//! `ready PID`, and then answers each line `N` with the seconds that N more steps took.

use dfdx::prelude::*;
use pixscribe::models::{Cnn, CnnKind, cnn::SIDE};
use pixscribe::nn::checkpoint::TensorFile;
use pixscribe::nn::{Module, Role, Scope, Sgd, SgdConfig, Visitor};
use pixscribe::ops::random::Stream;
use pixscribe::ops::{Image, Matrix, Vector, cross_entropy};
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LABELS: usize = 10;
const CHECKED_STEPS: usize = 3;
const LEARNING_RATE: f32 = 0.02;
const SMOOTHING: f32 = 0.2;
const SGD: SgdConfig = SgdConfig { momentum: 0.9, weight_decay: 5e-4, norm_bias_rate: 4.0 };

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [net, batch, path] = arguments.as_slice() else {
        // `cargo bench` without train_step.py.
        println!("run benches/peers/train_step.py, which starts this");
        return Ok(());
    };
    let mut training = Training::new(if net == "plain" { CnnKind::Plain } else { CnnKind::Modern }, batch.parse()?)?;
    std::fs::write(path, training.exchange()?)?;
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

struct Training {
    net: Cnn<Cpu>,
    optimiser: Sgd<Cpu>,
    batch: Batch,
}

impl Training {
    fn new(kind: CnnKind, count: usize) -> Result<Self, Box<dyn Error>> {
        let device = Cpu::default();
        let stream = Stream::new(7, "batch", 0);
        let x: Vec<f32> = (0..(count * SIDE * SIDE * 3) as u64).map(|i| stream.normal(i)).collect();
        let labels = Stream::new(7, "labels", 0);
        let y: Vec<usize> = (0..count as u64).map(|i| labels.below(i, LABELS as u64) as usize).collect();
        let mut net = Cnn::new(&device, kind, LABELS, 7)?;
        net.whiten(&x);
        let optimiser = Sgd::new(SGD, &mut net)?;
        Ok(Self { net, optimiser, batch: Batch { x: device.tensor_from_vec(x, (count, SIDE, SIDE, 3)), y } })
    }

    fn step(&mut self) -> Result<Matrix<Cpu>, Box<dyn Error>> {
        let logits = self.net.train(self.batch.x.clone().leaky_traced())?;
        let answer = logits.retaped::<NoneTape>();
        let gradients = cross_entropy(logits, &self.batch.y, SMOOTHING)?.try_backward()?;
        self.optimiser.step(&mut self.net, &gradients, LEARNING_RATE)?;
        Ok(answer)
    }

    /// What the peer needs to start alike and to compare.
    fn exchange(&mut self) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut file = TensorFile::default();
        file.collect("start", &mut self.net);
        let logits = self.step()?;
        for _ in 1..CHECKED_STEPS {
            self.step()?;
        }
        file.collect("end", &mut self.net);
        file.collect("batch", &mut Shown { batch: &mut self.batch, logits });
        for (name, value) in [
            ("steps", CHECKED_STEPS as f64),
            ("learning_rate", LEARNING_RATE.into()),
            ("smoothing", SMOOTHING.into()),
            ("momentum", SGD.momentum.into()),
            ("weight_decay", SGD.weight_decay.into()),
            ("norm_bias_rate", SGD.norm_bias_rate.into()),
        ] {
            file.meta.insert(name.to_owned(), value.into());
        }
        Ok(file.to_bytes()?)
    }
}

struct Batch {
    x: Image<Cpu>,
    y: Vec<usize>,
}

struct Shown<'a> {
    batch: &'a mut Batch,
    logits: Matrix<Cpu>,
}

impl Module<Cpu> for Shown<'_> {
    fn walk<V: Visitor<Cpu>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        let labels = self.batch.y.iter().map(|&label| label as f32).collect();
        let mut labels: Vector<Cpu> = Cpu::default().tensor_from_vec(labels, (self.batch.y.len(),));
        visitor.visit(scope.child("x").name(), Role::Buffer, &mut self.batch.x)?;
        visitor.visit(scope.child("y").name(), Role::Buffer, &mut labels)?;
        visitor.visit(scope.child("logits").name(), Role::Buffer, &mut self.logits)
    }
}
