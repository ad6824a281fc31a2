//! Multi-head attention on the CPU: the pictures of a part of the batch in groups that stay in the second cache, each from
//! tokens to tokens.

use super::Projections;
use crate::ops::attention::cpu::{Inputs, picture, picture_gradients};
use crate::ops::attention::{Attention, Sizes};
use crate::ops::conv2d::backward::{Gradients, PartSums, add_columns, group_sums, total};
use crate::ops::conv2d::forward::convolve;
use crate::ops::conv2d::kernel::LANES;
use crate::ops::conv2d::panels::{pack, pack_turned, panel_count};
use crate::ops::conv2d::{Geometry, parts};
use crate::ops::host::{Held, written_in_parts, zeros};
use crate::ops::macs;
use crate::ops::scratch::Scratch;
use dfdx::prelude::*;
use rayon::prelude::*;
use std::ops::Range;

/// The layers in the order of [`Projections::all`].
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;
const OUT: usize = 3;

/// Tokens that are enough for a group.
const GROUP: usize = 120;

type Shape3 = (usize, usize, usize);

/// What both passes know.
pub struct Block {
    sizes: Sizes,
    layers: [Layer; 4],
    /// Pictures of a group.
    group: usize,
}

/// A linear layer over the tokens of a group.
struct Layer {
    g: Geometry,
    weights: Held<(usize, usize)>,
    bias: Option<Held<(usize,)>>,
    /// Where its inputs and its outputs start.
    starts: [Vec<usize>; 2],
}

impl Block {
    /// # Panics
    /// When the shapes do not fit each other.
    pub fn new(x: &Shape3, memory: Option<&Shape3>, layers: Projections<Cpu>, spec: Attention) -> Self {
        let &(batch, queries, inputs) = x;
        let &(pictures, keys, known) = memory.unwrap_or(x);
        let [query, key, value, out] = layers.all();
        let channels = query.weight.shape().0;
        assert!(pictures == batch, "attend: one memory a picture");
        let widths = [query, key, value, out].map(|layer| layer.weight.shape().1);
        assert!(widths == [inputs, known, known, channels], "attend: the layers do not fit");
        let of = |tokens: usize| (batch, tokens, channels);
        let sizes = Sizes::new(&of(queries), &of(keys), &(batch, keys, value.weight.shape().0), spec);
        let group = GROUP.div_ceil(queries.max(keys));
        let layer = |layer: super::Affine<Cpu>, tokens: usize| {
            let &(filters, channels) = layer.weight.shape();
            let starts = [channels, filters].map(|width| (0..group * tokens).map(|token| token * width).collect());
            Layer {
                g: Geometry {
                    batch: tokens,
                    height: 1,
                    width: 1,
                    channels,
                    filters,
                    kernel: 1,
                    pad: 0,
                    squares: false,
                },
                weights: Held::new(layer.weight),
                bias: layer.bias.map(Held::new),
                starts,
            }
        };
        let layers = [layer(query, queries), layer(key, keys), layer(value, keys), layer(out, queries)];
        Self { sizes, layers, group }
    }

    /// Multiply-adds of the linear layers.
    fn macs(&self) -> usize {
        self.sizes.batch * self.layers.iter().map(|layer| layer.g.macs()).sum::<usize>()
    }

    /// Numbers of a picture's tokens before and after each layer; those of the outputs of the first three and of what is
    /// attended to are kept.
    fn lens(&self) -> [[usize; 2]; 4] {
        self.layers.each_ref().map(|layer| [layer.g.batch * layer.g.channels, layer.g.batch * layer.g.filters])
    }

    fn kept(&self) -> [usize; 4] {
        let [[_, q], [_, k], [_, v], [attended, _]] = self.lens();
        [q, k, v, attended]
    }
}

/// One after the other, of these lengths.
fn split<const N: usize>(all: &[f32], lens: [usize; N]) -> [&[f32]; N] {
    let mut rest = all;
    lens.map(|len| {
        let (own, tail) = rest.split_at(len);
        rest = tail;
        own
    })
}

fn split_mut<const N: usize>(all: &mut [f32], lens: [usize; N]) -> [&mut [f32]; N] {
    let mut rest = all;
    lens.map(|len| {
        let (own, tail) = std::mem::take(&mut rest).split_at_mut(len);
        rest = tail;
        own
    })
}

impl Layer {
    /// The outputs of some tokens.
    fn forward(&self, panels: &[f32], x: &[f32], y: &mut [f32]) {
        let starts = &self.starts[0][..x.len() / self.g.channels];
        convolve(&self.g, x, starts, panels, self.bias.as_deref(), false, y);
    }

    /// The sums of weights and bias, and the input's gradient, in the place of `dx` or added to it.
    fn backward(&self, turned: &[f32], x: &[f32], dy: &[f32], sums: &mut Sums, add: bool, dx: &mut [f32]) {
        let count = x.len() / self.g.channels;
        if !sums.of.bias.is_empty() {
            add_columns(dy, &mut sums.of.bias);
        }
        group_sums(&self.g, x, count, dy, &mut sums.packed, !sums.fresh, &mut sums.of.weights);
        sums.fresh = false;
        convolve(&self.g.transposed(), dy, &self.starts[1][..count], turned, None, add, dx);
    }
}

/// A layer's sums over the pictures that a part has seen.
struct Sums {
    of: PartSums,
    packed: Scratch,
    fresh: bool,
}

/// `y`, and queries, keys, values and what was attended to of every picture if `keep` is set.
pub fn forward(block: &Block, x: &[f32], memory: Option<&[f32]>, keep: bool) -> (Vec<f32>, Vec<f32>) {
    let (sizes, lens, kept) = (&block.sizes, block.lens(), block.kept());
    macs::count(2 * sizes.product_macs() + block.macs());
    let panels = block.layers.each_ref().map(|layer| pack(&layer.g, &layer.weights));
    let memory = memory.unwrap_or(x);
    let mut y = zeros(sizes.batch * lens[OUT][1]);
    let mut rest = y.as_mut_slice();
    let mut work = Vec::new();
    for part in parts(sizes.batch) {
        let (own, tail) = rest.split_at_mut(part.len() * lens[OUT][1]);
        rest = tail;
        let len = if keep { part.len() * kept.iter().sum::<usize>() } else { 0 };
        work.push((len, (part, own)));
    }
    let kept = written_in_parts(work, |(part, y), room| {
        let mut numbers = Scratch::new(block.group * kept.iter().sum::<usize>());
        for (group, y) in groups(part, block.group).zip(y.chunks_mut(block.group * lens[OUT][1])) {
            let x = of(x, &group, lens[QUERY][0]);
            let memory = of(memory, &group, lens[KEY][0]);
            let kept_here = kept.map(|len| group.len() * len);
            let numbers = &mut numbers[..kept_here.iter().sum()];
            let [q, k, v, attended] = split_mut(numbers, kept_here);
            block.layers[QUERY].forward(&panels[QUERY], x, q);
            block.layers[KEY].forward(&panels[KEY], memory, k);
            block.layers[VALUE].forward(&panels[VALUE], memory, v);
            let pictures = q.chunks(kept[QUERY]).zip(k.chunks(kept[KEY])).zip(v.chunks(kept[VALUE]));
            for (((q, k), v), attended) in pictures.zip(attended.chunks_mut(kept[OUT])) {
                picture(sizes, &Inputs { q, k, v }, attended);
            }
            block.layers[OUT].forward(&panels[OUT], attended, y);
            if keep {
                room.append(numbers);
            }
        }
    });
    (y, kept)
}

/// Some pictures in groups.
fn groups(pictures: Range<usize>, group: usize) -> impl Iterator<Item = Range<usize>> {
    let end = pictures.end;
    pictures.step_by(group).map(move |first| first..(first + group).min(end))
}

/// What some pictures have of `len` numbers each.
fn of<'a>(all: &'a [f32], pictures: &Range<usize>, len: usize) -> &'a [f32] {
    &all[pictures.start * len..pictures.end * len]
}

/// The gradients of the four layers; those of `x` and of the memory are added to `dx` and `dm`, or both to `dx`.
pub fn backward(
    block: &Block,
    x: &[f32],
    memory: Option<&[f32]>,
    kept: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    dm: Option<&mut [f32]>,
) -> [Gradients; 4] {
    let (sizes, lens) = (&block.sizes, block.lens());
    macs::count(4 * sizes.product_macs() + 2 * block.macs());
    let turned = block.layers.each_ref().map(|layer| pack_turned(&layer.g, &layer.weights));
    let (mut rest, mut rest_of_memory) = (dx, dm);
    let mut work = Vec::new();
    for part in parts(sizes.batch) {
        let (dx, tail) = rest.split_at_mut(part.len() * lens[QUERY][0]);
        rest = tail;
        let dm = rest_of_memory.take().map(|dm| {
            let (own, tail) = dm.split_at_mut(part.len() * lens[KEY][0]);
            rest_of_memory = Some(tail);
            own
        });
        work.push((part, dx, dm));
    }
    let sums = work.into_par_iter().map(|(part, dx, mut dm)| {
        let mut sums = block.layers.each_ref().map(|layer| Sums {
            of: PartSums::new(&layer.g, layer.bias.is_some()),
            packed: Scratch::new(panel_count(layer.g.filters) * block.group * layer.g.batch * LANES),
            fresh: true,
        });
        let of_picture = block.kept();
        let mut numbers = Scratch::new(block.group * of_picture.iter().sum::<usize>());
        let mut room = [0; 2].map(|_| Scratch::new(sizes.queries * sizes.keys));
        let first = part.start;
        for group in groups(part, block.group) {
            let here = of_picture.map(|len| group.len() * len);
            let [q, k, v, attended] = split(of(kept, &group, of_picture.iter().sum()), here);
            let own = (group.start - first)..(group.end - first);
            let x = of(x, &group, lens[QUERY][0]);
            let dx = &mut dx[own.start * lens[QUERY][0]..own.end * lens[QUERY][0]];
            let dy = of(dy, &group, lens[OUT][1]);
            let [dq, dk, dv, d_attended] = split_mut(&mut numbers[..here.iter().sum()], here);
            let [query, key, value, out] = &mut sums;
            block.layers[OUT].backward(&turned[OUT], attended, dy, out, false, d_attended);
            let inputs = q.chunks(of_picture[QUERY]).zip(k.chunks(of_picture[KEY])).zip(v.chunks(of_picture[VALUE]));
            let gradients = dq.chunks_mut(of_picture[QUERY]).zip(dk.chunks_mut(of_picture[KEY]));
            let gradients = gradients.zip(dv.chunks_mut(of_picture[VALUE])).zip(d_attended.chunks(of_picture[OUT]));
            for (((q, k), v), (((dq, dk), dv), dy)) in inputs.zip(gradients) {
                let [weights, slopes] = &mut room;
                picture_gradients(sizes, &Inputs { q, k, v }, dy, [weights, slopes], [dq, dk, dv]);
            }
            block.layers[QUERY].backward(&turned[QUERY], x, dq, query, true, dx);
            let (known, of_known) = match (memory, &mut dm) {
                (Some(memory), Some(dm)) => {
                    let len = lens[KEY][0];
                    (of(memory, &group, len), &mut dm[own.start * len..own.end * len])
                }
                _ => (x, dx),
            };
            block.layers[KEY].backward(&turned[KEY], known, dk, key, true, of_known);
            block.layers[VALUE].backward(&turned[VALUE], known, dv, value, true, of_known);
        }
        sums.map(|sums| sums.of)
    });
    let sums: Vec<[PartSums; 4]> = sums.collect();
    let mut each: [Vec<PartSums>; 4] = Default::default();
    for part in sums {
        each.iter_mut().zip(part).for_each(|(each, sums)| each.push(sums));
    }
    std::array::from_fn(|layer| total(&block.layers[layer].g, &each[layer]))
}
