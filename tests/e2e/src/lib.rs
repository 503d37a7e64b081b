//! End-to-end tests of Wasser: the real `wasser run`, or what its chart installs, against a real
//! API server.
//!
//! They need a cluster that nothing else serves meanwhile, and run one after the other: `cargo
//! xtask test e2e` brings one up and says where everything is, through the variables of
//! [`environment`].

// What the tests are made of fails as they do: by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod charts;
pub mod demo;
pub mod environment;
pub mod expect;
pub mod guide;
pub mod installed;
pub mod languages;
pub mod manifests;
pub mod metrics;
pub mod objects;
mod operations;
pub mod operator;
pub mod plugins;
pub mod pods;
pub mod release;
pub mod rights;
pub mod s3;
pub mod servers;
pub mod shell;
mod sweep;
pub mod tools;
pub mod user;

pub use installed::Installed;
pub use operator::Operator;
pub use user::User;
