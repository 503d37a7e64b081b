//! What the metrics say of Datasets and runtimes that do not work now.

use std::time::Duration;

use serde_json::json;

use super::scene::{Operator, Scene};

/// Waits until the operator shows exactly these of its series.
async fn shows(operator: &Operator, series: &[&str]) {
    let shown = || -> Vec<String> {
        let text = operator.metrics.text();
        let starts = ["wasser_datasets{", "wasser_runtimes_failing{"];
        let lines = text.lines().filter(|line| !line.ends_with(" 0"));
        let lines = lines.filter(|line| starts.iter().any(|start| line.starts_with(start)));
        lines.map(str::to_owned).collect()
    };
    let comes = async {
        while shown() != series {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), comes).await;
    assert!(in_time.is_ok(), "{:?}", shown());
}

const REFUSED: &str = r#"wasser_runtimes_failing{kind="DemoRuntime",reason="invalid_spec"} 1"#;

#[tokio::test]
async fn what_is_refused_is_shown_until_it_is_corrected() {
    let scene = Scene::new();
    let operator = scene.start().await;
    scene.create_runtime_with(json!([{"mountPoint": "dataset://default/other", "name": "other"}]));
    shows(&operator, &[r#"wasser_datasets{phase="NotBound"} 1"#, REFUSED]).await;
    scene.server.edit("Dataset", "default", "demo", |dataset| {
        dataset["spec"]["mounts"] = json!([{"mountPoint": "demo://bucket", "name": "demo"}]);
    });
    scene.bind().await;
    shows(&operator, &[r#"wasser_datasets{phase="Bound"} 1"#]).await;
}

#[tokio::test]
async fn what_is_refused_is_shown_until_it_is_gone() {
    let scene = Scene::new();
    let operator = scene.start().await;
    scene.create_runtime_with(json!([{"mountPoint": "dataset://default/other", "name": "other"}]));
    shows(&operator, &[r#"wasser_datasets{phase="NotBound"} 1"#, REFUSED]).await;
    scene.server.delete("DemoRuntime", "default", "demo");
    shows(&operator, &[r#"wasser_datasets{phase="NotBound"} 1"#]).await;
    scene.server.delete("Dataset", "default", "demo");
    shows(&operator, &[]).await;
}
