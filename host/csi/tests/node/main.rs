//! The node plugin on its own socket, in a mount namespace of its own: real mounts, real propagation, stand-ins for fuse pods and containers.
//!
//! File systems that work are tmpfs under the name that JuiceFS would have; dead and hanging ones are real FUSE without a process behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod faults;
mod fuse;
mod lifecycle;
mod namespaces;
mod node;
mod publish;
mod recovery;
mod sanity;
