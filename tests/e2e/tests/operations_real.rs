//! Data operations of a real JuiceFS on a real node, with Wasser installed by its chart: bytes that are
//! copied in and out, and files that are loaded.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use serde_json::{Value, json};

use wasser_e2e::demo::{bound, end, pod};
use wasser_e2e::s3::{S3, keys};

const API: &str = "data.fluid.io/v1alpha1";

fn operation(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn message(status: &Value) -> String {
    status["conditions"][0]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn data_are_copied_into_a_dataset_loaded_and_copied_out_again() {
    let s3 = S3::of_environment();
    let installed = bound("operations-real", 25, |runtime| runtime).await;
    let namespace = installed.namespace.clone();
    let bucket = format!("photos-{namespace}");
    s3.make_bucket(&bucket).await;
    let files = ["a", "sub/b c", "sub/größe"];
    for file in files {
        let path = format!(
            "{bucket}/2024/{}",
            file.replace(' ', "%20").replace("größe", "gr%C3%B6%C3%9Fe")
        );
        s3.put(&path, &format!("what {file} contains\n")).await;
    }
    let user = s3.make_user(&format!("user-{namespace}")).await;
    installed.apply(&keys("s3-keys", &user)).await;
    let host = s3.url.trim_start_matches("http://").to_owned();
    let storage = |path: &str, secret: &str| {
        let key = |name: &str, key: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "s3-keys", "key": key}}});
        json!({"externalStorage": {"uri": format!("minio://{host}/{bucket}/{path}"), "encryptOptions": [
            key("access-key", "access-key"), key("secret-key", secret)]}})
    };
    let dataset = json!({"dataset": {"name": "demo", "namespace": namespace, "path": "/in"}});

    // Keys that are wrong are told, and not by showing them.
    let spec = json!({"from": storage("2024/", "access-key"), "to": dataset});
    installed.apply(&operation("DataMigrate", "refused", &spec)).await;
    let told = message(&installed.ended("DataMigrate", "refused", "Failed").await);
    assert!(told.starts_with("juicefs ended with exit code 1: "), "{told}");
    assert!(!told.contains(&user.0) && !told.contains(&user.1), "{told}");

    let spec = json!({"from": storage("2024/", "secret-key"), "to": dataset});
    installed.apply(&operation("DataMigrate", "in", &spec)).await;
    let status = installed.ended("DataMigrate", "in", "Complete").await;
    assert_eq!(status["infos"]["files"], "3", "{status}");
    installed.run(&pod("reader", json!({}))).await;
    for file in files {
        let read = installed.inside("reader", &format!("cat '/data/in/{file}'")).await;
        assert_eq!(read, format!("what {file} contains\n"));
    }

    // What is no directory is the name of a file.
    let one = json!({"dataset": {"name": "demo", "namespace": namespace, "path": "/one/renamed"}});
    let spec = json!({"from": storage("2024/a", "secret-key"), "to": one});
    installed.apply(&operation("DataMigrate", "one", &spec)).await;
    let status = installed.ended("DataMigrate", "one", "Complete").await;
    assert_eq!(status["infos"]["files"], "1", "{status}");
    let read = installed.inside("reader", "cat /data/one/renamed").await;
    assert_eq!(read, "what a contains\n");

    let load = |path: &str| json!({"dataset": {"name": "demo"}, "target": [{"path": path}], "loadMetadata": true});
    installed.apply(&operation("DataLoad", "warm", &load("/in"))).await;
    let status = installed.ended("DataLoad", "warm", "Complete").await;
    assert_eq!(status["infos"]["files"], "3", "{status}");
    installed
        .apply(&operation("DataLoad", "missing", &load("/nowhere")))
        .await;
    let told = message(&installed.ended("DataLoad", "missing", "Failed").await);
    assert!(
        told.contains("the path /nowhere does not exist in the dataset"),
        "{told}"
    );

    let spec = json!({"from": dataset, "to": storage("copy", "secret-key"), "options": {"exclude": "a"}});
    installed.apply(&operation("DataMigrate", "out", &spec)).await;
    installed.ended("DataMigrate", "out", "Complete").await;
    let copied = s3.get(&format!("{bucket}/copy/sub/b%20c")).await;
    assert_eq!(copied.as_deref(), Some("what sub/b c contains\n"));
    assert_eq!(s3.get(&format!("{bucket}/copy/a")).await, None);

    for (kind, name) in [
        ("DataMigrate", "refused"),
        ("DataMigrate", "in"),
        ("DataMigrate", "one"),
        ("DataMigrate", "out"),
        ("DataLoad", "warm"),
        ("DataLoad", "missing"),
    ] {
        installed.delete(API, kind, name).await;
    }
    installed.delete("v1", "Secret", "s3-keys").await;
    s3.remove_user(&user.0).await;
    end(installed).await;
}
