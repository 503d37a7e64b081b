//! What `wasser plugin new` writes in Rust is a plugin: it compiles, passes its own scenarios and every
//! check, and a panic in it reaches its author.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod projects;

use std::fs;
use std::path::PathBuf;

use projects::{Loaded, NAME, root};
use wasser_author::{Language, Package, Project, Sdk, create};
use wasser_test_cluster::packages::guests;

/// A new project, with a panic for runtimes of one name, at the same place each time.
fn project() -> PathBuf {
    let parent = projects::parent("scaffold");
    let sdk = Sdk::parse(&root().join("plugins/sdk").display().to_string()).unwrap();
    let directory = create(&parent, NAME, &Language::Rust(sdk)).unwrap();
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

    // `UPDATE=1` writes the golden file of the templates.
    let update = std::env::var_os("UPDATE").is_some();
    let loaded = Loaded::new(&directory, package).await;
    loaded.play(2, update).await;
    loaded.check().await;
    let refused = loaded.refusal("broken").await;
    assert!(
        refused.contains("panicked at src/lib.rs:") && refused.contains("nobody expected broken"),
        "{refused}"
    );

    // A package that cannot be written as a whole leaves nothing that would be taken for it.
    let chart = directory.join("target/plugin/my-cache-0.1.0.tgz");
    fs::remove_file(&chart).unwrap();
    fs::create_dir(&chart).unwrap();
    let refused = Project::open(&directory).unwrap().pack(Some(&module)).unwrap_err();
    assert!(format!("{refused:#}").contains("my-cache-0.1.0.tgz"), "{refused:#}");
    assert!(!packed.artifact.exists() && !packed.config_map.unwrap().exists());
}
