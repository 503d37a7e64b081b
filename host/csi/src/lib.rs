//! The node plugin of `fuse.csi.fluid.io`: what the kubelet asks to mount a dataset into a pod.
//!
//! One process on each node, the only privileged part of Wasser. It never mounts a file system itself: the fuse pod of the runtime does, below the
//! *mount root*. The plugin brings that pod to its node ([`node`], stage), waits for its mount ([`readiness`]) and binds it into the pod
//! ([`node`], publish). When a fuse pod has died and come back, [`recovery`] puts the new mount where the old one was, containers included.
//!
//! | module | does |
//! |---|---|
//! | [`server`] | starts everything: sockets, watch, recovery |
//! | [`identity`], [`node`] | the CSI services |
//! | [`registration`] | tells the kubelet where the CSI socket is |
//! | [`attributes`] | what a volume says about itself |
//! | [`mountinfo`], [`watch`] | what is mounted, and when that changes |
//! | [`mounts`], [`paths`], [`target`] | system calls, and the paths that they may touch |
//! | [`records`], [`locks`] | what was published, and by whom it is being worked on |
//! | [`recovery`], [`anchors`], [`users`], [`orphans`] | mounts that died or were left behind |
//! | [`cluster`], [`mod@kube`] | what is asked of the API server |

pub mod anchors;
pub mod attributes;
mod authority;
pub mod cluster;
pub mod config;
pub mod context;
pub mod error;
pub mod identity;
pub mod kube;
pub mod locks;
pub mod mountinfo;
pub mod mounts;
pub mod node;
pub mod orphans;
pub mod paths;
pub mod proto;
pub mod readiness;
pub mod records;
pub mod recovery;
pub mod registration;
pub mod server;
mod staged;
pub mod target;
pub mod users;
pub mod watch;

pub use config::Config;
pub use server::serve;

/// The name of the driver, in volumes and in the kubelet.
pub const DRIVER: &str = "fuse.csi.fluid.io";
