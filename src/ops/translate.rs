//! Pictures shifted by whole pixels.

use super::gather::gather;
use super::host::{Held, Image, zeros};
use dfdx::prelude::*;
use rayon::prelude::*;

/// Translation on a device.
pub trait TranslateOp: Device<f32> {
    /// `y[b, i, j, c] = x[b, i - down, j - right, c]` with `(down, right) = shifts[b]`, zero where that lies outside.
    ///
    /// Shapes: `x (B, H, W, C)`, one shift a picture, of any size and either sign. This is the translation of
    /// DiffAugment (Zhao et al. 2020, section 3.2); gradients flow to the pixels.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When there are not as many shifts as pictures.
    fn translate<T: Tape<f32, Self>>(x: Image<Self, T>, shifts: &[(i32, i32)]) -> Result<Image<Self, T>, Self::Err> {
        composed(x, shifts)
    }
}

type Shape4 = (usize, usize, usize, usize);

/// Calls `run(from, to, length)` for each row of the part of a picture that stays inside.
fn runs(&(_, height, width, channels): &Shape4, (down, right): (i32, i32), mut run: impl FnMut(usize, usize, usize)) {
    let kept = |side: usize, shift: i32| side.saturating_sub(shift.unsigned_abs() as usize);
    // Where the part that stays begins: in the source when the shift is negative, in the result when it is positive.
    let start = |shift: i32| (shift.min(0).unsigned_abs() as usize, shift.max(0).unsigned_abs() as usize);
    let ((from_row, to_row), (from_col, to_col)) = (start(down), start(right));
    let len = kept(width, right) * channels;
    if len > 0 {
        for row in 0..kept(height, down) {
            let from = ((from_row + row) * width + from_col) * channels;
            run(from, ((to_row + row) * width + to_col) * channels, len);
        }
    }
}

impl TranslateOp for Cpu {
    fn translate<T: Tape<f32, Self>>(x: Image<Self, T>, shifts: &[(i32, i32)]) -> Result<Image<Self, T>, Self::Err> {
        let shape = *x.shape();
        assert_eq!(shape.0, shifts.len(), "translate: one shift a picture");
        let image = shape.1 * shape.2 * shape.3;
        let (x, mut tape) = x.split_tape();
        let mut y = zeros(shape.0 * image);
        y.par_chunks_mut(image).zip(Held::new(&x).par_chunks(image)).zip(shifts).for_each(|((y, x), &shift)| {
            runs(&shape, shift, |from, to, len| y[to..to + len].copy_from_slice(&x[from..from + len]));
        });
        let y = x.device().try_tensor_from_vec(y, shape)?;
        let (x_ghost, y_ghost, shifts) = (x.ghost(), y.ghost(), shifts.to_vec());
        tape.add_backward_op(move |grads| {
            let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
            let dx = &mut **grads.get_or_alloc_mut(&x_ghost)?;
            dx.par_chunks_mut(image).zip(dy.par_chunks(image)).zip(&shifts).for_each(|((dx, dy), &shift)| {
                runs(&shape, shift, |from, to, len| super::host::add_to(&mut dx[from..from + len], &dy[to..to + len]));
            });
            Ok(())
        });
        Ok(y.put_tape(tape))
    }
}

#[cfg(feature = "cuda")]
impl TranslateOp for Cuda {}

/// [`TranslateOp::translate`] composed of dfdx's own ops: the batch is gathered as one tall picture.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(x: Image<D, T>, shifts: &[(i32, i32)]) -> Result<Image<D, T>, D::Err> {
    let shape = *x.shape();
    let (batch, height, width, channels) = shape;
    assert_eq!(batch, shifts.len(), "translate: one shift a picture");
    let image = height * width * channels;
    let mut places = vec![batch * image; batch * image];
    for (index, (places, &shift)) in places.chunks_exact_mut(image).zip(shifts).enumerate() {
        runs(&shape, shift, |from, to, len| {
            places[to..to + len].iter_mut().zip(index * image + from..).for_each(|(place, index)| *place = index);
        });
    }
    gather(x.try_reshape_like(&(1, batch * height, width, channels))?, places)?.try_reshape_like(&shape)
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

    fn run(way: Way, numbers: &[f32], [height, width, channels]: [usize; 3], shifts: &[(i32, i32)]) -> Outcome {
        let x = tensor(numbers, (shifts.len(), height, width, channels));
        let traced: Image<Cpu, TestTape> = x.leaky_trace();
        let y = match way {
            Way::Kernel => Cpu::translate(traced, shifts),
            Way::Composition => composed(traced, shifts),
        };
        let (y, gradients) = differentiate(y.unwrap());
        Outcome { y, gradients: vec![gradients.get(&x).as_vec()] }
    }

    // x = steps(18, 7, 11).reshape(2, 3, 3, 1).requires_grad_()
    // y = torch.stack([F.pad(x[0], (0, 0, 1, 0, 0, 2))[2:, :3], F.pad(x[1], (0, 0, 0, 2, 1, 0))[:3, 2:]])
    // (y * cotangent(y)).sum().backward()
    // print(y, x.grad)
    #[test]
    fn pixels_and_gradients_as_pytorch() {
        let due = Outcome {
            y: vec![0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.25, 0.0, 0.0, 1.25, 0.0, 0.0],
            gradients: vec![vec![
                0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.375, 0.875, 0.0, 0.0, 0.0, -0.625, 0.0, 0.0, -0.75, 0.0, 0.0, 0.0,
            ]],
        };
        for way in [Way::Kernel, Way::Composition] {
            assert_outcome(&way, &run(way, &steps(18, 7, 11), [3, 3, 1], &[(-2, 1), (1, -2)]), &due, 1e-6);
        }
    }

    #[test]
    fn gradients_are_slopes() {
        let shifts = [(0, 0), (2, -1), (-1, 3), (9, 0)];
        let inputs = [noise("x", 4 * 4 * 5 * 2)];
        assert_slopes(&shifts, &inputs, 1e-3, |inputs| run(Way::Kernel, &inputs[0], [4, 5, 2], &shifts));
    }

    proptest! {
        #[test]
        fn kernel_matches_composition_at_any_shift(
            shifts in prop::collection::vec((-6i32..7, -6i32..7), 1..9),
            size in (1usize..6, 1usize..6, 1usize..4),
        ) {
            let size = [size.0, size.1, size.2];
            let numbers = noise("x", shifts.len() * size.iter().product::<usize>());
            let due = run(Way::Composition, &numbers, size, &shifts);
            assert_outcome(&(size, &shifts), &run(Way::Kernel, &numbers, size, &shifts), &due, 0.0);
        }
    }

    #[test]
    fn the_farthest_shifts_leave_nothing() {
        let shifts = [(i32::MIN, 0), (0, i32::MAX), (3, -3)];
        assert!(run(Way::Kernel, &noise("x", 27), [3, 3, 1], &shifts).y.iter().all(|y| *y == 0.0));
    }

    #[test]
    fn gradients_add_up() {
        let x = tensor(&noise("x", 32), (2, 4, 4, 1));
        assert_gradients_add_up(&x, |x| Cpu::translate(x, &[(1, -1), (0, 2)]).unwrap());
    }

    #[test]
    fn same_bits_on_any_number_of_threads() {
        let shifts: Vec<(i32, i32)> = (0..33).map(|i| (i % 5 - 2, i % 3 - 1)).collect();
        let numbers = noise("x", 33 * 192);
        assert_same_bits_on_any_threads(&"translate", || run(Way::Kernel, &numbers, [8, 8, 3], &shifts));
    }

    #[test]
    fn a_nan_moves_alone() {
        let mut numbers = noise("x", 9);
        numbers[4] = f32::NAN;
        let y = run(Way::Kernel, &numbers, [3, 3, 1], &[(1, 0)]).y;
        assert!(y.iter().enumerate().all(|(index, y)| y.is_nan() == (index == 7)), "{y:?}");
    }

    #[test]
    #[should_panic(expected = "one shift a picture")]
    fn a_missing_shift_is_refused() {
        let _ = Cpu::translate(tensor(&[0.0; 8], (2, 2, 2, 1)), &[(0, 0)]);
    }
}
