//! The VineyardRuntime as a Wasser plugin: an etcd, Vineyard's daemons, and clients that bring the
//! socket of the daemon on their node to pods.
//!
//! From the manifest to the chart's values: [`input`] is read into a [`store`], [`etcd`], the
//! [`ports`] and [`options`], from which [`transform`] makes the values. [`live`] says what of them
//! stays as it is installed.

mod describe;
mod etcd;
mod implement;
mod input;
mod live;
mod options;
mod ports;
mod store;
mod text;
mod transform;

#[cfg(feature = "crd")]
pub mod spec;

pub use implement::Vineyard;

wasser_sdk::export!(Vineyard);
