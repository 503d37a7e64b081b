//! Measures the cost of the sandbox.
//!
//! `cargo run --release -p wasser-plugin --example measure_calls target/plugins/thin.yaml`
//!
//! Prints one line of JSON. `instantiate…` is a fresh instance with its first call of
//! `should-update-ufs`, less a later call. `call…` is that method on an existing instance, with a
//! context of about 2 KB. `reconcile…` is a fresh instance with five calls. Every interface of the
//! host is linked and every limit is on, as in the operator.
//!
//! These three are the median of many rounds, each of which is the mean of many calls, so that
//! other work of the machine does not distort them. `…Fastest` is the fastest round.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use wasser_api::ObjectKey;
use wasser_plugin::Context;
use wasser_plugin::{Backend, HostConfig, Instance, PluginHost, Registration};

/// The number of rounds, and of calls in each.
const ROUNDS: usize = 31;
const CALLS: u32 = 1_000;
/// The length of a context in bytes.
const CONTEXT: usize = 2_048;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: measure FILE, a ConfigMap as `cargo xtask guests` makes it")?;
    let mut map: ConfigMap = yaml_serde::from_str(&std::fs::read_to_string(path)?)?;
    map.metadata.namespace.get_or_insert_with(|| "wasser-system".to_owned());
    let directory = tempfile::tempdir()?;
    let host = PluginHost::new(HostConfig::new(directory.path()))?;
    let registration = Registration::parse(&map)?;
    let begun = Instant::now();
    let plugin = host.load(&registration).await?;
    let compile = begun.elapsed();
    let begun = Instant::now();
    host.load(&registration).await?;
    let load = begun.elapsed();

    let backend: Arc<dyn Backend> = Arc::new(NoCluster);
    let fresh = || {
        plugin.instance(
            ObjectKey {
                namespace: "default".to_owned(),
                name: "demo".to_owned(),
            },
            backend.clone(),
        )
    };
    if !plugin.has("should-update-ufs") {
        return Err("the plugin has no `should-update-ufs`, so that nothing would be called".into());
    }
    let ctx = context(&registration.runtime);
    let mut living = fresh();
    let call = measure(async || call(&mut living, &ctx).await).await?;
    let first = measure(async || self::call(&mut fresh(), &ctx).await).await?;
    let reconcile = measure(async || {
        let mut instance = fresh();
        for _ in 0..5 {
            self::call(&mut instance, &ctx).await?;
        }
        Ok(())
    })
    .await?;
    let micros = |time: Duration| (time.as_secs_f64() * 1e9).round() / 1e3;
    let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    println!(
        "{}",
        serde_json::json!({
            "instantiateMicroseconds": micros(first.median.saturating_sub(call.median)),
            "instantiateMicrosecondsFastest": micros(first.fastest.saturating_sub(call.fastest)),
            "callMicroseconds": micros(call.median),
            "callMicrosecondsFastest": micros(call.fastest),
            "reconcileMicroseconds": micros(reconcile.median),
            "reconcileMicrosecondsFastest": micros(reconcile.fastest),
            "compileMilliseconds": millis(compile),
            "loadCompiledMilliseconds": millis(load),
            "contextBytes": ctx.runtime.len() + ctx.dataset.as_deref().map_or(0, str::len),
        })
    );
    Ok(())
}

async fn call(instance: &mut Instance, ctx: &Context) -> Result<(), Failure> {
    // The answer does not matter: only the call itself is measured.
    let _answer = instance.should_update_ufs(ctx).await?;
    Ok(())
}

/// The time of one call.
struct Time {
    median: Duration,
    fastest: Duration,
}

async fn measure(mut what: impl AsyncFnMut() -> Result<(), Failure>) -> Result<Time, Failure> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    // The first round fills the caches.
    for round in 0..=ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            what().await?;
        }
        if round > 0 {
            rounds.push(begun.elapsed() / CALLS);
        }
    }
    rounds.sort();
    let (fastest, median) = rounds
        .first()
        .zip(rounds.get(ROUNDS / 2))
        .ok_or("nothing was measured")?;
    Ok(Time {
        median: *median,
        fastest: *fastest,
    })
}

/// Returns the context of a reconcile: a runtime and a Dataset, padded to the wanted total length.
fn context(kind: &str) -> Context {
    let runtime = |pad: &str| {
        let spec = serde_json::json!({"replicas": 1, "options": {"pad": pad}});
        serde_json::json!({"kind": kind, "metadata": {"name": "demo"}, "spec": spec}).to_string()
    };
    let dataset = serde_json::json!({"kind": "Dataset", "metadata": {"name": "demo"},
        "spec": {"mounts": [{"name": "demo", "mountPoint": "demo:///", "options": {"pad": "x".repeat(500)}}]}})
    .to_string();
    let rest = CONTEXT.saturating_sub(runtime("").len() + dataset.len());
    Context {
        namespace: "default".to_owned(),
        name: "demo".to_owned(),
        dataset_id: "default-demo".to_owned(),
        runtime: runtime(&"x".repeat(rest)),
        dataset: Some(dataset),
        mount_path: "/runtime-mnt/demo/default/demo/demo-fuse".to_owned(),
        fuse_label: "fluid.io/f-default-demo".to_owned(),
        images: vec![("fuse".to_owned(), "demo:1".to_owned())],
        settings: Vec::new(),
        installed: None,
        roles: Vec::new(),
        now: 0,
        granted: Vec::new(),
    }
}

struct NoCluster;

impl Backend for NoCluster {}
