//! What every process of Wasser in a cluster is made of: a client of the API server whose requests
//! have limits, options, logs, signals, and sockets to listen on.

pub mod client;
pub mod listening;
pub mod logs;
pub mod options;
pub mod signals;
mod tenure;

pub use tenure::Tenure;
