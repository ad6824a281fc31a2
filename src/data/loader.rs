//! Batches made ahead of their use, on a thread of their own.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use super::IMAGE_BYTES;
use super::augment::{Augment, Choice, Chooser, Normaliser};
use super::error::DataError;
use super::split::{ChannelStats, Split};
use crate::ops::random::Stream;

/// Batches that may wait ready: enough to hide one slow batch, few enough to stay small.
const AHEAD: usize = 2;

/// Images and labels for one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The step this batch is for; the first of a run is 0.
    pub step: u64,
    /// The epoch it belongs to, from 0.
    pub epoch: u64,
    /// (n, 32, 32, 3), normalised.
    pub x: Vec<f32>,
    /// n labels.
    pub y: Vec<usize>,
    /// Which images of the split these are.
    pub indices: Vec<u32>,
}

/// Whole batches in an epoch of `images`; the rest is left out of that epoch. A batch size above `images` counts as
/// `images`, so that there is always one.
pub fn steps_per_epoch(images: usize, batch: usize) -> u64 {
    (images / batch.clamp(1, images.max(1))) as u64
}

/// An iterator over batches that are prepared ahead on a thread; dropping it ends the thread.
#[derive(Debug)]
pub struct Loader {
    // Taken on drop before the thread is joined: a closed channel is what ends it.
    batches: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Endless training batches from `start_step` on: bit for bit those that a loader started at step 0 would give
    /// from there. Each epoch is a permutation of `indices`, sorted by the hash of `(seed, "order", epoch, index)`;
    /// its last partial batch is dropped. Without any indices there are no batches.
    pub fn new(
        split: &Split,
        indices: &[u32],
        batch: usize,
        augment: Augment,
        seed: u64,
        stats: ChannelStats,
        start_step: u64,
    ) -> Result<Self, DataError> {
        let split = split.clone();
        let batch = batch.clamp(1, indices.len().max(1));
        let steps = steps_per_epoch(indices.len(), batch);
        let normaliser = Normaliser::new(stats);
        let mut order = EpochOrder::new(indices, seed);
        let mut step = start_step;
        Self::spawn(move || {
            let epoch = step.checked_div(steps)?;
            let from = (step % steps) as usize * batch;
            let chosen = &order.of(epoch)[from..from + batch];
            let chooser = Chooser::new(augment, seed, epoch);
            let made = make(&split, chosen, &normaliser, |i| chooser.choose(i), step, epoch);
            step += 1;
            Some(made)
        })
    }

    /// One pass over `indices` in their order, as they are; the last batch may be smaller.
    pub fn evaluate(split: &Split, indices: &[u32], batch: usize, stats: ChannelStats) -> Result<Self, DataError> {
        let split = split.clone();
        let normaliser = Normaliser::new(stats);
        let indices = indices.to_vec();
        let mut step = 0;
        Self::spawn(move || {
            let chosen = indices.chunks(batch.max(1)).nth(step)?;
            let made = make(&split, chosen, &normaliser, |_| Choice::default(), step as u64, 0);
            step += 1;
            Some(made)
        })
    }

    fn spawn(mut produce: impl FnMut() -> Option<Batch> + Send + 'static) -> Result<Self, DataError> {
        let (sender, receiver) = sync_channel(AHEAD);
        let work = move || {
            while let Some(batch) = produce() {
                if sender.send(batch).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("loader".into()).spawn(work).map_err(DataError::Thread)?;
        Ok(Self { batches: Some(receiver), thread: Some(thread) })
    }
}

impl Iterator for Loader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        self.batches.as_ref()?.recv().ok()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // It is at most in the middle of one batch; a panic of its own has been printed already.
            let _ = thread.join();
        }
    }
}

fn make(
    split: &Split,
    chosen: &[u32],
    normaliser: &Normaliser,
    choose: impl Fn(u32) -> Choice,
    step: u64,
    epoch: u64,
) -> Batch {
    let mut x = Vec::with_capacity(chosen.len() * IMAGE_BYTES);
    for &i in chosen {
        normaliser.append(split.image(i as usize), choose(i), &mut x);
    }
    Batch {
        step,
        epoch,
        x,
        y: chosen.iter().map(|&i| usize::from(split.labels[i as usize])).collect(),
        indices: chosen.to_vec(),
    }
}

/// The order of the images in each epoch; the last one asked for is kept.
struct EpochOrder {
    seed: u64,
    indices: Vec<u32>,
    current: Option<(u64, Vec<u32>)>,
}

impl EpochOrder {
    fn new(indices: &[u32], seed: u64) -> Self {
        Self { seed, indices: indices.to_vec(), current: None }
    }

    fn of(&mut self, epoch: u64) -> &[u32] {
        let stale = self.current.take_if(|(e, _)| *e != epoch).map(|(_, order)| order);
        let (_, order) = self.current.get_or_insert_with(|| {
            let mut order = stale.unwrap_or_default();
            let stream = Stream::new(self.seed, "order", epoch);
            order.clone_from(&self.indices);
            order.sort_unstable_by_key(|&i| (stream.at(u64::from(i)), i));
            (epoch, order)
        });
        order
    }
}

#[cfg(test)]
mod tests {
    use super::super::augment::Flip;
    use super::*;
    use std::time::{Duration, Instant};

    const AUGMENT: Augment = Augment { flip: Flip::Alternating, shift: 2, cutout: 5 };
    const STATS: ChannelStats = ChannelStats { mean: [0.5; 3], std: [0.25; 3] };

    fn split(n: usize) -> Split {
        Split {
            images: (0..n * IMAGE_BYTES).map(|i| (i * 31 % 253) as u8).collect(),
            labels: (0..n).map(|i| (i % 7) as u8).collect(),
        }
    }

    fn train(n: usize, batch: usize, seed: u64, start: u64) -> Loader {
        let all: Vec<u32> = (0..n as u32).collect();
        Loader::new(&split(n), &all, batch, AUGMENT, seed, STATS, start).unwrap()
    }

    #[test]
    fn an_epoch_is_a_permutation_and_the_partial_batch_is_dropped() {
        assert_eq!(steps_per_epoch(47, 10), 4);
        let batches: Vec<Batch> = train(47, 10, 1, 0).take(8).collect();
        for (i, batch) in batches.iter().enumerate() {
            assert_eq!((batch.step, batch.epoch), (i as u64, i as u64 / 4));
            assert_eq!((batch.x.len(), batch.y.len()), (10 * IMAGE_BYTES, 10));
            let labels: Vec<usize> = batch.indices.iter().map(|i| (i % 7) as usize).collect();
            assert_eq!(batch.y, labels);
        }
        let epoch =
            |e: usize| -> Vec<u32> { batches[e * 4..e * 4 + 4].iter().flat_map(|b| b.indices.clone()).collect() };
        for e in 0..2 {
            let mut seen = epoch(e);
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 40);
        }
        assert_ne!(epoch(0), epoch(1));
    }

    #[test]
    fn a_loader_started_anywhere_continues_bit_for_bit() {
        let whole: Vec<Batch> = train(60, 8, 5, 0).take(20).collect();
        for start in [1, 6, 7, 13, 19] {
            let resumed: Vec<Batch> = train(60, 8, 5, start).take(20 - start as usize).collect();
            assert!(resumed == whole[start as usize..], "resumed at {start}");
        }
        assert!(train(60, 8, 6, 0).next().unwrap() != whole[0], "another seed, another batch");
    }

    #[test]
    fn only_the_given_indices_are_used() {
        let kept = [3, 9, 11, 30];
        let loader = Loader::new(&split(40), &kept, 2, AUGMENT, 0, STATS, 0).unwrap();
        assert!(loader.take(9).all(|b| b.indices.iter().all(|i| kept.contains(i))));
    }

    #[test]
    fn evaluation_keeps_order_and_the_partial_batch() {
        let s = split(10);
        let indices = [9, 0, 4, 3, 8];
        let batches: Vec<Batch> = Loader::evaluate(&s, &indices, 2, STATS).unwrap().collect();
        assert_eq!(batches.iter().map(|b| b.y.len()).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(batches.iter().flat_map(|b| b.indices.clone()).collect::<Vec<_>>(), indices);
        assert_eq!(batches[2].x, Normaliser::new(STATS).apply(s.image(8)));
    }

    #[test]
    fn odd_sizes_are_no_trap() {
        assert_eq!(train(5, 100, 0, 0).next().unwrap().y.len(), 5, "a batch above the split is the split");
        assert_eq!(train(5, 0, 0, 0).next().unwrap().y.len(), 1);
        assert!(train(0, 4, 0, 0).next().is_none());
        assert!(Loader::evaluate(&split(3), &[], 2, STATS).unwrap().next().is_none());
        assert_eq!(train(3, 2, 0, 1 << 60).next().unwrap().step, 1 << 60);
    }

    #[test]
    fn a_dropped_loader_ends_its_thread() {
        let began = Instant::now();
        for taken in 0..20 {
            let mut loader = train(64, 16, 0, 0);
            let made = loader.by_ref().take(taken % 4).count();
            assert_eq!(made, taken % 4);
            drop(loader); // joins: it would never come back if the thread still waited for room
        }
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    /// `cargo test --release --lib loader_speed -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn loader_speed() {
        let n = 20_000;
        for (name, flip, shift) in [("plain", Flip::Off, 0), ("flip and shift", Flip::Random, 2)] {
            let augment = Augment { flip, shift, cutout: 0 };
            let all: Vec<u32> = (0..n).collect();
            let loader = Loader::new(&split(n as usize), &all, 500, augment, 0, STATS, 0).unwrap();
            let began = Instant::now();
            let images: usize = loader.take(200).map(|b| b.y.len()).sum();
            println!("{name}: {:.0} images/s", images as f64 / began.elapsed().as_secs_f64());
        }
    }
}
