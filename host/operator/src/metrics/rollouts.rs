//! How far other builds of plugins are on their way to the releases of their kinds.

use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use wasser_engine::Rollouts;

/// The rollouts, once there are some. They are asked at every scrape.
#[derive(Clone, Default)]
pub struct PluginRollouts(Arc<OnceLock<Arc<Rollouts>>>);

impl std::fmt::Debug for PluginRollouts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PluginRollouts").finish_non_exhaustive()
    }
}

impl PluginRollouts {
    /// Shows these from now on. They are those of the process, for its life.
    pub fn show(&self, rollouts: Arc<Rollouts>) {
        let _shown_already = self.0.set(rollouts);
    }
}

impl Collector for PluginRollouts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let standings = self.0.get().map(|rollouts| rollouts.standings()).unwrap_or_default();
        if standings.is_empty() {
            return Ok(());
        }
        let help = "Releases by where they stand with the newest build of their plugin: `settled`, `waiting` for their \
            turn, `observed` after their upgrade, or `failed` since";
        let mut family = encoder.encode_descriptor("wasser_rollout_releases", help, None, MetricType::Gauge)?;
        for (registration, standing) in standings {
            let states = [
                ("settled", standing.settled),
                ("waiting", standing.waiting),
                ("observed", standing.observed),
                ("failed", standing.failed),
            ];
            for (state, count) in states {
                let labels = [("registration", registration.as_str()), ("state", state)];
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
