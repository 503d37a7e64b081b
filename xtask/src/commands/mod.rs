//! One file or folder for each command, and what some of them share.
//!
//! The commands arrange what the crates in `tests` do. Only they read arguments and listen for
//! signals.

pub mod bench;
mod build;
pub mod cluster;
pub mod demo;
mod environment;
pub mod guests;
pub mod image;
mod interrupt;
pub mod test;
pub mod tools;
