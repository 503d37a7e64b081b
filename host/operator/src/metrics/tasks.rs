//! What the tasks that run all the time have computed for: watches decode their events and take them
//! in, controllers follow theirs.

use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::supervisor::Supervisor;

/// The supervisor of the tasks, once there is one. It measures by itself, and is asked at every
/// scrape.
#[derive(Clone, Default)]
pub struct Tasks(Arc<OnceLock<Arc<Supervisor>>>);

impl std::fmt::Debug for Tasks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl Tasks {
    /// Shows the tasks of this supervisor from now on. There is one for the life of the process.
    pub fn show(&self, supervisor: Arc<Supervisor>) {
        let _shown_already = self.0.set(supervisor);
    }
}

impl Collector for Tasks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(supervisor) = self.0.get() else {
            return Ok(());
        };
        let help = "Time for which a task that runs all the time has had a thread: for a watch, to decode its events \
            and to take them in";
        let mut family = encoder.encode_descriptor("wasser_task_busy_seconds", help, None, MetricType::Counter)?;
        for (task, busy) in supervisor.busy() {
            ConstCounter::new(busy.as_secs_f64()).encode(family.encode_family(&[("task", &*task)])?)?;
        }
        Ok(())
    }
}
