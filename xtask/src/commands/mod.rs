//! One file for each command, and what some of them share.

pub mod bench;
pub mod cluster;
pub mod demo;
pub mod guests;
pub mod image;
mod interrupt;
mod program;
mod surroundings;
pub mod test;
pub mod tools;
