//! HostileRuntime: a neighbour that takes as much as its limits let it, again and again.

use std::hint::black_box;

use serde::{Deserialize, Serialize};
use wasser_sdk::{Context, Description, Error, Fuse, Host, Implement, Level, Method, Result, Role, Want};

/// Bytes of a page of memory.
const PAGE: usize = 65_536;

/// The fields of `HostileRuntime.spec`. Each call of `validate` does all of it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Spec {
    /// Millions of multiplications that depend on each other.
    spin: u64,
    /// Mebibytes of memory that are written to.
    memory: usize,
    /// Calls of the host.
    calls: u32,
    /// Turns of the chart's innermost loop. `validate` then succeeds, so that the chart is rendered.
    rows: u32,
}

/// The values of the chart.
#[derive(Serialize)]
pub struct Values {
    rows: u32,
}

/// The runtime.
pub struct Hostile;

impl Implement for Hostile {
    type Spec = Spec;
    type Values = Values;

    fn describe() -> Description {
        Description {
            version: env!("CARGO_PKG_VERSION").into(),
            methods: vec![Method::Validate],
            roles: vec![Role::fuse("hostile-fuse")],
            fuse: Fuse {
                mount_type: "fuse.hostile".into(),
                directory: "hostile-fuse".into(),
            },
            wants: vec![Want::new("kinds", &["DaemonSet"]), Want::new("fuse", &[])],
            ..Description::of("HostileRuntime", "hostileruntimes", "hostile")
        }
    }

    fn validate(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        let spec = &ctx.runtime.spec;
        let mut number = 1_u64;
        for turn in 0..spec.spin * 1_000_000 {
            number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(turn));
        }
        let mut taken = vec![0_u8; spec.memory * 1024 * 1024];
        for page in taken.chunks_mut(PAGE) {
            page.fill(1);
        }
        black_box(&taken);
        for call in 0..spec.calls {
            host.log(Level::Debug, &format!("call {call}"));
        }
        if spec.rows > 0 {
            return Ok(());
        }
        Err(Error::retry_after(1, "there is always more to take"))
    }

    fn desired(ctx: &Context<Spec>, _host: &impl Host) -> Result<Values> {
        Ok(Values {
            rows: ctx.runtime.spec.rows,
        })
    }
}

wasser_sdk::export!(Hostile);
