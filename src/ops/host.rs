//! Between dfdx's tape and slices: what every CPU kernel needs to read its inputs and to work on gradients.

use dfdx::prelude::*;
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// A batch of pictures, channels last: `(B, H, W, C)`.
pub type Image<D, T = NoneTape> = Tensor<(usize, usize, usize, usize), f32, D, T>;
/// A batch of sequences of vectors, `(B, N, C)`.
pub type Tokens<D, T = NoneTape> = Tensor<(usize, usize, usize), f32, D, T>;
/// A batch of vectors, `(B, C)`.
pub type Matrix<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;
/// A vector of run-time length, `(C)`.
pub type Vector<D, T = NoneTape> = Tensor<(usize,), f32, D, T>;

/// The numbers of a contiguous tensor on any device, copied. On the CPU alone, [`Held`] reads them where they lie.
pub fn read<S: Shape, D: CopySlice<f32>, T>(tensor: &Tensor<S, f32, D, T>) -> Vec<f32> {
    let mut numbers = vec![0.0; tensor.shape().num_elements()];
    tensor.copy_into(&mut numbers);
    numbers
}

/// The numbers of a tensor on the CPU, kept as long as this is: where they lie if they lie in the order of the shape, else
/// as a copy.
pub enum Held<S: Shape> {
    Whole(Tensor<S, f32, Cpu>),
    Copied(Vec<f32>),
}

impl<S: Shape> Held<S> {
    pub fn new(tensor: &Tensor<S, f32, Cpu>) -> Self {
        if is_in_order(tensor) { Self::Whole(tensor.clone()) } else { Self::Copied(tensor.as_vec()) }
    }
}

impl<S: Shape> std::ops::Deref for Held<S> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Whole(tensor) if tensor.shape().num_elements() == 0 => &[],
            Self::Whole(tensor) => {
                let first: *const f32 = &tensor[S::Concrete::default()];
                // SAFETY: dfdx keeps a tensor's numbers in one vector, which lives as long as `tensor` and is copied before
                // anybody writes to it while there are two owners. It is private; an index gives a reference into it.
                // `is_in_order` has seen that from the first on all numbers follow, and that the last one is inside.
                unsafe { std::slice::from_raw_parts(first, tensor.shape().num_elements()) }
            }
            Self::Copied(numbers) => numbers,
        }
    }
}

/// The numbers of a tensor on the CPU, to change where they lie; copied first if another tensor has them too.
///
/// # Panics
/// When they do not lie in the order of the shape, which parameters always do.
pub fn numbers_mut<S: Shape>(tensor: &mut Tensor<S, f32, Cpu>) -> &mut [f32] {
    assert!(is_in_order(tensor), "the numbers of a parameter are out of order");
    let count = tensor.shape().num_elements();
    if count == 0 {
        return &mut [];
    }
    let first: *mut f32 = &mut tensor[S::Concrete::default()];
    // SAFETY: as in `Held::deref`; an index to change gives a reference into a vector that this tensor alone owns, for as
    // long as it is borrowed.
    unsafe { std::slice::from_raw_parts_mut(first, count) }
}

/// Whether the numbers follow one another as the shape says: nothing was turned or repeated.
fn is_in_order<S: Shape>(tensor: &Tensor<S, f32, Cpu>) -> bool {
    let (sizes, count) = (tensor.shape().concrete(), tensor.shape().num_elements());
    if count == 0 {
        return true;
    }
    let mut index = S::Concrete::default();
    let address = |index| std::ptr::from_ref(&tensor[index]).addr() / size_of::<f32>();
    let first = address(index);
    let (mut stride, mut last) = (1, index);
    for axis in (0..S::NUM_DIMS).rev() {
        if sizes[axis] > 1 {
            index[axis] = 1;
            if address(index) != first + stride {
                return false;
            }
            index[axis] = 0;
        }
        last[axis] = sizes[axis] - 1;
        stride *= sizes[axis];
    }
    address(last) == first + count - 1
}

/// Numbers that one task clears, or adds up.
const CHUNK: usize = 1 << 14;

/// Zeros, many of them written by all threads.
pub fn zeros(len: usize) -> Vec<f32> {
    if len <= CHUNK { vec![0.0; len] } else { written(len, CHUNK, |_, room| room.clear()) }
}

/// A copy, a large one made by all threads.
pub fn copy(numbers: &[f32]) -> Vec<f32> {
    if numbers.len() <= CHUNK {
        return numbers.to_vec();
    }
    written(numbers.len(), CHUNK, |index, room| {
        let from = index * CHUNK;
        room.append(&numbers[from..numbers.len().min(from + CHUNK)]);
    })
}

/// The sums of two lists, many of them on all threads.
pub fn sums(a: &[f32], b: &[f32]) -> Vec<f32> {
    let sum = |(a, b): (&f32, &f32)| a + b;
    if a.len() <= CHUNK {
        return a.iter().zip(b).map(sum).collect();
    }
    written(a.len(), CHUNK, |index, room| {
        let part = index * CHUNK..a.len().min((index + 1) * CHUNK);
        room.fill(a[part.clone()].iter().zip(&b[part]).map(sum));
    })
}

/// A vector that all threads write, without clearing it first: `write` appends to each chunk its numbers, told by the
/// chunk's place.
///
/// # Panics
/// When a chunk is not full after it.
pub fn written(len: usize, chunk: usize, write: impl Fn(usize, &mut Room) + Sync) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(len);
    let chunks = numbers.spare_capacity_mut()[..len].par_chunks_mut(chunk.max(1)).enumerate();
    chunks.for_each(|(index, chunk)| {
        let mut room = Room(chunk);
        write(index, &mut room);
        assert!(room.0.is_empty(), "numbers are missing");
    });
    // SAFETY: the chunks were all of the first `len` numbers, and each was written to its end.
    unsafe { numbers.set_len(len) };
    numbers
}

/// The same in parts of any length, each written with what belongs to it.
///
/// # Panics
/// When a part is not full after it.
pub fn written_in_parts<E: Send>(parts: Vec<(usize, E)>, write: impl Fn(E, &mut Room) + Sync) -> Vec<f32> {
    let len = parts.iter().map(|(len, _)| len).sum();
    let mut numbers = Vec::with_capacity(len);
    let mut rest = &mut numbers.spare_capacity_mut()[..len];
    let mut work = Vec::new();
    for (len, extra) in parts {
        let (own, tail) = rest.split_at_mut(len);
        rest = tail;
        work.push((extra, Room(own)));
    }
    work.into_par_iter().for_each(|(extra, mut room)| {
        write(extra, &mut room);
        assert!(room.0.is_empty(), "numbers are missing");
    });
    // SAFETY: the parts were all of the first `len` numbers, and each was written to its end.
    unsafe { numbers.set_len(len) };
    numbers
}

/// What is left of a chunk to be written.
pub struct Room<'a>(&'a mut [MaybeUninit<f32>]);

impl Room<'_> {
    /// # Panics
    /// When there is less room.
    pub fn append(&mut self, numbers: &[f32]) {
        let (own, rest) = std::mem::take(&mut self.0).split_at_mut(numbers.len());
        own.write_copy_of_slice(numbers);
        self.0 = rest;
    }

    fn clear(&mut self) {
        std::mem::take(&mut self.0).fill(MaybeUninit::new(0.0));
    }

    /// As many numbers as there are.
    fn fill(&mut self, numbers: impl Iterator<Item = f32>) {
        let mut written = 0;
        for (slot, number) in self.0.iter_mut().zip(numbers) {
            slot.write(number);
            written += 1;
        }
        self.0 = &mut std::mem::take(&mut self.0)[written..];
    }
}

impl<'a> Room<'a> {
    /// The next `len` numbers, zeros, to be written at once: while they are warm from being cleared.
    ///
    /// # Panics
    /// When there is less room.
    pub fn next(&mut self, len: usize) -> &'a mut [f32] {
        let (own, rest) = std::mem::take(&mut self.0).split_at_mut(len);
        self.0 = rest;
        own.fill(MaybeUninit::new(0.0));
        // SAFETY: all of them were written.
        unsafe { own.assume_init_mut() }
    }
}

/// Adds `values` to a gradient buffer, many of them on all threads.
pub fn add_to(gradient: &mut [f32], values: &[f32]) {
    let add = |(sums, values): (&mut [f32], &[f32])| sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += x);
    if values.len() <= CHUNK {
        add((gradient, values));
    } else {
        gradient.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{noise, tensor};

    #[test]
    fn numbers_are_held_where_they_lie_or_copied_where_they_are_out_of_order() {
        let x: Matrix<Cpu> = tensor(&noise("x", 12), (3, 4));
        let held = Held::new(&x);
        assert!(matches!(held, Held::Whole(_)) && *held == *x.as_vec());
        let turned: Matrix<Cpu> = x.clone().permute::<_, Axes2<1, 0>>();
        let repeated: Tokens<Cpu> = x.clone().broadcast_like::<_, Axis<1>>(&(3, 2, 4));
        let flat: Tensor<(usize, usize), f32, Cpu> = tensor(&noise("y", 4), (4, 1)).permute::<_, Axes2<1, 0>>();
        assert!(matches!(Held::new(&turned), Held::Copied(_)) && *Held::new(&turned) == *turned.as_vec());
        assert!(matches!(Held::new(&repeated), Held::Copied(_)) && *Held::new(&repeated) == *repeated.as_vec());
        assert_eq!(*Held::new(&flat), *flat.as_vec());
        let empty: Matrix<Cpu> = tensor(&[], (0, 4));
        assert!(Held::new(&empty).is_empty());
    }

    #[test]
    fn few_numbers_and_many_are_all_written() {
        for len in [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK - 1] {
            assert_eq!(zeros(len), vec![0.0; len]);
            let numbers = noise("x", len);
            assert_eq!(copy(&numbers), numbers);
            assert_eq!(sums(&numbers, &numbers), numbers.iter().map(|x| 2.0 * x).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "numbers are missing")]
    fn a_chunk_that_is_not_filled_is_noticed() {
        written(7, 3, |index, room| room.append(&[0.0; 3][index.min(1)..]));
    }

    #[test]
    fn parts_of_any_length_are_written_by_what_belongs_to_them() {
        let parts = vec![(2, 7.0), (0, 8.0), (3, 9.0)];
        let written = written_in_parts(parts, |extra, room| {
            let len = room.0.len();
            room.next(len / 2).fill(extra);
            room.next(len - len / 2);
        });
        assert_eq!(written, [7.0, 0.0, 9.0, 0.0, 0.0]);
    }

    #[test]
    fn who_changes_numbers_where_they_lie_leaves_a_copy_alone() {
        let mut x: Matrix<Cpu> = tensor(&noise("x", 12), (3, 4));
        let before = x.clone();
        numbers_mut(&mut x)[11] = 7.0;
        assert_eq!((x.as_vec()[11], before.as_vec()), (7.0, noise("x", 12)));
        let mut empty: Matrix<Cpu> = tensor(&[], (0, 4));
        assert!(numbers_mut(&mut empty).is_empty());
    }

    #[test]
    #[should_panic(expected = "out of order")]
    fn numbers_out_of_order_are_not_changed() {
        let x: Matrix<Cpu> = tensor(&noise("x", 12), (3, 4));
        numbers_mut(&mut x.permute::<_, Axes2<1, 0>>());
    }

    #[test]
    fn who_writes_to_a_tensor_leaves_what_is_held() {
        let mut x: Vector<Cpu> = tensor(&[1.0, 2.0], (2,));
        let held = Held::new(&x);
        x.copy_from(&[3.0, 4.0]);
        assert_eq!((&held[..], x.as_vec()), (&[1.0, 2.0][..], vec![3.0, 4.0]));
    }
}
