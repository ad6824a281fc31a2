//! Weights and output gradients as panels: [`LANES`] channels side by side, the last panel filled up with zeros.

use super::geometry::Geometry;
use super::kernel::LANES;
use rayon::prelude::*;

pub fn panel_count(channels: usize) -> usize {
    channels.div_ceil(LANES)
}

/// Weights `(O, window)` as panels `(O / LANES, window, LANES)`.
pub fn pack(g: &Geometry, w: &[f32]) -> Vec<f32> {
    let window = g.window_len();
    let mut panels = vec![0.0; panel_count(g.filters) * window * LANES];
    panels.par_chunks_exact_mut(window * LANES).zip(w.par_chunks(LANES * window)).for_each(|(panel, filters)| {
        // Square blocks, so that both sides stay in the cache.
        for (block, panel) in panel.chunks_mut(LANES * LANES).enumerate() {
            for (lane, filter) in filters.chunks_exact(window).enumerate() {
                let weights = &filter[block * LANES..];
                panel.chunks_exact_mut(LANES).zip(weights).for_each(|(panel, &weight)| panel[lane] = weight);
            }
        }
    });
    panels
}

/// Weights `(O, k, k, C)` as the panels of the transposed convolution, `(C / LANES, window, O, LANES)`, the window turned
/// by half a circle.
pub fn pack_turned(g: &Geometry, w: &[f32]) -> Vec<f32> {
    let places = g.kernel * g.kernel;
    let panel_len = places * g.filters * LANES;
    let mut panels = vec![0.0; panel_count(g.channels) * panel_len];
    panels.par_chunks_exact_mut(panel_len).enumerate().for_each(|(panel, panels)| {
        let channel = panel * LANES;
        let lanes = LANES.min(g.channels - channel);
        for (row, panel) in panels.chunks_exact_mut(LANES).enumerate() {
            let (turned, filter) = (row / g.filters, row % g.filters);
            let place = places - 1 - turned;
            panel[..lanes].copy_from_slice(&w[(filter * places + place) * g.channels + channel..][..lanes]);
        }
    });
    panels
}

/// One panel of output gradients: `rows (positions, O)` to `panel (positions, LANES)`.
pub fn pack_columns(rows: &[f32], filters: usize, panel: usize, packed: &mut [f32]) {
    let channel = panel * LANES;
    let lanes = LANES.min(filters - channel);
    for (packed, row) in packed.chunks_exact_mut(LANES).zip(rows.chunks_exact(filters)) {
        if let Some(row) = row[channel..].first_chunk::<LANES>() {
            packed.copy_from_slice(row);
        } else {
            packed[..lanes].copy_from_slice(&row[channel..]);
            packed[lanes..].fill(0.0);
        }
    }
}

/// One panel of weight gradients `(window, LANES)` brought back to `weights (up to LANES filters, window)`.
pub fn unpack(panel: &[f32], window: usize, weights: &mut [f32]) {
    for (block, panel) in panel.chunks(LANES * LANES).enumerate() {
        for (lane, filter) in weights.chunks_exact_mut(window).enumerate() {
            let weights = &mut filter[block * LANES..];
            weights.iter_mut().zip(panel.chunks_exact(LANES)).for_each(|(weight, panel)| *weight = panel[lane]);
        }
    }
}
