//! The node plugin of `fuse.csi.fluid.io`: what the kubelet asks to mount a dataset into a pod.
//!
//! One process on each node, the only privileged part of Wasser. It never mounts a file system itself: the fuse pod of the runtime does, below the
//! *mount root*. The node plugin brings that pod to its node (`service`, stage), waits for its mount (`readiness`) and binds it into the pod
//! (`service`, publish). When a fuse pod has died and come back, `recovery` puts the new mount where the old one was, containers included.
//!
//! | module | does |
//! |---|---|
//! | `service` | the sockets, and the services on them: CSI, and the one that tells the kubelet where the CSI socket is |
//! | `recovery` | mounts that died or were left behind |
//! | `anchors` | how a new mount reaches containers that already run |
//! | `readiness` | whether a fuse pod has mounted, and whether that answers |
//! | `mount` | what is mounted, system calls, and the paths that they may touch |
//! | `volume` | what a volume says about itself, what was published or staged, and what is being worked on |
//! | [`cluster`] | what is asked of the API server |

mod anchors;
pub mod cluster;
mod config;
mod context;
pub mod error;
mod mount;
mod readiness;
mod recovery;
mod service;
mod volume;

pub use cluster::api_server as kube;
pub use config::{Config, DRIVER};
pub use mount::mountinfo;
pub use service::{identity, proto, serve};
