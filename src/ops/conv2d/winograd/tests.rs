use super::*;
use crate::ops::conv2d::forward::{Epilogue, direct};
use crate::ops::testing::noise;

const PLAIN: Epilogue<'_> = Epilogue { bias: None, relu: false, leaky: false, pool: false };

fn geometry(batch: usize, side: usize, channels: usize, filters: usize, kernel: usize, pad: usize) -> Geometry {
    Geometry { batch, height: side, width: side, channels, filters, kernel, pad, squares: false }
}

#[test]
fn tiles_are_taken_where_they_save_products() {
    let tiled = |g: Geometry| Plan::of(&g).map(|plan| (plan.turned, plan.points(), plan.tiles()));
    if simd::level() == Level::Portable && cfg!(target_arch = "x86_64") {
        assert!(tiled(geometry(2, 32, 64, 64, 3, 1)).is_none(), "without fused products");
        return;
    }
    assert_eq!(tiled(geometry(2, 32, 64, 64, 3, 1)), Some((false, 36, 64)));
    assert_eq!(tiled(geometry(2, 31, 24, 48, 3, 1)), Some((false, 36, 64)));
    assert_eq!(tiled(geometry(2, 3, 24, 48, 3, 1)), Some((false, 36, 1)));
    assert_eq!(tiled(geometry(2, 17, 128, 64, 2, 0)), Some((false, 25, 16)));
    // 17x17 outputs, 16x16 inputs: the tiles lie on the rounder side.
    assert_eq!(tiled(geometry(2, 16, 64, 128, 2, 1)), Some((true, 25, 16)));
    assert_eq!(tiled(geometry(2, 2, 64, 64, 3, 1)), None, "sides of two");
    assert_eq!(tiled(geometry(2, 32, 3, 64, 3, 1)), None, "three channels");
    assert_eq!(tiled(geometry(2, 32, 64, 64, 1, 0)), None, "one weight");
    assert_eq!(tiled(geometry(2, 32, 64, 64, 5, 2)), None, "five weights");
}

/// The sums in double precision.
fn exact(g: &Geometry, x: &[f32], w: &[f32]) -> Vec<f64> {
    let mut y = Vec::new();
    for (image, i, j) in (0..g.batch)
        .flat_map(|image| (0..g.out_height()).flat_map(move |i| (0..g.out_width()).map(move |j| (image, i, j))))
    {
        for filter in w.chunks_exact(g.window_len()) {
            let mut sum = 0.0;
            for (place, weights) in filter.chunks_exact(g.channels).enumerate() {
                let (row, column) = (i + place / g.kernel, j + place % g.kernel);
                let (row, column) = (row.wrapping_sub(g.pad), column.wrapping_sub(g.pad));
                if row < g.height && column < g.width {
                    let pixel = &x[((image * g.height + row) * g.width + column) * g.channels..];
                    sum += weights.iter().zip(pixel).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
                }
            }
            y.push(sum);
        }
    }
    y
}

/// The root of the mean squared error, by that of the sums themselves.
fn error(got: &[f32], due: &[f64]) -> f64 {
    let squares = got.iter().zip(due).map(|(&got, due)| (f64::from(got) - due).powi(2)).sum::<f64>();
    (squares / due.iter().map(|due| due * due).sum::<f64>()).sqrt()
}

#[test]
fn errors_are_few_times_those_of_direct_sums() {
    for (kernel, pad) in [(3, 1), (2, 0), (2, 1)] {
        let g = geometry(2, 12, 64, 32, kernel, pad);
        let Some(plan) = Plan::of(&g) else { continue };
        let (x, w) = (noise("x", 2 * g.image_len()), noise("w", g.filters * g.window_len()));
        let due = exact(&g, &x, &w);
        let tiled = error(&forward(&plan, &x, &w, &PLAIN, None).y, &due);
        let direct = error(&direct(&g, &x, &w, &PLAIN).y, &due);
        assert!(tiled < 4.0 * direct && tiled < 1e-6, "kernel {kernel}: {tiled:e} by tiles, {direct:e} directly");
    }
}

/// However the batch is cut.
#[test]
fn a_picture_is_the_same_alone_and_in_any_batch() {
    for (channels, kernel, pad) in [(20, 3, 1), (16, 2, 0), (17, 2, 1)] {
        let g = geometry(100, 9, channels, 24, kernel, pad);
        let Some(plan) = Plan::of(&g) else { continue };
        let (x, w) = (noise("x", 100 * g.image_len()), noise("w", g.filters * g.window_len()));
        let all = forward(&plan, &x, &w, &PLAIN, None).y;
        assert_eq!(plan.cut(), Cut::Parts);
        for first in [0, 33, 99] {
            let Some(alone) = Plan::of(&Geometry { batch: 1, ..g }) else { continue };
            assert_eq!(alone.cut(), Cut::Points);
            let picture = &x[first * g.image_len()..][..g.image_len()];
            let y = forward(&alone, picture, &w, &PLAIN, None).y;
            assert_eq!(y, all[first * g.out_len()..][..g.out_len()], "kernel {kernel}, picture {first}");
        }
    }
}

#[test]
fn pieces_are_as_many_as_asked_for() {
    let mut numbers = [1, 2, 3, 4, 5];
    assert_eq!(pieces(&mut numbers, 2, 3), [&mut [1, 2][..], &mut [3, 4], &mut [5]]);
    assert_eq!(pieces::<u8>(&mut [], 2, 3).iter().map(|piece| piece.len()).collect::<Vec<_>>(), [0; 3]);
}
