//! Two pictures as one with the channels of both, and two texts as one.

use super::host::{Held, Image, Tokens, add_to, written};
use dfdx::prelude::*;
use rayon::prelude::*;

/// Channel concatenation on a device.
pub trait ConcatOp: Device<f32> {
    /// `y[b, i, j] = (a[b, i, j], b[b, i, j])`: `a (B, H, W, C)`, `b (B, H, W, C')`, `y (B, H, W, C + C')`.
    ///
    /// Matches `torch.cat((a, b), dim=-1)`; gradients flow to both.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the pictures differ in more than their channels.
    fn concat_channels<T: Tape<f32, Self>>(a: Image<Self, T>, b: Image<Self, T>) -> Result<Image<Self, T>, Self::Err> {
        composed(a, b)
    }

    /// The tokens of `a (B, N, C)` and then those of `b (B, M, C)`, `(B, N + M, C)`.
    ///
    /// Matches `torch.cat((a, b), dim=1)`; gradients flow to both.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When batch or width differ.
    fn concat_tokens<T: Tape<f32, Self>>(a: Tokens<Self, T>, b: Tokens<Self, T>) -> Result<Tokens<Self, T>, Self::Err> {
        let (&(batch, first, width), &(others, second, other)) = (a.shape(), b.shape());
        assert!((batch, width) == (others, other), "concat_tokens: tokens of two batches or widths");
        // All numbers of a text are the channels of one pixel.
        let a: Image<Self, T> = a.try_reshape_like(&(batch, 1, 1, first * width))?;
        let b: Image<Self, T> = b.try_reshape_like(&(batch, 1, 1, second * width))?;
        Self::concat_channels(a, b)?.try_reshape_like(&(batch, first + second, width))
    }

    /// The texts of `x (R, N, C)` that `index` names, in its order, each followed by its own of `more (S, M, C)`:
    /// `(S, N + M, C)`, without gradients.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many texts as places in `index`, one is not below `R`, or the widths differ.
    fn extend_texts(x: &Tokens<Self>, index: &[usize], more: Tokens<Self>) -> Result<Tokens<Self>, Self::Err> {
        composed_texts(x, index, more)
    }
}

fn check_texts(x: &Shape3, index: &[usize], more: &Shape3) {
    assert!(index.len() == more.0 && x.2 == more.2, "extend_texts: other texts");
    assert!(index.iter().all(|&text| text < x.0), "extend_texts: a text is not there");
}

type Shape3 = (usize, usize, usize);
type Shape4 = (usize, usize, usize, usize);

fn joined(a: &Shape4, b: &Shape4) -> Shape4 {
    assert!((a.0, a.1, a.2) == (b.0, b.1, b.2), "concat_channels: pictures of two sizes");
    (a.0, a.1, a.2, a.3 + b.3)
}

impl ConcatOp for Cpu {
    fn concat_channels<T: Tape<f32, Self>>(a: Image<Self, T>, b: Image<Self, T>) -> Result<Image<Self, T>, Self::Err> {
        let shape = joined(a.shape(), b.shape());
        let (first, second, both) = (a.shape().3, b.shape().3, shape.3);
        let positions = shape.1 * shape.2;
        let ((a, a_tape), (b, b_tape)) = (a.split_tape(), b.split_tape());
        let mut tape = a_tape.merge(b_tape);
        let (left, right) = (Held::new(&a), Held::new(&b));
        let y = written(shape.0 * positions * both, positions * both, |picture, y| {
            let left = left[picture * positions * first..].chunks_exact(first);
            let right = right[picture * positions * second..].chunks_exact(second);
            for (left, right) in left.zip(right).take(positions) {
                y.append(left);
                y.append(right);
            }
        });
        let y = a.device().try_tensor_from_vec(y, shape)?;
        let (a_ghost, b_ghost, y_ghost) = (a.ghost(), b.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            add_channels(&dy, both, 0, positions * first, first, grads.get_or_alloc_mut(&a_ghost)?);
            add_channels(&dy, both, first, positions * second, second, grads.get_or_alloc_mut(&b_ghost)?);
            Ok(())
        });
        Ok(y.put_tape(tape))
    }

    fn extend_texts(x: &Tokens<Self>, index: &[usize], more: Tokens<Self>) -> Result<Tokens<Self>, Self::Err> {
        let (&(_, first, width), &(texts, second, _)) = (x.shape(), more.shape());
        check_texts(x.shape(), index, more.shape());
        let (old, new) = (Held::new(x), Held::new(&more));
        let y = written(texts * (first + second) * width, (first + second) * width, |text, y| {
            y.append(&old[index[text] * first * width..][..first * width]);
            y.append(&new[text * second * width..][..second * width]);
        });
        x.device().try_tensor_from_vec(y, (texts, first + second, width))
    }
}

/// Adds the `channels` from `from` on of `dy (rows, both)` to `sums (rows, channels)`, `picture` floats a task.
fn add_channels(dy: &[f32], both: usize, from: usize, picture: usize, channels: usize, sums: &mut [f32]) {
    sums.par_chunks_mut(picture).zip(dy.par_chunks(picture / channels * both)).for_each(|(sums, dy)| {
        let rows = sums.chunks_exact_mut(channels).zip(dy.chunks_exact(both));
        rows.for_each(|(sums, dy)| add_to(sums, &dy[from..from + channels]));
    });
}

#[cfg(feature = "cuda")]
impl ConcatOp for Cuda {}

/// [`ConcatOp::concat_channels`] composed of dfdx's own ops.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(a: Image<D, T>, b: Image<D, T>) -> Result<Image<D, T>, D::Err> {
    let shape = joined(a.shape(), b.shape());
    // dfdx concatenates whole rows when the axis is the first.
    let rows = |x: Image<D, T>| -> Result<super::host::Matrix<D, T>, D::Err> {
        let &(batch, height, width, channels) = x.shape();
        x.try_reshape_like(&(batch * height * width, channels))?.try_permute::<_, Axes2<1, 0>>()
    };
    let columns: super::host::Matrix<D, T> = (rows(a)?, rows(b)?).try_concat_along(Axis::<0>)?;
    let rows: super::host::Matrix<D, T> = columns.try_permute::<_, Axes2<1, 0>>()?;
    rows.try_reshape_like(&shape)
}

/// [`ConcatOp::extend_texts`] by ops of the device.
fn composed_texts<D: ConcatOp>(x: &Tokens<D>, index: &[usize], more: Tokens<D>) -> Result<Tokens<D>, D::Err> {
    check_texts(x.shape(), index, more.shape());
    let &(texts, tokens, width) = x.shape();
    let whole = super::rows(x.clone().try_reshape_like(&(texts, tokens * width))?, index)?;
    D::concat_tokens(whole.try_reshape_like(&(index.len(), tokens, width))?, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{
        Outcome, TestTape, assert_gradients_add_up, assert_outcome, assert_same_bits_on_any_threads, assert_slopes,
        differentiate, noise, steps, tensor,
    };
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Way {
        Kernel,
        Composition,
    }

    /// Batch, height and width, and the channels of both.
    #[derive(Clone, Copy, Debug)]
    struct Case {
        way: Way,
        picture: [usize; 3],
        channels: [usize; 2],
    }

    impl Case {
        fn inputs(&self) -> Vec<Vec<f32>> {
            let rows: usize = self.picture.iter().product();
            vec![noise("a", rows * self.channels[0]), noise("b", rows * self.channels[1])]
        }

        fn run(&self, inputs: &[Vec<f32>]) -> Outcome {
            let [batch, height, width] = self.picture;
            let [a, b] = [0, 1].map(|i| tensor(&inputs[i], (batch, height, width, self.channels[i])));
            let traced: [Image<Cpu, TestTape>; 2] = [a.leaky_trace(), b.leaky_trace()];
            let [left, right] = traced;
            let y = match self.way {
                Way::Kernel => Cpu::concat_channels(left, right),
                Way::Composition => composed(left, right),
            };
            let (y, gradients) = differentiate(y.unwrap());
            Outcome { y, gradients: vec![gradients.get(&a).as_vec(), gradients.get(&b).as_vec()] }
        }
    }

    // a = steps(8, 7, 11).reshape(2, 1, 2, 2).requires_grad_()
    // b = steps(4, 3, 13).reshape(2, 1, 2, 1).requires_grad_()
    // y = torch.cat((a, b), dim=-1)
    // (y * cotangent(y)).sum().backward()
    // print(y, a.grad, b.grad)
    #[test]
    fn outputs_and_gradients_as_pytorch() {
        let due = Outcome {
            y: vec![-1.25, 0.5, -1.5, -0.5, 1.25, -0.75, 0.25, -0.75, 0.0, 1.0, 0.0, 0.75],
            gradients: vec![
                vec![-1.625, -0.375, -1.375, -0.125, -1.125, 0.125, -0.875, 0.375],
                vec![0.875, 1.125, 1.375, 1.625],
            ],
        };
        for way in [Way::Kernel, Way::Composition] {
            let case = Case { way, picture: [2, 1, 2], channels: [2, 1] };
            assert_outcome(&case, &case.run(&[steps(8, 7, 11), steps(4, 3, 13)]), &due, 1e-6);
        }
    }

    #[test]
    fn gradients_are_slopes() {
        let case = Case { way: Way::Kernel, picture: [2, 3, 2], channels: [3, 2] };
        assert_slopes(&case, &case.inputs(), 1e-3, |inputs| case.run(inputs));
    }

    proptest! {
        #[test]
        fn kernel_matches_composition_at_any_shape(
            (batch, height, width) in (1usize..20, 1usize..6, 1usize..6),
            (first, second) in (1usize..20, 1usize..20),
        ) {
            let kernel = Case { way: Way::Kernel, picture: [batch, height, width], channels: [first, second] };
            let due = Case { way: Way::Composition, ..kernel }.run(&kernel.inputs());
            assert_outcome(&kernel, &kernel.run(&kernel.inputs()), &due, 0.0);
        }
    }

    #[test]
    fn gradients_add_up_also_where_both_are_one() {
        let x = tensor(&noise("x", 24), (2, 2, 2, 3));
        let other: Image<Cpu> = tensor(&noise("y", 16), (2, 2, 2, 2));
        assert_gradients_add_up(&x, |x| Cpu::concat_channels(x, other.retaped()).unwrap());
        assert_gradients_add_up(&x, |x| Cpu::concat_channels(other.retaped(), x).unwrap());
        assert_gradients_add_up(&x, |x| {
            let again = x.retaped();
            Cpu::concat_channels(x, again).unwrap()
        });
    }

    // a, b = steps(12, 7, 11).reshape(2, 3, 2), steps(4, 3, 13).reshape(2, 1, 2)
    // print(torch.cat((a, b), dim=1))
    #[test]
    fn tokens_follow_one_another_as_in_pytorch() {
        let (a, b) = (tensor(&steps(12, 7, 11), (2, 3, 2)), tensor(&steps(4, 3, 13), (2, 1, 2)));
        let y: Tokens<Cpu> = Cpu::concat_tokens(a.clone(), b.clone()).unwrap();
        let due = [-1.25, 0.5, -0.5, 1.25, 0.25, -0.75, -1.5, -0.75, 1.0, 0.0, -1.0, 0.75, -0.25, -1.25, 0.0, 0.75];
        assert_eq!((*y.shape(), y.as_vec()), ((2, 4, 2), due.to_vec()));
        assert_gradients_add_up(&a, |a| Cpu::concat_tokens(a, b.retaped()).unwrap());
        assert_gradients_add_up(&b, |b| Cpu::concat_tokens(a.retaped(), b).unwrap());
    }

    // a, b = steps(12, 7, 11).reshape(2, 3, 2), steps(6, 3, 13).reshape(3, 1, 2)
    // print(torch.cat((a[[1, 0, 1]], b), dim=1))
    #[test]
    fn texts_are_taken_and_extended_as_in_pytorch() {
        let (a, b) = (tensor(&steps(12, 7, 11), (2, 3, 2)), tensor(&steps(6, 3, 13), (3, 1, 2)));
        let due = [
            1.0, 0.0, -1.0, 0.75, -0.25, -1.25, -1.5, -0.75, -1.25, 0.5, -0.5, 1.25, 0.25, -0.75, 0.0, 0.75, 1.0, 0.0,
            -1.0, 0.75, -0.25, -1.25, 1.5, -1.0,
        ];
        for y in [Cpu::extend_texts(&a, &[1, 0, 1], b.clone()), composed_texts(&a, &[1, 0, 1], b.clone())] {
            let y = y.unwrap();
            assert_eq!(*y.shape(), (3, 4, 2));
            assert_eq!(y.as_vec(), due);
        }
    }

    #[test]
    #[should_panic(expected = "a text is not there")]
    fn an_unknown_text_is_refused() {
        let _ = Cpu::extend_texts(&tensor(&[0.0; 4], (2, 1, 2)), &[2], tensor(&[0.0; 2], (1, 1, 2)));
    }

    #[test]
    fn same_bits_on_any_number_of_threads() {
        let case = Case { way: Way::Kernel, picture: [33, 5, 4], channels: [7, 3] };
        assert_same_bits_on_any_threads(&case, || case.run(&case.inputs()));
    }

    #[test]
    fn a_nan_moves_alone() {
        let case = Case { way: Way::Kernel, picture: [2, 2, 2], channels: [3, 2] };
        let mut inputs = case.inputs();
        inputs[1][5] = f32::NAN;
        assert_eq!(case.run(&inputs).y.iter().filter(|y| y.is_nan()).count(), 1);
    }

    #[test]
    #[should_panic(expected = "pictures of two sizes")]
    fn pictures_of_two_sizes_are_refused() {
        let _ = Cpu::concat_channels(tensor(&[0.0; 4], (1, 2, 2, 1)), tensor(&[0.0; 4], (1, 1, 4, 1)));
    }
}
