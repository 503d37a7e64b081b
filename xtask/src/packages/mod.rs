//! What is made of this workspace, for a cluster to run.
//!
//! Everything here is made of files, by the tools of [`crate::machine`], and knows no cluster: the
//! same files give the same packages, whatever runs.

pub mod guests;
pub mod images;
