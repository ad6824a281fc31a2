//! Damaged pictures: how they are damaged, restored by classical means, measured, and compared in a table.
//!
//! `picture`, `mask`, `blur` and `task` say what is damaged and how; `measure` and `table` how well it was restored;
//! `classical` holds the restorers that every model is compared with; `tiles` lets one that knows 32x32 pixels restore
//! a picture of any size; `noise_level` tells how noisy a picture is.

mod blur;
pub mod classical;
mod error;
mod mask;
pub mod measure;
pub mod noise_level;
mod picture;
mod score;
pub mod table;
pub mod task;
pub mod tiles;

pub use blur::Blur;
pub use error::RestorationError;
pub use mask::Mask;
pub use picture::Picture;
pub use score::finished;
pub use task::Task;

use rayon::prelude::*;

/// Something that restores damaged pictures.
pub trait Restorer {
    /// A short name for a table's row.
    fn name(&self) -> &str;

    /// The settings that were chosen for it, for a table's row.
    fn settings(&self) -> String {
        String::new()
    }

    /// The restored pictures, of the same sizes and in the same order; they need not keep to 0..1, nor to what was
    /// visible ([`Task::finish`] sees to that). Damaged as `task` says, each of them. None when `go_on`, asked now and
    /// then, said no.
    ///
    /// # Errors
    /// When it cannot do this task, or the device fails.
    fn restore(
        &self,
        task: &Task,
        damaged: &[Picture],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Picture>>, RestorationError>;
}

/// Pictures that are restored between two questions whether to go on.
const TOGETHER: usize = 64;

/// Restores one by one, on all threads. None when `go_on` said no.
fn each(
    pictures: &[Picture],
    go_on: &mut dyn FnMut() -> bool,
    restore: impl Fn(&Picture) -> Result<Picture, RestorationError> + Sync,
) -> Result<Option<Vec<Picture>>, RestorationError> {
    let mut restored = Vec::with_capacity(pictures.len());
    for some in pictures.chunks(TOGETHER) {
        if !go_on() {
            return Ok(None);
        }
        let some: Result<Vec<Picture>, _> = some.par_iter().map(&restore).collect();
        restored.extend(some?);
    }
    Ok(Some(restored))
}
