//! The operator's registrations and controllers against an API server in the same process, without
//! a cluster.
//!
//! A [`Scene`](scene::Scene) is a server with one plugin, whose component is made from text and
//! whose chart is one StatefulSet. Nobody plays the cluster but the test: pods become ready, and
//! orphans are collected, when it says so. So a test chooses what the operator sees and when, and
//! what it does not learn.

mod adoption;
mod alluxio_mounts;
mod alluxio_operations;
mod alluxio_sizes;
mod alone;
mod artifacts;
mod cache_classes;
#[path = "../../../plugin/tests/common/mod.rs"]
mod common;
mod consent;
mod data_commands;
mod decisions;
mod deletion_waits;
mod deletions;
mod drift;
mod efc;
mod faults;
mod fluid;
mod forged_values;
mod gone;
mod helm_record;
mod hooks;
mod identity;
mod jobs;
mod juicefs_operations;
mod life;
mod machine;
mod migration;
mod nodes;
mod operations;
mod operations_budget;
mod operations_ends;
mod operations_exclusion;
mod operations_order;
mod operations_progress;
mod operations_troubles;
mod outdated_volumes;
#[path = "../../../plugin/tests/common/package.rs"]
mod package;
mod plugin_commands;
mod ports;
mod profiles;
mod records;
mod reference_copies;
mod reference_volumes;
mod references;
mod refused_upgrades;
mod revisions;
mod rollout;
mod scene;
mod standings;
mod system;
mod unlisted;
mod vanished;
mod vineyard;
