//! Damaged pictures: how they are damaged, restored by classical means, measured, and compared in a table.
//!
//! `picture`, `mask`, `blur` and `task` say what is damaged and how; `measure` how well it was restored.

mod blur;
mod error;
mod mask;
pub mod measure;
mod picture;
pub mod task;

pub use blur::Blur;
pub use error::RestorationError;
pub use mask::Mask;
pub use picture::Picture;
pub use task::Task;

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
