//! The methods of the runtime.

use serde_json::Value;
use wasser_sdk::{Context, Description, Host, Implement, Measure, Result};

use crate::describe::{self, WORKER};
use crate::input::Spec;
use crate::live;
use crate::transform;

/// Vineyard.
pub struct Vineyard;

impl Implement for Vineyard {
    type Spec = Spec;
    type Values = Value;

    fn describe() -> Description {
        describe::description()
    }

    fn validate(ctx: &Context<Spec>, _host: &impl Host) -> Result<()> {
        transform::values(ctx, &|names| Ok(vec![1; names.len()])).map(drop)
    }

    /// Images that the runtime does not name stay as they are installed, and clients stay on their
    /// nodes.
    fn desired(ctx: &Context<Spec>, host: &impl Host) -> Result<Value> {
        let mut values = transform::values(ctx, &|names| Ok(host.allocate_ports(names)?))?;
        if let Some(installed) = &ctx.installed {
            live::keep(ctx, &mut values, installed);
        }
        Ok(values)
    }

    /// Returns the memory of the daemons that serve. How much of it is in use, only metrics would
    /// say, which the images do not publish.
    fn cache_states(ctx: &Context<Spec>, _host: &impl Host) -> Result<Vec<(String, Measure)>> {
        let store = transform::store(ctx)?;
        let capacity = store.size.saturating_mul(u64::from(ctx.ready(WORKER)));
        Ok(vec![("cacheCapacity".to_owned(), Measure::Bytes(capacity))])
    }
}
