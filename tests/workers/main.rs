//! Real workers on the data in the repository: killed, paused, queued, and taken up again.

mod diffusion;
mod gan;
mod kill;
mod pause;
mod place;
