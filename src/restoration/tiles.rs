//! A picture of any size in overlapping tiles of 32x32 pixels: for restorers that know that size only.

use super::classical::fill_harmonically;
use super::mask::Mask;
use super::picture::{COLOURS, Picture, mirrored};
use super::{RestorationError, Restorer, Task};
use crate::data::SIDE;

/// Rows or columns from one tile to the next, at most: every pixel away from the border lies in two tiles along each axis.
const STEP: usize = SIDE / 2;
/// Tiles that are restored together.
const TOGETHER: usize = 64;

/// Restores a picture tile by tile and blends the tiles: each counts with `sin^2(pi (i + 1/2) / 32)` along both axes,
/// over the sum of all that lie there, so that the weights of a pixel sum to 1 and fade out before a tile ends. A side
/// below 32 pixels is mirrored up to 32 first. A picture of 32x32 is one tile, as it is.
///
/// Of a picture with lost pixels only the tiles that have some are restored, each with its own part of the mask; a tile
/// in which nothing is visible is filled harmonically from beyond its borders. None when `go_on` said no.
///
/// # Errors
/// When the restorer fails, or the mask has another size.
pub fn restore(
    restorer: &dyn Restorer,
    task: &Task,
    damaged: &Picture,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Picture>, RestorationError> {
    let (width, height) = (damaged.width(), damaged.height());
    let size = (width.max(SIDE), height.max(SIDE));
    let wide = damaged.part((0, 0), size, mirrored);
    let corners: Vec<(usize, usize)> =
        starts(size.1).into_iter().flat_map(|y| starts(size.0).into_iter().map(move |x| (y, x))).collect();
    let mut canvas = Canvas::new(size.0, size.1);
    let going = match task {
        Task::Inpaint { mask } => {
            mask.check(damaged)?;
            let filled = fill_harmonically(mask, damaged)?.part((0, 0), size, mirrored);
            let lost = Lost { mask, wide: &wide, filled: &filled };
            lost.restore(restorer, &corners, &mut canvas, go_on)?
        }
        Task::Denoise { .. } | Task::Deblur { .. } => whole(restorer, task, &wide, &corners, &mut canvas, go_on)?,
    };
    if !going {
        return Ok(None);
    }
    Ok(Some(canvas.over(&wide).part((0, 0), (width, height), mirrored)))
}

/// Where tiles begin on a line of at least 32 pixels, evenly.
fn starts(length: usize) -> Vec<usize> {
    let room = length - SIDE;
    let steps = room.div_ceil(STEP);
    (0..=steps).map(|step| if steps == 0 { 0 } else { (2 * step * room + steps) / (2 * steps) }).collect()
}

fn tile(picture: &Picture, (top, left): (usize, usize)) -> Picture {
    picture.part((top as isize, left as isize), (SIDE, SIDE), mirrored)
}

/// Restores every tile. False when it was stopped.
fn whole(
    restorer: &dyn Restorer,
    task: &Task,
    wide: &Picture,
    corners: &[(usize, usize)],
    canvas: &mut Canvas,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<bool, RestorationError> {
    for corners in corners.chunks(TOGETHER) {
        let tiles: Vec<Picture> = corners.iter().map(|&corner| tile(wide, corner)).collect();
        let Some(restored) = restorer.restore(task, &tiles, go_on)? else {
            return Ok(false);
        };
        check(restorer, tiles.len(), &restored)?;
        corners.iter().zip(&restored).for_each(|(&corner, restored)| canvas.lay(restored, corner));
    }
    Ok(true)
}

/// A picture with lost pixels.
struct Lost<'a> {
    mask: &'a Mask,
    wide: &'a Picture,
    filled: &'a Picture,
}

impl Lost<'_> {
    /// Restores the tiles that have lost pixels. False when it was stopped.
    fn restore(
        &self,
        restorer: &dyn Restorer,
        corners: &[(usize, usize)],
        canvas: &mut Canvas,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<bool, RestorationError> {
        for &corner in corners {
            let hidden = self.hidden(corner);
            if !hidden.contains(&true) {
                continue;
            }
            if !hidden.contains(&false) {
                canvas.lay(&tile(self.filled, corner), corner);
                continue;
            }
            let mask = Mask::new(SIDE, SIDE, hidden)?;
            // The mean of this tile alone stands in its hole, as it would in a picture of its own.
            let damaged = mask.mean_filled(&tile(self.wide, corner))?.rounded();
            let Some(restored) = restorer.restore(&Task::Inpaint { mask }, &[damaged], go_on)? else {
                return Ok(false);
            };
            check(restorer, 1, &restored)?;
            restored.iter().for_each(|restored| canvas.lay(restored, corner));
        }
        Ok(true)
    }

    /// The mask of one tile, mirrored where the picture is.
    fn hidden(&self, (top, left): (usize, usize)) -> Vec<bool> {
        let (width, height) = (self.mask.width(), self.mask.height());
        let at = |pixel: usize| {
            let (y, x) = (top + pixel / SIDE, left + pixel % SIDE);
            self.mask.hidden()[mirrored(y as isize, height) * width + mirrored(x as isize, width)]
        };
        (0..SIDE * SIDE).map(at).collect()
    }
}

/// Whether a restorer gave back as many tiles as it got, of the same size.
fn check(restorer: &dyn Restorer, due: usize, restored: &[Picture]) -> Result<(), RestorationError> {
    if restored.len() != due {
        let restorer = restorer.name().to_owned();
        return Err(RestorationError::Count { restorer, due, found: restored.len() });
    }
    let size = |picture: &Picture| (picture.width(), picture.height());
    restored.iter().try_for_each(|tile| super::picture::check_size("a restored tile", (SIDE, SIDE), size(tile)))
}

/// Weighted sums of the tiles, and the sum of the weights in a fourth number.
struct Canvas {
    width: usize,
    sums: Vec<[f32; COLOURS + 1]>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, sums: vec![[0.0; COLOURS + 1]; width * height] }
    }

    fn lay(&mut self, tile: &Picture, (top, left): (usize, usize)) {
        let weight = |at: usize| (std::f32::consts::PI * (at as f32 + 0.5) / SIDE as f32).sin().powi(2);
        for y in 0..SIDE {
            for x in 0..SIDE {
                let weight = weight(y) * weight(x);
                let values = (0..COLOURS).map(|colour| tile.at(y, x, colour)).chain([1.0]);
                let sums = &mut self.sums[(top + y) * self.width + left + x];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }

    /// The blend; where no tile lies, `below`.
    fn over(&self, below: &Picture) -> Picture {
        below.like(|y, x, colour| {
            let sums = self.sums[y * self.width + x];
            if sums[COLOURS] > 0.0 { sums[colour] / sums[COLOURS] } else { below.at(y, x, colour) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::classical::Harmonic;
    use super::*;
    use proptest::prelude::*;

    /// Changes every number by itself, told the number of its tile.
    struct Each<F>(F);

    impl<F: Fn(usize, f32) -> f32> Restorer for Each<F> {
        fn name(&self) -> &str {
            "each"
        }

        fn restore(
            &self,
            _: &Task,
            damaged: &[Picture],
            go_on: &mut dyn FnMut() -> bool,
        ) -> Result<Option<Vec<Picture>>, RestorationError> {
            assert!(damaged.iter().all(|tile| (tile.width(), tile.height()) == (SIDE, SIDE)));
            let change = |(number, tile): (usize, &Picture)| tile.map(|value| (self.0)(number, value));
            Ok(go_on().then(|| damaged.iter().enumerate().map(change).collect()))
        }
    }

    const TASK: Task = Task::Denoise { sigma: 0.1 };

    fn some(width: usize, height: usize) -> Picture {
        Picture::of_size(width, height, |y, x, colour| ((y * 31 + x * 17 + colour * 5) % 64) as f32 / 64.0)
    }

    fn tiled(restorer: &dyn Restorer, picture: &Picture) -> Picture {
        restore(restorer, &TASK, picture, &mut || true).unwrap().unwrap()
    }

    #[test]
    fn tiles_cover_a_line_evenly_and_overlap_by_half() {
        assert_eq!(starts(32), [0]);
        assert_eq!(starts(33), [0, 1]);
        assert_eq!(starts(64), [0, 16, 32]);
        assert_eq!(starts(70), [0, 13, 25, 38]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn nothing_and_one_gain_for_all_leave_no_seam(width in 1usize..90, height in 1usize..90) {
            let picture = some(width, height);
            for gain in [1.0, 0.5] {
                let restored = tiled(&Each(|_, value| gain * value), &picture);
                prop_assert_eq!((restored.width(), restored.height()), (width, height));
                for (found, given) in restored.pixels().iter().zip(picture.pixels()) {
                    prop_assert!((found - gain * given).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn one_tile_that_differs_fades_into_the_others() {
        let restored = tiled(&Each(|number, _| f32::from(u8::from(number == 4))), &some(64, 64));
        assert!((restored.at(32, 32, 0) - 1.0).abs() < 0.01, "its middle is its own");
        for y in 0..63 {
            for x in 0..63 {
                let here = restored.at(y, x, 1);
                let most = (restored.at(y + 1, x, 1) - here).abs().max((restored.at(y, x + 1, 1) - here).abs());
                assert!(most < 0.11, "a step of {most} at {y}, {x}");
            }
        }
    }

    #[test]
    fn a_hole_is_filled_in_tiles_and_the_rest_stays() {
        let clean = Picture::of_size(80, 50, |y, x, _| (y + x) as f32 / 130.0);
        let mask = Mask::centre(80, 50, 20).unwrap();
        let task = Task::Inpaint { mask: mask.clone() };
        let damaged = mask.mean_filled(&clean).unwrap();
        let restored = restore(&Harmonic, &task, &damaged, &mut || true).unwrap().unwrap();
        for (found, due) in task.finish(&damaged, &restored).unwrap().pixels().iter().zip(clean.pixels()) {
            assert!((found - due).abs() < 0.03, "{found} {due}");
        }
        assert!(restore(&Harmonic, &task, &some(32, 32), &mut || true).is_err(), "another size");
    }

    #[test]
    fn a_hole_larger_than_a_tile_is_filled_from_beyond() {
        let mask = Mask::centre(100, 100, 70).unwrap();
        let flat = mask.mean_filled(&Picture::of_size(100, 100, |_, _, _| 0.4)).unwrap();
        let task = Task::Inpaint { mask };
        let restored = restore(&Harmonic, &task, &flat, &mut || true).unwrap().unwrap();
        assert!(restored.pixels().iter().all(|value| (value - 0.4).abs() < 0.01));
    }

    #[test]
    fn a_stop_is_obeyed_and_a_lost_tile_noticed() {
        struct Loses;
        impl Restorer for Loses {
            fn name(&self) -> &str {
                "loses"
            }
            fn restore(
                &self,
                _: &Task,
                damaged: &[Picture],
                _: &mut dyn FnMut() -> bool,
            ) -> Result<Option<Vec<Picture>>, RestorationError> {
                Ok(Some(damaged[1..].to_vec()))
            }
        }
        assert!(restore(&Each(|_, value| value), &TASK, &some(40, 40), &mut || false).unwrap().is_none());
        assert!(matches!(
            restore(&Loses, &TASK, &some(40, 40), &mut || true),
            Err(RestorationError::Count { due: 4, found: 3, .. })
        ));
    }
}
