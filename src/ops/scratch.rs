//! Room that a thread keeps from one piece of work to the next, so that a steady step allocates and clears none.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Rooms that a thread keeps, the largest ones.
const KEPT: usize = 16;

thread_local! {
    static ROOMS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers that a line of the cache has: rooms begin with a line, so that no register of numbers lies in two.
const LINE: usize = 16;

/// Numbers that are anything until they are written. Their room goes to the next who asks, on the thread that drops it.
pub struct Scratch {
    room: Vec<f32>,
    first: usize,
    len: usize,
}

impl Scratch {
    /// Room for `len` numbers.
    pub fn new(len: usize) -> Self {
        let needed = if len == 0 { 0 } else { len + LINE };
        let mut room = ROOMS.with_borrow_mut(|rooms| {
            // The smallest that is large enough, else the largest.
            let fits = (0..rooms.len()).min_by_key(|&at| match rooms[at].len() {
                has if has >= needed => (false, has),
                has => (true, usize::MAX - has),
            });
            fits.filter(|_| len > 0).map(|at| rooms.swap_remove(at)).unwrap_or_default()
        });
        if room.len() < needed {
            room = vec![0.0; needed];
        }
        let first = room.as_ptr().align_offset(LINE * size_of::<f32>()).min(room.len() - len);
        Self { room, first, len }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let room = std::mem::take(&mut self.room);
        if room.is_empty() {
            return;
        }
        // A thread that ends has no rooms any more.
        let _ = ROOMS.try_with(|rooms| {
            let mut rooms = rooms.borrow_mut();
            rooms.push(room);
            if rooms.len() > KEPT {
                let smallest = (0..rooms.len()).min_by_key(|&at| rooms[at].len());
                smallest.map(|at| rooms.swap_remove(at));
            }
        });
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.room[self.first..][..self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.room[self.first..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_used_again_and_two_at_once_are_two() {
        let mut first = Scratch::new(1000);
        first.fill(7.0);
        let second = Scratch::new(1000);
        assert_ne!(first.as_ptr(), second.as_ptr());
        assert!([&first, &second].iter().all(|room| room.as_ptr().addr() % (LINE * size_of::<f32>()) == 0));
        let place = first.as_ptr();
        drop(first);
        let again = Scratch::new(10);
        assert_eq!((again.as_ptr(), again.len()), (place, 10));
        assert!(Scratch::new(0).is_empty());
    }

    #[test]
    fn no_more_rooms_are_kept_than_said_and_the_largest_ones() {
        drop((0..3 * KEPT).map(|index| Scratch::new(1000 - index)).collect::<Vec<_>>());
        assert_eq!(ROOMS.with_borrow(Vec::len), KEPT);
        assert!(ROOMS.with_borrow(|rooms| rooms.iter().all(|room| room.len() > 1000 + LINE - KEPT)));
    }
}
