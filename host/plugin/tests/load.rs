//! Tests the sources of plugins, and what is kept of them on disk.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::Guest;
use common::backend::{Fake, scope};
use common::registration::{CHART, config_map, context, host, load};
use k8s_openapi::api::core::v1::ConfigMap;
use wasser_plugin::bindings::types::Error;
use wasser_plugin::{Digest, HostConfig, PluginHost, Registration};

/// Returns a registration of files in the plugin directory.
fn by_path(component: &[u8], path: &str) -> Registration {
    let mut map: ConfigMap = config_map("demo", 0, component, "");
    let yaml = format!(
        "runtime: DemoRuntime\ncomponent: {{path: {path}}}\nchart: {{path: demo/chart.tgz}}\ndigest: {}\n",
        Digest::of(component)
    );
    map.data.as_mut().unwrap().insert("plugin.yaml".to_owned(), yaml);
    map.binary_data = None;
    Registration::parse(&map).unwrap()
}

fn compiled(cache: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_plugin_is_loaded_from_the_plugin_directory_and_from_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let plugins = directory.path().join("plugins");
    std::fs::create_dir_all(plugins.join("demo")).unwrap();
    let component = Guest::default().build();
    std::fs::write(plugins.join("demo/demo.wasm"), &component).unwrap();
    std::fs::write(plugins.join("demo/chart.tgz"), CHART).unwrap();
    std::fs::write(directory.path().join("outside.wasm"), &component).unwrap();

    let mut config = HostConfig::new(directory.path().join("cache"));
    config.plugin_dir = Some(plugins);
    let host = PluginHost::new(config).unwrap();
    assert_eq!(
        host.load(&by_path(&component, "demo/demo.wasm")).await.unwrap().chart,
        CHART
    );
    let refused = host
        .load(&by_path(&component, "../outside.wasm"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("component: `path: ../outside.wasm` cannot be read below the plugin directory"),
        "{refused}"
    );
}

#[tokio::test]
async fn compiled_code_is_loaded_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let component = Guest::default().answers("desired", b"{}").build();
    let mut config = HostConfig::new(&cache);
    load(&PluginHost::new(config.clone()).unwrap(), &component, "")
        .await
        .unwrap();
    let files = compiled(&cache);
    assert_eq!(files.len(), 1);
    assert!(
        files[0]
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(&Digest::of(&component).hex())
    );

    // A compiler that always fails shows that it is not called.
    config.precompiler = Some(vec!["/bin/false".into()]);
    let restarted = PluginHost::new(config).unwrap();
    let plugin = load(&restarted, &component, "").await.unwrap();
    let answer = plugin
        .instance(scope(), Fake::new())
        .desired(&context())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer, "{}");

    // A damaged file does not cause a permanent failure. (It is not written in place, because the
    // code of the plugins above is mapped from it.)
    std::fs::write(directory.path().join("damaged"), "damaged").unwrap();
    std::fs::rename(directory.path().join("damaged"), &files[0]).unwrap();
    let refused = load(&restarted, &component, "").await.unwrap_err();
    assert!(refused.contains("/bin/false ended with exit status: 1"), "{refused}");
    load(&PluginHost::new(HostConfig::new(&cache)).unwrap(), &component, "")
        .await
        .unwrap();
    assert_eq!(compiled(&cache), files);
}

/// What an image brings is root's, as everything is that a test of root's writes.
#[tokio::test]
async fn what_was_shipped_compiled_is_not_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let shipped = directory.path().join("shipped");
    std::fs::create_dir(&shipped).unwrap();
    let component = Guest::default().answers("desired", b"{}").build();
    let file = directory.path().join("demo.wasm");
    std::fs::write(&file, &component).unwrap();
    let code = PluginHost::ship(&file, &shipped).unwrap();
    let made = std::fs::metadata(&code).unwrap().modified().unwrap();
    assert_eq!(PluginHost::ship(&file, &shipped).unwrap(), code);
    assert_eq!(std::fs::metadata(&code).unwrap().modified().unwrap(), made);

    let config = HostConfig {
        // A compiler that always fails shows that it is not called.
        precompiler: Some(vec!["/bin/false".into()]),
        compiled_dir: Some(shipped),
        ..HostConfig::new(directory.path().join("cache"))
    };
    let host = PluginHost::new(config.clone()).unwrap();
    let loaded = load(&host, &component, "").await;
    if rustix::process::geteuid().is_root() {
        let mut demo = loaded.unwrap().instance(scope(), Fake::new());
        assert_eq!(demo.desired(&context()).await.unwrap().unwrap(), "{}");
    } else {
        assert!(loaded.is_err());
    }
    assert!(compiled(&config.cache_dir).is_empty());

    let another = Guest::default().answers("desired", b"[]").build();
    let refused = load(&host, &another, "").await.unwrap_err();
    assert!(refused.contains("/bin/false ended with"), "{refused}");

    // It is not ours to remove.
    std::fs::write(directory.path().join("damaged"), "damaged").unwrap();
    std::fs::rename(directory.path().join("damaged"), &code).unwrap();
    let refused = load(&host, &component, "").await.unwrap_err();
    assert!(refused.contains("/bin/false ended with"), "{refused}");
    assert_eq!(std::fs::read(&code).unwrap(), b"damaged");
}

#[tokio::test]
async fn a_compilation_in_another_process_is_bounded_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = HostConfig::new(directory.path().join("cache"));
    config.precompiler = Some(vec!["/bin/sh".into(), "-c".into(), "exec sleep 600".into()]);
    config.compile_timeout = Duration::from_secs(1);
    let refused = load(&PluginHost::new(config).unwrap(), &Guest::default().build(), "")
        .await
        .unwrap_err();
    assert!(
        refused.contains("compiling the component took more than 1s; it is too large or too complex"),
        "{refused}"
    );
    assert!(compiled(&directory.path().join("cache")).is_empty());
}

#[tokio::test]
async fn a_component_that_was_precompiled_elsewhere_is_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let component = Guest::default().build();
    let (input, output) = (directory.path().join("in.wasm"), directory.path().join("out.cwasm"));
    std::fs::write(&input, &component).unwrap();
    PluginHost::precompile_file(&input, &output).unwrap();

    // Replaces `wasser precompile` by copying its output.
    let mut config = HostConfig::new(directory.path().join("cache"));
    let copy = format!("cp {} \"$1\"", output.display());
    config.precompiler = Some(vec!["/bin/sh".into(), "-c".into(), copy.into()]);
    load(&PluginHost::new(config).unwrap(), &component, "").await.unwrap();
}

/// It was built for the first `wasser:runtime@0.1.0`, waits for a command inside of its call, and knows
/// neither jobs nor migrations. It must never be built again.
#[tokio::test]
async fn a_component_of_the_first_version_loads_and_works() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runtime-0.1.0.wasm");
    let (host, _directory) = host();
    let component = std::fs::read(path).unwrap();
    let plugin = load(&host, &component, "grants: {exec: [worker]}").await.unwrap();
    let fake = Fake::new();
    let answer = plugin.instance(scope(), fake.clone()).desired(&context()).await;
    assert_eq!(answer, Ok(Err(Error::Failed("exec was made".to_owned()))));
    assert_eq!(fake.asked().len(), 1);
    assert!(!plugin.has_migration());
}

const CHILD: &str = "WASSER_COMPILES";

/// Runs a test of this file in a process that stands for the child of the operator, and returns
/// whether it ended well and what it said.
fn in_child(test: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let ended = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    (ended.status.success(), said.into_owned())
}

/// What the child does.
fn compile_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let (input, output) = (directory.path().join("in.wasm"), directory.path().join("out.cwasm"));
    std::fs::write(&input, Guest::default().build()).unwrap();
    PluginHost::precompile_file_bounded(&input, &output).unwrap();
    eprintln!("compiled {}", output.exists());
}

/// As for a component that takes more than a compilation may: this process stands for the child, and
/// asks for the memory itself. The pool of the engine, which is gone by then, left some room.
#[test]
fn a_compilation_that_takes_too_much_memory_ends_its_own_process() {
    if std::env::var_os(CHILD).is_none() {
        let test = "a_compilation_that_takes_too_much_memory_ends_its_own_process";
        let (ended_well, said) = in_child(test, &[]);
        assert!(
            said.contains("compiled true") && said.contains("memory allocation of"),
            "{said}"
        );
        assert!(!ended_well, "{said}");
        return;
    }
    compile_bounded();
    let many = vec![1_u8; 3 << 30];
    eprintln!("{} bytes were to be had", many.len());
}

/// Each thread of a compiler has a stack, and all stacks together would exceed the bound.
#[test]
fn a_node_with_many_processors_compiles_within_the_same_bound() {
    if std::env::var_os(CHILD).is_none() {
        let test = "a_node_with_many_processors_compiles_within_the_same_bound";
        // As many threads as the compiler would start on such a node.
        let (ended_well, said) = in_child(test, &[("RAYON_NUM_THREADS", "512")]);
        assert!(ended_well && said.contains("compiled true"), "{said}");
        return;
    }
    compile_bounded();
}

#[tokio::test]
async fn a_component_whose_compilation_killed_the_operator_is_not_tried_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let component = Guest::default().build();
    let mut config = HostConfig::new(directory.path().join("cache"));
    config.precompiler = Some(vec!["/bin/false".into()]);
    let host = PluginHost::new(config.clone()).unwrap();
    // As a process leaves it that is killed for the third time.
    let mark = directory
        .path()
        .join("cache")
        .join(format!("{}.compiling", Digest::of(&component).hex()));
    std::fs::write(&mark, "...").unwrap();
    let refused = load(&host, &component, "").await.unwrap_err();
    assert!(
        refused.contains("has ended the operator each time") && refused.contains(".compiling"),
        "{refused}"
    );
    // One that fails by itself says why each time.
    std::fs::remove_file(&mark).unwrap();
    for _ in 0..5 {
        let refused = load(&host, &component, "").await.unwrap_err();
        assert!(refused.contains("/bin/false ended with exit status: 1"), "{refused}");
    }
    assert!(!mark.exists());
}

/// The check runs in the operator itself.
#[tokio::test]
async fn a_component_whose_check_killed_the_operator_is_not_checked_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = HostConfig::new(directory.path().join("cache"));
    config.precompiler = Some(vec!["/bin/false".into()]);
    let host = PluginHost::new(config).unwrap();
    let invalid = b"\0asm\x0d\0\x01\0\xff";
    let mark = directory
        .path()
        .join("cache")
        .join(format!("{}.compiling", Digest::of(invalid).hex()));
    std::fs::write(&mark, "...").unwrap();
    let refused = load(&host, invalid, "").await.unwrap_err();
    assert!(refused.contains("has ended the operator each time"), "{refused}");
    // One that is only invalid is refused as such each time.
    std::fs::remove_file(&mark).unwrap();
    for _ in 0..5 {
        let refused = load(&host, invalid, "").await.unwrap_err();
        assert!(refused.contains("the component is not valid"), "{refused}");
    }
    assert!(!mark.exists());
}
