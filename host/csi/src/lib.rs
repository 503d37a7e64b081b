//! The node plugin of `fuse.csi.fluid.io`: mounts Datasets into pods when the kubelet asks for it.
//!
//! One process runs on each node, the only privileged part of Wasser. It never mounts a file system
//! itself: the fuse pod of the runtime does, below the *mount root*. The node plugin brings that
//! pod to its node (stage), waits for its mount and binds it into the pod (publish). When a fuse
//! pod has died and come back, recovery puts the new mount in the place of the old one, in running
//! containers too.
//!
//! The folders import each other in one direction: `service` → `recovery` → `readiness` → `context`
//! → `anchors` → `mount` → `volume` → `error` → `cluster`. What belongs to a volume is in `volume`,
//! whoever uses it: what it says about itself, what is recorded about it, and who works on it.
//!
//! | module | does |
//! |---|---|
//! | `service` | sockets, and the services on them: CSI, and its announcement to the kubelet |
//! | `recovery` | mounts that died or were left behind |
//! | `anchors` | the way of a new mount into containers that already run |
//! | `readiness` | the wait for a fuse pod's mount |
//! | `mount` | the table of mounts, system calls, and the paths that they may touch |
//! | `volume` | attributes, records and locks of volumes |
//! | [`cluster`] | questions to the API server |

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
pub use service::health::Health;
pub use service::{identity, proto, serve};
