//! How long a whole training step of each model takes, on made-up pictures: the recipe's own, as `pixscribe bench` times it on
//! real ones.
//!
//! `cargo bench --bench step`; "fastest" is the column to read on a machine that does other work too.

use dfdx::prelude::Cpu;
use divan::Bencher;
use divan::counter::ItemsCount;
use pixscribe::config::{Config, ModelKind};
use pixscribe::data::made_up;
use pixscribe::train::recipe;
use std::path::Path;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    pixscribe::ops::share_work(0);
    divan::main();
}

#[divan::bench(args = ModelKind::ALL.iter().copied(), sample_count = 10, sample_size = 1)]
fn step(bencher: Bencher, model: &ModelKind) {
    let config = Config::default();
    let mut recipe =
        recipe(*model, Cpu::default(), made_up(5000), &config, Path::new("checkpoints")).expect("a recipe");
    recipe.begin().expect("first weights");
    let mut at = 0;
    bencher.counter(ItemsCount::new(recipe.plan().batch_size)).bench_local(|| {
        recipe.step(at).expect("a step");
        at += 1;
    });
}
