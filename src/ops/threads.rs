//! The threads that ops share their work among.

use rayon::ThreadPoolBuilder;

/// From here on the ops that this thread calls are done by `count` threads, itself one of them; 0 leaves the number to
/// `RAYON_NUM_THREADS` or the machine. A second call from the same thread changes nothing.
///
/// A thread outside its pool would hand over every op, of which a training step has hundreds, and be woken when it is done.
pub fn share_work(count: usize) {
    // The pool lives as long as this thread is in it, which is for ever.
    if let Ok(pool) = ThreadPoolBuilder::new().num_threads(count).use_current_thread().build() {
        std::mem::forget(pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;
    use std::thread;

    #[test]
    fn the_thread_works_in_its_own_pool_and_stays_there() {
        let counted = thread::spawn(|| {
            share_work(3);
            share_work(2);
            let own = rayon::current_thread_index();
            let sum: u64 = (0..10_000u64).into_par_iter().sum();
            (own, rayon::current_num_threads(), sum)
        });
        assert_eq!(counted.join().unwrap(), (Some(0), 3, 49_995_000));
    }
}
