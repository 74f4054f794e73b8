//! `brainmessenger storage`, the binary itself: over a store that knows rights, and over a folder, with a real database.

mod command;
mod comparing;
mod rights;
mod setting_up;
mod store;
