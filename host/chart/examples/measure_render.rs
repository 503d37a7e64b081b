//! What rendering costs, as JSON:
//! `cargo run -p wasser-chart --example measure_render -- CACHE_DIR CHART_DIR [VALUES]`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use wasser_chart::{Chart, Limits, ReleaseMeta, Renderer};

/// Renders that are measured, after the first.
const RENDERS: usize = 200;
/// After this time without work, the engine gives its memory back. Shorter than it usually is, to
/// see it.
const IDLE: Duration = Duration::from_millis(300);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let cache_dir = arguments.next().context("the first argument is the cache directory")?;
    let directory = arguments.next().context("the second argument is a chart's directory")?;
    let chart = Chart::from_tgz(pack(&directory)?.into())?;
    Renderer::precompile(&cache_dir)?;
    let before = memory("VmRSS")?;

    let started = Instant::now();
    let renderer = Renderer::open(&cache_dir)?.with_limits(Limits {
        kept_for: IDLE,
        ..Limits::default()
    });
    let open = milliseconds(started);
    let opened = memory("VmRSS")?;

    let meta = ReleaseMeta {
        name: "demo".to_owned(),
        namespace: "ns".to_owned(),
        revision: 1,
        is_upgrade: false,
    };
    let values: Value = match arguments.next() {
        Some(path) => {
            yaml_serde::from_str(&std::fs::read_to_string(&path).with_context(|| path.display().to_string())?)?
        }
        None => json!({}),
    };
    let started = Instant::now();
    let rendered = renderer.render(&chart, &meta, &values).await?;
    let first = milliseconds(started);

    let mut warm = Vec::new();
    for _ in 0..RENDERS {
        let started = Instant::now();
        renderer.render(&chart, &meta, &values).await?;
        warm.push(milliseconds(started));
    }
    warm.sort_by(f64::total_cmp);
    let at = |part: f64| warm.get((RENDERS as f64 * part) as usize).copied();
    let (resident, anonymous) = (memory("VmRSS")?, memory("RssAnon")?);
    tokio::time::sleep(IDLE * 4).await;
    let report = json!({
        "chart": chart.name(),
        "objects": rendered.objects.len(),
        "open_ms": open,
        "first_render_ms": first,
        "warm_render_ms": {"median": at(0.5), "p95": at(0.95)},
        "rss_kib": {"before": before, "opened": opened, "busy": resident, "busy_anonymous": anonymous,
            "idle": memory("VmRSS")?},
    });
    println!("{report:#}");
    Ok(())
}

fn pack(directory: &Path) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    archive.append_dir_all("chart", directory)?;
    Ok(archive.into_inner()?.finish()?)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// A line of `/proc/self/status`, in KiB.
fn memory(field: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .with_context(|| format!("no {field}"))?;
    line.trim_start_matches(':')
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .with_context(|| field.to_owned())
}
