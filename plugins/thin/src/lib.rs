//! Any FUSE client as a runtime: the Thin plugin.
//!
//! A ThinRuntimeProfile says how a file system's client is run, a ThinRuntime which profile to use
//! and what differs. The two are [`merge`]d; the Dataset's mounts become the [`config`] that the
//! client reads; [`transform`] makes the chart's values of both.

mod claim;
mod config;
mod describe;
mod env;
mod host_volume;
mod implement;
mod input;
mod live;
mod merge;
mod profile;
mod reports;
mod secrets;
mod transform;
mod values;
mod volumes;

#[cfg(feature = "crd")]
pub mod spec;

pub use implement::Thin;

wasser_sdk::export!(Thin);
