//! Pictures of any size as the model sees them, numbers from -1 to 1, and turned left to right.

use crate::restoration::{Mask, Picture};

/// What the numbers 0..1 of a picture become.
pub fn to_state(picture: &Picture) -> Picture {
    changed(picture, |value| 2.0 * value - 1.0)
}

/// The way back.
pub fn to_picture(state: &Picture) -> Picture {
    changed(state, |value| 0.5 * (value + 1.0))
}

/// Every number by itself.
pub fn changed(picture: &Picture, change: impl Fn(f32) -> f32) -> Picture {
    let mut picture = picture.clone();
    picture.pixels_mut().iter_mut().for_each(|value| *value = change(*value));
    picture
}

/// Turned left to right.
pub fn turned(picture: &Picture) -> Picture {
    let mut turned = picture.clone();
    let length = 3 * picture.width();
    for (to, from) in turned.pixels_mut().chunks_exact_mut(length).zip(picture.pixels().chunks_exact(length)) {
        to.chunks_exact_mut(3).zip(from.chunks_exact(3).rev()).for_each(|(to, from)| to.copy_from_slice(from));
    }
    turned
}

/// A mask turned left to right.
pub fn turned_mask(mask: &Mask) -> Mask {
    let flags = mask.hidden().chunks_exact(mask.width()).flat_map(|row| row.iter().rev().copied());
    // Turned, it hides as many pixels as before.
    Mask::new(mask.width(), mask.height(), flags.collect()).unwrap_or_else(|_| mask.clone())
}
