//! Hugging Face folders of captioners (transformers' VisionEncoderDecoderModel of a ViT and a GPT-2): everything that
//! they say without the numbers being computed with. Settings, weights, preprocessing of pictures, tokenizer; reading
//! and writing.
//!
//! A folder is a stranger's: files are bounded, sizes checked before anything is allocated, a pickle can build tensors
//! and nothing else, and whatever cannot be honoured is refused in one sentence.

pub mod config;
mod error;
mod files;
mod folder;
pub mod generation;
mod json;
pub mod preprocess;
pub mod tokenizer;
pub mod weights;
mod writer;

pub use config::Config;
pub use error::HfError;
pub use folder::Folder;
pub use generation::Generation;
pub use preprocess::Preprocessing;
pub use tokenizer::Tokenizer;
pub use weights::Weights;
pub use writer::{Description, FolderWriter};
