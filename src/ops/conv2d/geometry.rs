//! The sizes of a convolution and how its work is cut.

use crate::ops::space_depth::Layout;
use std::ops::Range;

/// The parts that a batch is cut into, whatever the number of threads: sums over the batch are taken part by part and
/// then over the parts in order, so that the same batch gives the same bits on any number of threads.
pub const PARTS: usize = 16;

/// Positions that are worked on together: their pictures and gradients stay in the first two caches.
const GROUP_POSITIONS: usize = 224;

/// The sizes of one convolution with stride 1, pictures `(batch, height, width, channels)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub filters: usize,
    pub kernel: usize,
    pub pad: usize,
    /// The picture is given as its pixels, `(2 height - 2, 2 width - 2, channels / 4)`, and laid in squares of 2x2 with a
    /// border of zeros on the way in; see [`crate::ops::SpaceDepthOp::space_to_depth`].
    pub squares: bool,
}

impl Geometry {
    pub fn padded_width(&self) -> usize {
        self.width + 2 * self.pad
    }

    pub fn out_height(&self) -> usize {
        self.height + 2 * self.pad + 1 - self.kernel
    }

    pub fn out_width(&self) -> usize {
        self.padded_width() + 1 - self.kernel
    }

    /// Outputs of one picture, each of `filters` channels.
    pub fn positions(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Multiply-adds of one pass over the batch: forward, for the weights' gradients, or for the input's.
    pub fn macs(&self) -> usize {
        self.batch * self.positions() * self.window_len() * self.filters
    }

    /// Floats of one picture and of its padded copy.
    pub fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Floats of one picture as it is given.
    pub fn source_len(&self) -> usize {
        if self.squares { self.layout().len() } else { self.image_len() }
    }

    /// How the pixels lie in squares.
    pub fn layout(&self) -> Layout {
        let (height, width) = (2 * self.height - 2, 2 * self.width - 2);
        Layout { height, width, channels: self.channels / 4, border: 1 }
    }

    pub fn padded_len(&self) -> usize {
        (self.height + 2 * self.pad) * self.padded_width() * self.channels
    }

    /// Floats of one picture's outputs before pooling.
    pub fn out_len(&self) -> usize {
        self.positions() * self.filters
    }

    /// Distance of two rows in a padded picture.
    pub fn row_stride(&self) -> usize {
        self.padded_width() * self.channels
    }

    /// Length of a window row: `kernel * channels` contiguous floats.
    pub fn run(&self) -> usize {
        self.kernel * self.channels
    }

    /// Elements of a window, `kernel * kernel * channels`.
    pub fn window_len(&self) -> usize {
        self.kernel * self.run()
    }

    /// Pictures in a group.
    pub fn group(&self) -> usize {
        (GROUP_POSITIONS / self.positions()).max(1)
    }

    /// Output rows of a picture that weight gradients are summed over at a time.
    pub fn row_block(&self) -> usize {
        (GROUP_POSITIONS / self.out_width()).clamp(1, self.out_height())
    }

    /// The convolution that takes output gradients back to input gradients: kernels turned by half a circle.
    pub fn transposed(&self) -> Self {
        Self {
            height: self.out_height(),
            width: self.out_width(),
            channels: self.filters,
            filters: self.channels,
            pad: self.kernel - 1 - self.pad,
            squares: false,
            ..*self
        }
    }

    /// Where each output of a group of `images` padded pictures has its window.
    pub fn window_starts(&self, images: usize) -> Vec<usize> {
        let mut starts = Vec::with_capacity(images * self.positions());
        for image in 0..images {
            for y in 0..self.out_height() {
                let row = image * self.padded_len() + y * self.row_stride();
                starts.extend((0..self.out_width()).map(|x| row + x * self.channels));
            }
        }
        starts
    }
}

/// The images of each part of a batch; empty parts are left out.
pub fn parts(batch: usize) -> Vec<Range<usize>> {
    (0..PARTS).map(|part| part * batch / PARTS..(part + 1) * batch / PARTS).filter(|range| !range.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_batch_once_and_in_order() {
        for batch in [0, 1, 15, 16, 17, 500] {
            let all: Vec<usize> = parts(batch).into_iter().flatten().collect();
            assert_eq!(all, (0..batch).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_transposed_convolution_gives_back_the_input_size() {
        let same =
            Geometry { batch: 1, height: 7, width: 5, channels: 3, filters: 4, kernel: 3, pad: 1, squares: false };
        let back = same.transposed();
        assert_eq!((back.out_height(), back.out_width(), back.filters), (7, 5, 3));
        let valid = Geometry { kernel: 2, pad: 0, ..same };
        let back = valid.transposed();
        assert_eq!((back.height, back.out_height(), back.out_width()), (6, 7, 5));
    }
}
