//! The chart as the host renders it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use wasser_chart::{Chart, ReleaseMeta, RenderError, Rendered, Renderer};

/// The chart of this plugin, packed.
pub fn chart() -> Arc<Chart> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/alluxio");
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    archive.append_dir_all("alluxio", directory).unwrap();
    Chart::from_tgz(archive.into_inner().unwrap().finish().unwrap().into()).unwrap()
}

/// Helm's engine; its compiled form is kept for the next test.
pub fn renderer() -> Renderer {
    Renderer::open(&PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("helm")).unwrap()
}

/// The chart with these values, as the first revision of `demo` or of whatever the values name.
pub async fn render(renderer: &Renderer, chart: &Arc<Chart>, values: &Value) -> Result<Rendered, RenderError> {
    let text = |pointer: &str| values.pointer(pointer).and_then(Value::as_str).unwrap().to_string();
    let meta = ReleaseMeta {
        name: text("/runtimeIdentity/name"),
        namespace: text("/runtimeIdentity/namespace"),
        revision: 1,
        is_upgrade: false,
    };
    renderer.render(chart, &meta, values).await
}
