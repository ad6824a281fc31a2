//! Embeddings on the CPU.

use crate::ops::host::{add_to, written};
use rayon::prelude::*;

/// Rows that one task works on.
const ROWS: usize = 64;
/// Floats of all rows that one task sums.
const FLOATS: usize = 128;

/// The rows `ids` of a table, `channels` floats each.
pub fn take(table: &[f32], channels: usize, ids: &[usize]) -> Vec<f32> {
    written(ids.len() * channels, ROWS * channels, |index, y| {
        let own = &ids[index * ROWS..ids.len().min((index + 1) * ROWS)];
        own.iter().for_each(|&id| y.append(&table[id * channels..][..channels]));
    })
}

/// Adds each row of `dy` to its row of the table's gradient. A task owns some rows of the table, and adds to each in
/// the order of the tokens.
pub fn give_back(dy: &[f32], channels: usize, ids: &[usize], table: &mut [f32]) {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|&token| ids[token]);
    table.par_chunks_mut(ROWS * channels).enumerate().for_each(|(index, rows)| {
        let first = index * ROWS;
        let from = order.partition_point(|&token| ids[token] < first);
        for &token in order[from..].iter().take_while(|&&token| ids[token] < first + ROWS) {
            let row = &mut rows[(ids[token] - first) * channels..][..channels];
            add_to(row, &dy[token * channels..][..channels]);
        }
    });
}

/// Adds `row` to each of the rows `y`.
pub fn add_to_each(row: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(row.len()).for_each(|y| add_to(y, row));
}

/// Adds all rows of `dy` to `row`, in their order; a task owns some floats of it.
pub fn add_each_to(dy: &[f32], row: &mut [f32]) {
    let floats = row.len();
    row.par_chunks_mut(FLOATS).enumerate().for_each(|(index, own)| {
        dy.chunks_exact(floats).for_each(|dy| add_to(own, &dy[index * FLOATS..][..own.len()]));
    });
}
