//! From the chart values of a plugin to a Helm release in the cluster.
//!
//! [`prepare`](prepare::prepare) needs no client: it renders, checks and admits, and writes
//! nothing. Only [`Prepared::install`](prepare::Prepared::install) makes an [`Installed`] of what
//! was prepared, and only that is remembered as the release, so that nothing counts as installed
//! before the API server has accepted all of it. `wasser render` prints a `Prepared`.

pub mod adoption;
pub mod canonical;
pub mod claims;
pub mod differences;
mod installed;
pub mod origin;
pub mod policy;
pub mod powers;
pub mod prepare;
pub mod values;
pub mod workloads;

pub use installed::Installed;
