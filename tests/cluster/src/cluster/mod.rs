//! A Kubernetes cluster for development and tests: the real control plane as processes of this
//! machine, and either a real node (kubelet, containerd, runc) or fake ones (kwok). With
//! `KUBECONFIG` set, an existing cluster is used instead.
//!
//! Whatever is started is recorded in [`State`] before it begins, so that `down` stops exactly
//! that, even after an interruption. One command at a time changes clusters. Nothing here changes
//! the cluster of `KUBECONFIG` itself, or its nodes.

mod control_plane;
mod external;
mod fake;
pub mod http;
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
pub mod s3;
mod services;
mod state;
pub mod webhook;

pub use options::{DEFAULT_NAME, Node, Options, name};
pub use running::Cluster;
pub use state::{Service, State};
