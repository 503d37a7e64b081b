//! The methods of the runtime.

use serde_json::{Value, json};
use wasser_sdk::{Context, Description, Host, Implement, Measure, Result};

use crate::describe::{self, WORKER};
use crate::input::Spec;
use crate::{endpoints, live, port, shutdown, transform};

/// EFC.
pub struct Efc;

impl Implement for Efc {
    type Spec = Spec;
    type Values = Value;

    fn describe() -> Description {
        describe::description()
    }

    fn validate(ctx: &Context<Spec>, _host: &impl Host) -> Result<()> {
        transform::values(ctx, 1).map(drop)
    }

    /// Images that the runtime does not name stay as they are installed, and clients stay on their
    /// nodes.
    fn desired(ctx: &Context<Spec>, host: &impl Host) -> Result<Value> {
        let port = port::of(ctx, &|names| Ok(host.allocate_ports(names)?))?;
        let mut values = transform::values(ctx, port)?;
        values["worker"]["endpoints"] = json!(endpoints::of(ctx, host, port)?);
        if let Some(installed) = &ctx.installed {
            live::keep(ctx, &mut values, installed);
        }
        Ok(values)
    }

    /// Returns the size of the caches of the workers that serve. How much of it is in use, the
    /// images do not say.
    fn cache_states(ctx: &Context<Spec>, _host: &impl Host) -> Result<Vec<(String, Measure)>> {
        let quota = transform::store(ctx)?.quota;
        let capacity = quota.map(|bytes| bytes.saturating_mul(u64::from(ctx.ready(WORKER))));
        Ok(vec![("cacheCapacity".to_owned(), Measure::bytes(capacity))])
    }

    fn shutdown(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        shutdown::clean_cache(ctx, host)
    }
}
