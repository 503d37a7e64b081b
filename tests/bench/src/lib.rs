//! `cargo xtask bench`: measures binding, deleting, data operations, admission, calling, rendering and
//! mounting, each as one JSON object.
//!
//! `bind`, `delete` and `operations` run the operator against a separate control plane with fake nodes, whose
//! pods are ready at once: this measures the operator and the API server. `floor` measures the same
//! without an operator, as the least that it can cost, and `scale` what thousands of Datasets do to each other.
//! `webhook` creates pods by way of `wasser-serve webhook`. `call` and `render` run
//! the measuring examples of the plugin host and of the chart's renderer. `volume` measures pods
//! that mount a dataset on a real node, and `data` what loads and copies its files. A benchmark starts from nothing: it ends clusters that an
//! earlier run has left, and reports what else the machine did meanwhile.

mod against;
mod all;
mod bind;
mod cargo;
mod cargo_examples;
mod data;
mod delete;
mod fake_cluster;
mod floor;
mod mappings;
mod neighbour;
pub mod objects;
mod operations;
mod processes;
mod profile;
mod real_cluster;
mod report;
mod requests;
mod scale;
mod settle;
mod swapped;
mod usage;
mod volume;
mod watch;
mod webhook;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

pub use all::all;
pub use bind::{bind, floor};
pub use cargo_examples::{call, render};
pub use data::{Files, data};
pub use delete::delete;
pub use fake_cluster::register;
pub use neighbour::neighbour;
pub use objects::System;
pub use operations::{Amount, operations};
pub use real_cluster::Runtime;
pub use report::Report;
pub use scale::{Growth, scale};
pub use volume::{Load, volume};
pub use webhook::{Admissions, webhook};

/// How to measure.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Measure the development build, which builds faster; its figures say nothing about the
    /// release
    #[arg(long)]
    pub dev: bool,
    /// Also write the JSON to this file
    #[arg(long, value_name = "FILE")]
    pub json_out: Option<PathBuf>,
}

/// How much to measure on a cluster.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Datasets, each with a runtime and a Secret.
    pub count: u32,
    /// What serves them, by turns.
    pub systems: Vec<System>,
    /// Further Datasets, whose masters do not answer.
    pub hung: u32,
    /// Fake nodes.
    pub nodes: u32,
    /// Leave the cluster for a look at it; the operator is stopped anyway.
    pub keep: bool,
    /// Where to write a flame graph of the operator until all are Bound.
    pub profile: Option<PathBuf>,
}

impl Scale {
    /// Returns the same number of Datasets with JuiceFS alone, for comparison.
    fn alone(&self) -> Self {
        Self {
            systems: vec![System::Juicefs],
            hung: 0,
            ..self.clone()
        }
    }

    /// Returns the parameters of a report.
    fn parameters(&self) -> Value {
        let mut parameters = json!({"datasets": self.count, "systems": self.systems, "fakeNodes": self.nodes});
        if self.hung > 0 {
            parameters["hungDatasets"] = self.hung.into();
        }
        parameters
    }

    /// Whether Datasets have to share nodes.
    fn are_shared(&self) -> bool {
        self.count + self.hung > self.nodes
    }

    /// Returns the plugins that are needed.
    fn plugins(&self) -> BTreeSet<System> {
        let hung = (self.hung > 0).then_some(System::Alluxio);
        self.systems.iter().copied().chain(hung).collect()
    }
}
