//! A Kubernetes cluster for development and tests: the real control plane as processes of this machine, and either a real node
//! (kubelet, containerd, runc) or fake ones (kwok). With `KUBECONFIG` set, the cluster that is there already.

mod control_plane;
mod external;
mod fake;
pub mod install;
mod kubeconfig;
mod lifecycle;
mod lock;
pub mod metrics;
pub mod operator;
mod options;
mod pki;
pub mod real;
mod running;
mod services;
mod state;

pub use options::{DEFAULT_NAME, Node, Options, name};
pub use running::Cluster;
pub use state::{Service, State};
