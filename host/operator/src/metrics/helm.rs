//! What Helm's engine does: instances, charts, renders and collections, each with its seconds.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use wasser_chart::Work;

/// Returns how often the engine has done such work, and how long all of it took.
type Done = Box<dyn Fn(Work) -> (u64, Duration) + Send + Sync>;

/// The engine, once there is one. It counts by itself, and is asked at every scrape.
#[derive(Clone, Default)]
pub struct Helm(Arc<OnceLock<Done>>);

impl std::fmt::Debug for Helm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Helm").finish_non_exhaustive()
    }
}

impl Helm {
    /// Shows what this engine does from now on. There is one for the life of the process.
    pub fn show(&self, done: impl Fn(Work) -> (u64, Duration) + Send + Sync + 'static) {
        let _shown_already = self.0.set(Box::new(done));
    }
}

impl Collector for Helm {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(done) = self.0.get() else {
            return Ok(());
        };
        let help =
            "Work of Helm's engine: `start` of an instance, `load` of a chart, `render`, and `collect` of its garbage";
        let mut family = encoder.encode_descriptor("wasser_helm_work", help, None, MetricType::Counter)?;
        for work in Work::ALL {
            let (times, _) = done(work);
            ConstCounter::new(times).encode(family.encode_family(&[("work", work.name())])?)?;
        }
        let help = "Time that this work took";
        let mut family = encoder.encode_descriptor("wasser_helm_work_seconds", help, None, MetricType::Counter)?;
        for work in Work::ALL {
            let (_, took) = done(work);
            ConstCounter::new(took.as_secs_f64()).encode(family.encode_family(&[("work", work.name())])?)?;
        }
        Ok(())
    }
}
