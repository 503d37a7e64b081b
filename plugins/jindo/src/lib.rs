//! The JindoRuntime as a Wasser plugin: JindoCache in a master, workers and clients.
//!
//! From the manifest to the chart's values: [`input`] is read into [`sources`] and a [`store`],
//! from which [`transform`] makes the values. [`cli`] talks to the master, and [`reports`] reads
//! its answers. [`live`] says which mounts of a Dataset in use have changed.

mod cli;
mod describe;
mod implement;
mod input;
mod live;
mod ports;
mod sources;
mod store;
mod transform;

#[cfg(feature = "crd")]
pub mod spec;

pub mod reports;

pub use implement::Jindo;

wasser_sdk::export!(Jindo);
