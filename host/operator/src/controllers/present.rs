//! The objects that metrics count, as the watches show them.

use std::sync::Arc;

use kube::runtime::reflector::Store;
use wasser_api::dataset::{Dataset, DatasetPhase};

use super::runtime_index::RuntimeIndex;
use crate::metrics::Present;

/// The objects of the cluster.
pub struct Objects {
    /// The Datasets.
    pub datasets: Store<Dataset>,
    /// The runtimes of all kinds.
    pub runtimes: Arc<RuntimeIndex>,
}

impl Present for Objects {
    fn phases(&self) -> Vec<DatasetPhase> {
        let datasets = self.datasets.state();
        let phase = |dataset: &Arc<Dataset>| dataset.status.as_ref().map(|status| status.phase.clone());
        datasets
            .iter()
            .map(|dataset| phase(dataset).unwrap_or_default())
            .collect()
    }

    fn has_runtime(&self, kind: &str, runtime: &str) -> bool {
        let parts = runtime.split_once('/');
        parts.is_some_and(|(namespace, name)| self.runtimes.has(kind, namespace, name))
    }
}
