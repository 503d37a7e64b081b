//! What is made of this workspace, for a cluster to run: the packages of plugins, and container
//! images.
//!
//! Everything here is made of files, by the tools of [`crate::machine`], and knows no cluster: the
//! same files make the same packages, whatever runs.

pub mod guests;
pub mod images;
