//! What `wasser plugin new` writes is a plugin: it compiles, passes its own scenarios and every check,
//! and a panic in it reaches its author.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::fs;
use std::path::{Path, PathBuf};

use wasser_author::check::Subject;
use wasser_author::scenarios::{files, play};
use wasser_author::{Loader, Package, Pair, Project, Sdk, Trial, create, dry, objects};
use wasser_chart::{Chart, Renderer};
use wasser_test_cluster::packages::guests;

const NAME: &str = "my-cache";
const KIND: &str = "MyCacheRuntime";

fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// A new project, with a panic for runtimes of one name, at the same place each time.
fn project() -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scaffold");
    drop(fs::remove_dir_all(&parent));
    let sdk = Sdk::parse(&root().join("plugins/sdk").display().to_string()).unwrap();
    let directory = create(&parent, NAME, &sdk).unwrap();
    // The versions that are here already; cargo leaves out what is not needed.
    fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    let code = directory.join("src/lib.rs");
    let text = fs::read_to_string(&code).unwrap();
    let begin = "fn validate(ctx: &Context<Spec>, _host: &impl Host) -> Result<()> {\n";
    assert!(text.contains(begin), "{text}");
    let panics = format!("{begin}        assert!(ctx.name != \"broken\", \"nobody expected {{}}\", ctx.name);\n");
    fs::write(&code, text.replace(begin, &panics)).unwrap();
    directory
}

#[tokio::test]
async fn a_new_plugin_passes_its_scenarios_and_every_check() {
    let directory = project();
    let module = guests::build_project(&root(), &directory, "my_cache_runtime").unwrap();
    let packed = Project::open(&directory).unwrap().pack(Some(&module)).unwrap();
    let package = Package::read(packed.config_map.as_ref().unwrap()).unwrap();
    package.check_size().unwrap();
    let again = Project::open(&directory).unwrap().pack(Some(&module)).unwrap();
    assert_eq!(again.digest, packed.digest, "the same module makes another artifact");
    let artifact = Package::read(&packed.artifact).unwrap();
    let registered = |package: &Package| package.registration(None).unwrap();
    assert_eq!(registered(&artifact).digest, registered(&package).digest);
    assert_eq!(registered(&artifact).grants, registered(&package).grants);
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let loader = Loader::new(&package, None, temporary.join("plugins"), None).unwrap();
    let plugin = loader.load().await.unwrap();
    assert_eq!(plugin.description.kind, KIND);
    let chart = Chart::from_tgz(plugin.chart.clone()).unwrap();
    let renderer = Renderer::open(&temporary.join("helm")).unwrap();

    // `UPDATE=1` writes the golden file of the template.
    let update = std::env::var_os("UPDATE").is_some();
    for file in files(&directory.join("scenarios")).unwrap() {
        let outcome = play(&file, &plugin, &chart, &renderer, update).await.unwrap();
        assert_eq!(outcome.faults, Vec::<String>::new(), "{}", outcome.name);
        if outcome.written {
            let golden = fs::read_to_string(directory.join("scenarios/golden/bare.yaml")).unwrap();
            let template = golden
                .replace("mycache", "example")
                .replace("MyCache", "Example")
                .replace(NAME, "example");
            fs::write(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/rust/scenarios/golden/bare.yaml"),
                template,
            )
            .unwrap();
        }
    }

    let demo = fs::read_to_string(directory.join("demo.yaml")).unwrap();
    let demo = Pair::find(objects(&demo).unwrap(), KIND, "default").unwrap();
    let crds = wasser_plugin::crds(&package.component().unwrap()).unwrap();
    let subject = Subject {
        loader: &loader,
        crds: Some(&crds),
        chart: Some((chart.clone(), &renderer)),
        manifests: vec![("demo.yaml".to_owned(), demo.clone())],
        keep: directory.join("contexts"),
    };
    let report = subject.check().await.unwrap();
    assert!(report.passes(), "{}", report.text());

    let mut broken = demo;
    broken.name = "broken".to_owned();
    let run = dry::reconcile(&Trial::new(&plugin, &broken, "/runtime-mnt"), Some((chart, &renderer))).await;
    let refused = run.refused.unwrap();
    assert!(
        refused.contains("panicked at src/lib.rs:") && refused.contains("nobody expected broken"),
        "{refused}"
    );
}
