//! The JindoRuntime as a Wasser plugin: JindoCache in a master, workers and clients.
//!
//! From the manifest to the chart's values: [`input`] is read into [`sources`], with their
//! [`cache_sets`] and [`credentials`], and a [`store`], from which [`properties`] and [`transform`]
//! make the values. [`members`] keeps several masters together. [`live`] says which mounts of a
//! Dataset in use have changed, and [`mounting`] brings them about in the master; [`cli`] asks it
//! for more, and [`reports`] reads its answers.

mod cache_sets;
mod cli;
mod credentials;
mod describe;
mod implement;
mod input;
mod live;
mod members;
mod mounting;
mod ports;
mod properties;
mod sources;
mod store;
mod transform;

#[cfg(feature = "crd")]
pub mod spec;

pub mod reports;

pub use implement::Jindo;

wasser_sdk::export!(Jindo);
