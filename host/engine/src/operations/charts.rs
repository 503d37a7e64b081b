//! The charts of operations: one for each kind, with the same templates. What differs between
//! runtimes is in the values.

use std::sync::{Arc, OnceLock};

use wasser_api::operations::OperationKind;
use wasser_chart::{Chart, ChartError};

const JOB: &str = include_str!("charts/job.yaml");
const SCRIPTS: &str = include_str!("charts/scripts.yaml");
const OBJECTS: &str = include_str!("charts/objects.yaml");

/// Returns the chart of a kind, packed once.
///
/// # Errors
/// It cannot be packed.
pub fn chart(kind: OperationKind) -> Result<Arc<Chart>, ChartError> {
    static PACKED: OnceLock<[OnceLock<Arc<Chart>>; 4]> = OnceLock::new();
    let (at, name) = match kind {
        OperationKind::DataLoad => (0, "fluid-dataloader"),
        OperationKind::DataMigrate => (1, "fluid-datamigrate"),
        OperationKind::DataBackup => (2, "fluid-databackup"),
        OperationKind::DataProcess => (3, "fluid-dataprocess"),
    };
    let Some(slot) = PACKED.get_or_init(Default::default).get(at) else {
        return pack(name);
    };
    if let Some(chart) = slot.get() {
        return Ok(chart.clone());
    }
    let chart = pack(name)?;
    Ok(slot.get_or_init(|| chart).clone())
}

fn pack(name: &str) -> Result<Arc<Chart>, ChartError> {
    let metadata = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
    Chart::from_files(&[
        ("Chart.yaml", metadata.as_str()),
        ("templates/job.yaml", JOB),
        ("templates/scripts.yaml", SCRIPTS),
        ("templates/objects.yaml", OBJECTS),
    ])
}
