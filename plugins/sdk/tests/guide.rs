//! docs/writing-a-runtime.md shows what works: its listings are the files of `examples/minimal`,
//! and those files fit each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wasser_chart::{Chart, Policy, Powers, ReleaseMeta, Renderer};
use wasser_sdk::testing::{FakeHost, raw_context};
use wasser_sdk::{Context, Error, Implement};

#[path = "../examples/minimal.rs"]
#[allow(dead_code, reason = "the example's own `main`")]
mod minimal;

use minimal::Example;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn context(dataset: Value) -> Context<minimal::Spec> {
    let object = |spec: Value| json!({"metadata": {"namespace": "default", "name": "demo"}, "spec": spec});
    let mut raw = raw_context(
        &object(json!({"cacheSize": "2Gi"})),
        Some(&object(dataset)),
        "example-fuse",
    );
    raw.images = vec![("worker".into(), "example/worker:1".into())];
    Context::parse(raw).unwrap()
}

#[test]
fn the_guide_shows_the_files_as_they_are() {
    let guide = read("../../docs/writing-a-runtime.md");
    let files = [
        "examples/minimal/plugin.yaml",
        "examples/minimal/crd.yaml",
        "examples/minimal/demo.yaml",
        "examples/minimal/chart/Chart.yaml",
        "examples/minimal/chart/templates/worker.yaml",
        "examples/minimal/chart/templates/fuse.yaml",
    ];
    for file in files {
        assert!(
            guide.contains(read(file).trim_end()),
            "{file} is not in the guide as it is"
        );
    }
    let code = read("examples/minimal.rs");
    let code = code
        .split_once("use std::")
        .unwrap()
        .1
        .split_once("\nfn main()")
        .unwrap()
        .0;
    assert!(
        guide.contains(code.trim_end()),
        "examples/minimal.rs is not in the guide as it is"
    );
}

#[test]
fn the_plugin_and_its_files_speak_of_the_same_kind() {
    let description = Example::describe();
    let yaml = |path: &str| yaml_serde::from_str::<Value>(&read(path)).unwrap();
    let plugin = yaml("examples/minimal/plugin.yaml");
    assert_eq!(plugin["runtime"], description.kind);
    let crd = yaml("examples/minimal/crd.yaml");
    assert_eq!(crd["spec"]["names"]["kind"], description.kind);
    assert_eq!(crd["spec"]["names"]["plural"], description.plural);
    let kinds = &description
        .wants
        .iter()
        .find(|want| want.capability == "kinds")
        .unwrap()
        .scope;
    assert_eq!(plugin["grants"]["kinds"], json!(kinds));
}

#[test]
fn a_dataset_without_a_mount_is_refused() {
    let refused = Example::desired(&context(json!({})), &FakeHost::new()).err();
    assert_eq!(refused, Some(Error::invalid("Dataset.spec.mounts", "needs a mount")));
}

#[tokio::test]
async fn the_values_render_to_the_workloads_that_are_described() {
    let ctx = context(json!({"mounts": [{"mountPoint": "s3://bucket"}]}));
    let mut values = serde_json::to_value(Example::desired(&ctx, &FakeHost::new()).unwrap()).unwrap();
    // The host adds this one.
    values["ownerDatasetId"] = json!(ctx.dataset_id);

    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/minimal/chart");
    archive.append_dir_all("example", directory).unwrap();
    let chart = Chart::from_tgz(archive.into_inner().unwrap().finish().unwrap().into()).unwrap();
    let renderer = Renderer::open(&PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("helm")).unwrap();
    let meta = ReleaseMeta {
        name: ctx.name.clone(),
        namespace: ctx.namespace.clone(),
        revision: 1,
        is_upgrade: false,
    };
    let rendered = renderer.render(&chart, &meta, &values).await.unwrap();

    let there: Vec<String> = rendered
        .objects
        .iter()
        .map(|object| {
            format!(
                "{} {}",
                object.types.as_ref().unwrap().kind,
                object.metadata.name.as_deref().unwrap()
            )
        })
        .collect();
    let description = Example::describe();
    for role in &description.roles {
        let wanted = format!("{} demo{}", role.workload, role.suffix);
        assert!(there.contains(&wanted), "{wanted} is not among {there:?}");
    }
    let owner =
        json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": description.kind, "name": ctx.name, "uid": "of-demo"});
    let policy = Policy {
        namespace: ctx.namespace.clone(),
        owner: serde_json::from_value(owner).unwrap(),
        kinds: description.wants[0].scope.iter().cloned().collect(),
        powers: Powers {
            fuse: true,
            images: ctx.images.values().cloned().collect(),
            ..Powers::default()
        },
        mount: ctx.mount_path.rsplit_once('/').unwrap().0.to_owned(),
        ..Policy::default()
    };
    policy.admit(&rendered.objects).unwrap();
}
