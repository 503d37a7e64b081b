//! The Alluxio runtime as a Wasser plugin.
//!
//! From the manifest to the chart's values: [`input`] is read into [`mounts`], [`tiers`] and
//! [`ports`], from which come the [`properties`] and the [`pods`]; [`transform`] puts them
//! together, and [`members`] keeps several masters together. [`ufs`] brings the mounts about in a
//! running master, by a script or by [`commands`], and the [`reports`] are the way back: what the
//! system says about itself. [`operations`] says what data operations run. [`implement`] lists the
//! methods.

mod commands;
mod describe;
mod fuse;
mod images;
mod implement;
mod input;
mod journal;
mod masters;
mod members;
mod mounts;
mod operations;
mod parts;
mod pods;
mod ports;
mod properties;
mod reports;
mod restore;
mod shutdown;
mod sync;
mod text;
mod tiers;
mod transform;
mod ufs;
mod users;
mod volumes;

#[cfg(feature = "crd")]
pub mod spec;

pub use implement::Alluxio;

wasser_sdk::export!(Alluxio, operations);
