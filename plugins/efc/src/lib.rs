//! The EFCRuntime as a Wasser plugin: the Elastic File Client of Alibaba Cloud for its network
//! file systems, with a distributed cache.
//!
//! From the manifest to the chart's values: [`input`] is read into a [`source`] and a [`store`],
//! [`options`] are made of both, and [`transform`] makes the values. [`endpoints`] says where the
//! workers are, [`shutdown`] empties their cache, and [`live`] says what stays as it is installed.

mod describe;
mod endpoints;
mod implement;
mod input;
mod live;
mod options;
mod port;
mod shutdown;
mod source;
mod store;
mod text;
mod transform;

#[cfg(feature = "crd")]
pub mod spec;

pub use implement::Efc;

wasser_sdk::export!(Efc);
