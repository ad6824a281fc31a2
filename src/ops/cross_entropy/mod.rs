//! Softmax cross-entropy with label smoothing, of labelled pictures and of the tokens of texts.

mod cpu;

use super::host::{Held, Matrix, add_to, copy};
use dfdx::prelude::*;

/// One number on a tape.
type Loss<D, T> = Tensor<Rank0, f32, D, T>;

/// `loss = -mean_b sum_k q[b, k] log softmax(logits[b])_k` with `q = (1 - s) onehot(label) + s / K`.
///
/// Shapes: `logits (B, K)`, `labels (B)` in `0..K`, `s` (smoothing) in `[0, 1)`; the result is one number in nats.
/// Matches `torch.nn.functional.cross_entropy(label_smoothing=s)` (Szegedy et al. 2016, section 7). The softmax is
/// taken around its largest logit. It is [`CrossEntropyOp::cross_entropy_tokens`] where every row counts alike; a batch
/// of logits is small, so that the composition serves every device.
///
/// # Errors
/// When the device is out of memory.
/// # Panics
/// When there are not as many labels as rows, or a label is not below `K`.
pub fn cross_entropy<D: Device<f32>, T: Tape<f32, D>>(
    logits: Matrix<D, T>,
    labels: &[usize],
    smoothing: f32,
) -> Result<Loss<D, T>, D::Err> {
    let targets: Vec<Option<usize>> = labels.iter().copied().map(Some).collect();
    composed(logits, &targets, None, smoothing)
}

/// Cross-entropy of many rows, some of which may not count, on a device.
pub trait CrossEntropyOp: Device<f32> {
    /// `loss = -sum_b w[b] sum_k q[b, k] log softmax(logits[b])_k / sum_b w[b]` over the rows that have a target, with
    /// `q = (1 - s) onehot(target) + s / K`.
    ///
    /// Shapes: `logits (R, K)`, `targets (R)` in `0..K`, `weights (R)`, all 1 where none are given; `s` (smoothing) in
    /// `[0, 1)`; the result is one number in nats, NaN where no row counts. Without weights it matches
    /// `torch.nn.functional.cross_entropy(ignore_index=-100, label_smoothing=s)`. Weights are those of the rows, where
    /// PyTorch has one a class: without smoothing the two are the same for `w[b] = weight[target]`. The softmax is
    /// taken around each row's largest logit.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many targets or weights as rows, or a target is not below `K`.
    fn cross_entropy_tokens<T: Tape<f32, Self>>(
        logits: Matrix<Self, T>,
        targets: &[Option<usize>],
        weights: Option<&[f32]>,
        smoothing: f32,
    ) -> Result<Loss<Self, T>, Self::Err> {
        composed(logits, targets, weights, smoothing)
    }
}

/// The target and the weight of each row that counts, and the sum of all weights.
fn counted(
    &(rows, classes): &(usize, usize),
    targets: &[Option<usize>],
    weights: Option<&[f32]>,
) -> (Vec<Option<(usize, f32)>>, f32) {
    assert_eq!(rows, targets.len(), "cross_entropy: one label a row");
    assert!(weights.is_none_or(|weights| weights.len() == rows), "cross_entropy: one weight a row");
    assert!(targets.iter().flatten().all(|&target| target < classes), "cross_entropy: a label is no class");
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let goals: Vec<_> =
        targets.iter().enumerate().map(|(row, target)| target.map(|target| (target, weight(row)))).collect();
    let total = goals.iter().flatten().map(|&(_, weight)| f64::from(weight)).sum::<f64>() as f32;
    (goals, total)
}

impl CrossEntropyOp for Cpu {
    fn cross_entropy_tokens<T: Tape<f32, Self>>(
        logits: Matrix<Self, T>,
        targets: &[Option<usize>],
        weights: Option<&[f32]>,
        smoothing: f32,
    ) -> Result<Loss<Self, T>, Self::Err> {
        let shape = *logits.shape();
        let (goals, total) = counted(&shape, targets, weights);
        let (logits, mut tape) = logits.split_tape();
        let mut numbers = copy(&Held::new(&logits));
        let loss = cpu::loss(&mut numbers, shape.1, &goals, total, smoothing, T::OWNS_TAPE);
        let loss = logits.device().try_tensor_from_vec(vec![loss], ())?;
        let (logits_ghost, loss_ghost) = (logits.ghost(), loss.ghost());
        tape.add_backward_op(move |grads| {
            let slope = grads.get_or_alloc_mut(&loss_ghost)?[0];
            let mut gradient = numbers;
            gradient.iter_mut().for_each(|dx| *dx *= slope);
            add_to(grads.get_or_alloc_mut(&logits_ghost)?, &gradient);
            Ok(())
        });
        Ok(loss.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl CrossEntropyOp for Cuda {}

/// [`CrossEntropyOp::cross_entropy_tokens`] composed of dfdx's own ops, with all of `q` as a matrix.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    logits: Matrix<D, T>,
    targets: &[Option<usize>],
    weights: Option<&[f32]>,
    smoothing: f32,
) -> Result<Loss<D, T>, D::Err> {
    let &(rows, classes) = logits.shape();
    let (goals, total) = counted(logits.shape(), targets, weights);
    let mut dense = vec![0.0; rows * classes];
    for (row, goal) in dense.chunks_exact_mut(classes).zip(goals) {
        if let Some((target, weight)) = goal {
            row.fill(smoothing / classes as f32 * weight);
            row[target] += (1.0 - smoothing) * weight;
        }
    }
    let dense = logits.device().try_tensor_from_vec(dense, (rows, classes))?;
    let log_shares = logits.try_log_softmax::<Axis<1>>()?;
    log_shares.try_mul(dense)?.try_sum::<Rank0, _>()?.try_mul(-1.0 / total)
}

#[cfg(test)]
mod tests;
