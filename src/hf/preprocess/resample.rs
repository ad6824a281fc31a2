//! Resizing to PIL's very pixels: along rows, then along columns, each rounded to 8 bits, weights in fixed point.

use image::RgbImage;

use super::filter::{Filter, PRECISION, Window};

const CHANNELS: usize = 3;

/// A picture of `width` x `height` pixels, equal to `Image.resize` of an RGB picture in PIL up to version 12. Version 13
/// begins with the columns for some sizes, which can change how a pixel is rounded, and with a filter that overshoots how
/// it is clipped. A direction whose length stays the same is left as it is.
pub(super) fn resize(picture: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    if filter == Filter::Nearest {
        return nearest(picture, width, height);
    }
    let (from_width, from_height) = (picture.width() as usize, picture.height() as usize);
    let mut rows = picture.as_raw().clone();
    if width as usize != from_width {
        rows = along_rows(&rows, from_width, &filter.windows(from_width, width as usize));
    }
    if height as usize != from_height {
        rows = along_columns(&rows, width as usize, &filter.windows(from_height, height as usize));
    }
    // The lengths are those of the sizes; an empty picture would stand for a fault.
    RgbImage::from_raw(width, height, rows).unwrap_or_default()
}

/// Each row resized by `windows`.
fn along_rows(pixels: &[u8], from_width: usize, windows: &[Window]) -> Vec<u8> {
    let mut resized = Vec::with_capacity(pixels.len() / from_width * windows.len());
    for row in pixels.chunks_exact(from_width * CHANNELS) {
        for window in windows {
            let mut sums = [1 << (PRECISION - 1); CHANNELS];
            let seen = row[window.start * CHANNELS..].as_chunks::<CHANNELS>().0;
            for (pixel, weight) in seen.iter().zip(&window.weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            resized.extend(sums.map(clipped));
        }
    }
    resized
}

/// Each column resized by `windows`.
fn along_columns(pixels: &[u8], width: usize, windows: &[Window]) -> Vec<u8> {
    let length = width * CHANNELS;
    let mut resized = Vec::with_capacity(length * windows.len());
    let mut sums = vec![0; length];
    for window in windows {
        sums.fill(1 << (PRECISION - 1));
        let seen = pixels[window.start * length..].chunks_exact(length);
        for (row, weight) in seen.zip(&window.weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        resized.extend(sums.iter().copied().map(clipped));
    }
    resized
}

/// A sum of pixels times weights, with a half added, as a pixel.
fn clipped(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// The pixel under each centre. Positions are summed up step by step, as PIL does, so that they round alike.
fn nearest(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let places = |from: u32, to: u32| -> Vec<u32> {
        let step = f64::from(from) / f64::from(to);
        let positions = std::iter::successors(Some(step * 0.5), |at| Some(at + step));
        positions.take(to as usize).map(|at| (at as u32).min(from - 1)).collect()
    };
    let (columns, rows) = (places(picture.width(), width), places(picture.height(), height));
    RgbImage::from_fn(width, height, |x, y| *picture.get_pixel(columns[x as usize], rows[y as usize]))
}
