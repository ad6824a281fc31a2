//! What can go wrong with damaged pictures.

use std::error::Error;

/// A picture cannot be damaged, restored or measured.
#[derive(Debug, thiserror::Error)]
pub enum RestorationError {
    #[error("a picture of {width}x{height} pixels has {due} numbers, not {found}", due = width.saturating_mul(*height).saturating_mul(3))]
    PictureLength { width: usize, height: usize, found: usize },
    #[error("a picture needs at least one pixel, not {width}x{height}")]
    NoPixels { width: usize, height: usize },
    #[error("the mask cannot be used: {0}")]
    Mask(&'static str),
    #[error("{what} is {found_width}x{found_height} pixels, but {width}x{height} are due")]
    Size { what: &'static str, width: usize, height: usize, found_width: usize, found_height: usize },
    #[error("the picture is {width}x{height} pixels, but {what} needs at least {least} each way")]
    TooSmall { what: &'static str, width: usize, height: usize, least: usize },
    #[error("there are no pictures to {0}")]
    NoPictures(&'static str),
    #[error("`{restorer}` was not made for this task ({task})")]
    OtherTask { restorer: String, task: String },
    #[error("the equations of `{0}` have no solution: more training pictures or a larger ridge would help")]
    Singular(&'static str),
    #[error("`{restorer}` gave {found} pictures back for {due}")]
    Count { restorer: String, due: usize, found: usize },
    #[error("`{restorer}` failed: {source}")]
    Restorer { restorer: String, source: Box<dyn Error + Send + Sync> },
}
