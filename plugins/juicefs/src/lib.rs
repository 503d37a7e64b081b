//! The JuiceFS runtime as a Wasser plugin.
//!
//! From the manifest to the chart's values: [`input`] is read into a [`source`] and a [`store`],
//! from which come the options of the mount ([`mount_options`]), the [`commands`] of the scripts
//! and the [`pods`]; [`transform`] puts them together. The [`reports`] are the way back: what the
//! running system says about itself. [`operations`] says what data operations run. [`implement`] lists
//! the methods.

mod commands;
mod deprecated;
mod describe;
mod edition;
mod env;
mod implement;
mod input;
mod metrics;
mod migrate;
mod mount_options;
mod operations;
mod options;
mod pods;
mod quantity;
mod reports;
mod resources;
mod secrets;
mod shell;
mod shutdown;
mod source;
mod store;
mod sync;
mod transform;
mod upload;
mod values;
mod volumes;

#[cfg(feature = "crd")]
pub mod spec;

pub use implement::JuiceFs;

wasser_sdk::export!(JuiceFs, operations, migration);
