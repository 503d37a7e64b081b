//! One file for each command, and what some of them share.

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
