//! Pictures to captions: a vision transformer and GPT-2, and the search for what to say.

pub mod search;
