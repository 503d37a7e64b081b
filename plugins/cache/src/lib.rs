//! Any cache system as a runtime: the CacheRuntime plugin.
//!
//! A CacheRuntimeClass has the pods of a cache system, a CacheRuntime says which class to use and
//! what differs. [`class`] finds the class and the [`component`]s that the runtime has of it;
//! [`template`] makes the pods of one, with its [`tiers`] and [`secrets`]; what they learn of the
//! Dataset and of each other is the [`config`]. [`transform`] puts the chart's values together.
//! [`entries`] runs the commands that the class names in a running system, and [`operations`] says
//! what data operations run.

mod class;
mod component;
mod config;
mod describe;
mod entries;
mod implement;
mod input;
mod live;
mod operations;
mod reports;
mod secrets;
mod template;
mod tiers;
mod transform;
mod values;
mod volumes;

#[cfg(feature = "crd")]
pub mod spec;

pub use implement::Cache;

wasser_sdk::export!(Cache, operations);
