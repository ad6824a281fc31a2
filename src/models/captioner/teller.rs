//! Telling captions token by token: what a decoder remembers of pictures and of the sequences under way.

use super::gpt2::Gpt2;
use super::parts::KeysAndValues;
use super::search::Decoder;
use crate::ops::{Backend, Tokens, host::read};
use dfdx::prelude::*;

/// Image tokens as every layer of a decoder sees them, computed once a picture.
#[derive(Clone, Debug)]
pub struct Memory<D: Backend> {
    layers: Vec<KeysAndValues<D>>,
}

impl<D: Backend> Memory<D> {
    /// What `decoder` sees of image tokens `(B, M, width)`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(decoder: &Gpt2<D>, tokens: &Tokens<D>) -> Result<Self, D::Err> {
        let layers = decoder.layers.iter().map(|layer| layer.seen(tokens));
        Ok(Self { layers: layers.collect::<Result<_, _>>()? })
    }

    /// Pictures.
    pub fn len(&self) -> usize {
        self.shape().0
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Image tokens of a picture.
    pub fn tokens(&self) -> usize {
        self.shape().1
    }

    /// What each layer sees.
    pub(super) fn layers(&self) -> &[KeysAndValues<D>] {
        &self.layers
    }

    fn shape(&self) -> (usize, usize, usize) {
        self.layers.first().map_or((0, 0, 0), |layer| *layer.keys.shape())
    }

    /// Some of the pictures, in the order of `pictures`.
    fn of(&self, pictures: &[usize]) -> Result<Self, D::Err> {
        let layers = self.layers.iter().map(|layer| taken(layer, pictures));
        Ok(Self { layers: layers.collect::<Result<_, _>>()? })
    }
}

/// Rows of both.
fn taken<D: Backend>(known: &KeysAndValues<D>, index: &[usize]) -> Result<KeysAndValues<D>, D::Err> {
    Ok(KeysAndValues { keys: rows_of(&known.keys, index)?, values: rows_of(&known.values, index)? })
}

/// `y[i] = x[index[i]]` of `x (R, N, C)`.
fn rows_of<D: Backend>(x: &Tokens<D>, index: &[usize]) -> Result<Tokens<D>, D::Err> {
    let &(count, length, width) = x.shape();
    if index.iter().copied().eq(0..count) {
        return Ok(x.clone());
    }
    let whole = x.clone().try_reshape_like(&(count, length * width))?;
    D::embed(whole, index, (index.len(), 1))?.try_reshape_like(&(index.len(), length, width))
}

/// A decoder at work on the sequences of a batch of pictures.
pub struct Teller<'a, D: Backend> {
    decoder: &'a Gpt2<D>,
    /// Of the pictures that still have rows.
    memory: Memory<D>,
    /// The place in `memory` of each row's picture.
    pictures: Vec<usize>,
    /// What each layer knows of the tokens so far, `(rows, length, width)`; empty before the first.
    past: Vec<KeysAndValues<D>>,
    length: usize,
}

impl<'a, D: Backend> Teller<'a, D> {
    /// One row a picture, nothing told yet.
    pub fn new(decoder: &'a Gpt2<D>, memory: Memory<D>) -> Self {
        let pictures = (0..memory.len()).collect();
        Self { decoder, memory, pictures, past: Vec::new(), length: 0 }
    }

    /// Makes the pictures of `parents` those of the present rows, and forgets pictures that have none.
    fn follow(&mut self, parents: &[usize]) -> Result<(), D::Err> {
        let pictures: Vec<usize> = parents.iter().map(|&parent| self.pictures[parent]).collect();
        let mut live = pictures.clone();
        live.dedup();
        if live.len() < self.memory.len() {
            self.memory = self.memory.of(&live)?;
        }
        // Rows of a picture stand together, so that the pictures' new places are counted along the rows.
        let starts = pictures.iter().zip(pictures.iter().skip(1)).map(|(before, picture)| before != picture);
        let places = std::iter::once(0).chain(starts.scan(0, |place, start| {
            *place += usize::from(start);
            Some(*place)
        }));
        self.pictures = places.take(pictures.len()).collect();
        Ok(())
    }

    fn tell(&mut self, tokens: &[u32], parents: &[usize]) -> Result<Vec<f32>, D::Err> {
        self.follow(parents)?;
        let ids: Vec<usize> = tokens.iter().map(|&token| token as usize).collect();
        let mut x = self.decoder.embed_at(&ids, self.length)?;
        let groups = Groups::new(&self.pictures, self.memory.len());
        let mut past = std::mem::take(&mut self.past).into_iter();
        for (layer, seen) in self.decoder.layers.iter().zip(&self.memory.layers) {
            let (y, known) = layer.recall(x, past.next().map(|past| (past, parents)))?;
            self.past.push(known);
            x = layer.think(groups.split(layer.look(groups.join(y)?, seen)?)?)?;
        }
        self.length += 1;
        Ok(read(&self.decoder.logits(x)?))
    }
}

impl<D: Backend> Decoder for Teller<'_, D> {
    type Err = D::Err;

    fn vocabulary(&self) -> usize {
        self.decoder.settings.vocabulary
    }

    fn positions(&self) -> usize {
        self.decoder.settings.positions
    }

    /// # Panics
    /// When a parent, a token or a position is unknown.
    fn step(&mut self, tokens: &[u32], parents: &[usize]) -> Result<Vec<f32>, D::Err> {
        self.tell(tokens, parents)
    }
}

/// Rows of one picture as one sequence of queries, so that its keys and values are not copied a row.
struct Groups {
    pictures: usize,
    /// Rows of the picture that has the most.
    widest: usize,
    /// The row at each place of `(pictures, widest)`; a place without a row has the picture's first.
    rows: Vec<usize>,
    /// The place of each row.
    places: Vec<usize>,
}

impl Groups {
    /// `pictures` tells the picture of each row, 0 first and each at least once.
    fn new(pictures: &[usize], count: usize) -> Self {
        let mut runs: Vec<Vec<usize>> = vec![Vec::new(); count];
        pictures.iter().enumerate().for_each(|(row, &picture)| runs[picture].push(row));
        let widest = runs.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |run: &Vec<usize>| (0..widest).map(|i| *run.get(i).unwrap_or(&run[0])).collect::<Vec<_>>();
        let places =
            runs.iter().enumerate().flat_map(|(picture, run)| (0..run.len()).map(move |i| picture * widest + i));
        Self { pictures: count, widest, rows: runs.iter().flat_map(padded).collect(), places: places.collect() }
    }

    /// `(rows, 1, C)` to `(pictures, widest, C)`.
    fn join<D: Backend>(&self, x: Tokens<D>) -> Result<Tokens<D>, D::Err> {
        let width = x.shape().2;
        rows_of(&x, &self.rows)?.try_reshape_like(&(self.pictures, self.widest, width))
    }

    /// `(pictures, widest, C)` to `(rows, 1, C)`.
    fn split<D: Backend>(&self, x: Tokens<D>) -> Result<Tokens<D>, D::Err> {
        let width = x.shape().2;
        rows_of(&x.try_reshape_like(&(self.rows.len(), 1, width))?, &self.places)
    }
}
