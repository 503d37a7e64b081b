//! The node plugin on its own socket and in a separate mount namespace, with real mounts, real
//! propagation, and substitutes for fuse pods and containers.
//!
//! File systems that work are tmpfs under the name that JuiceFS would have. Dead and hung ones are
//! real FUSE without a process behind them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod clients;
mod cluster;
mod directories;
mod faults;
mod fuse;
mod leaving;
mod lifecycle;
mod namespaces;
mod node;
mod publish;
mod recovery;
mod sanity;
mod session_manager;
