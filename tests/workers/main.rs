//! Real workers on the data in the repository: killed, paused, queued, and taken up again.

mod gan;
mod kill;
mod pause;
mod place;
