//! ThinRuntimes on a real node: the profiles of `docs/profiles`, as users take them home, with pods
//! that use what their clients mount.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::ResourceExt;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use wasser_e2e::manifests::{documents, with};
use wasser_e2e::pods::{is_ready, pod};
use wasser_e2e::s3::{S3, keys};
use wasser_e2e::tools::try_kubectl;
use wasser_e2e::{Installed, User};

const API: &str = "data.fluid.io/v1alpha1";
const FUSE: &str = "role=thin-fuse";
/// What keys are made of; each test has its own.
const KEYS: &str = "photos-keys";

/// The objects of a file in `docs/profiles`.
fn profile(file: &str) -> Vec<Value> {
    documents(&format!("docs/profiles/{file}"))
}

/// Applies the objects of a file, each changed.
async fn apply(user: &User, file: &str, change: impl Fn(&str, Value) -> Value) {
    for object in profile(file) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        user.apply(&change(&kind, object)).await;
    }
}

/// Waits until a command in a pod succeeds and prints this.
async fn prints(user: &User, pod: &str, command: &str, expected: &str) {
    let what = format!("`{command}` in pod {pod} prints {expected:?}");
    let printed = || async { (user.inside_says(pod, command).await.trim() == expected).then_some(()) };
    user.eventually(&what, printed).await;
}

/// Kills the only fuse pod, and waits until there is another.
async fn replace_fuse_pod(user: &User) {
    assert_eq!(user.pods_with(FUSE).await.len(), 1);
    user.replace_pods(FUSE).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_bucket_is_read_and_written_while_keys_and_clients_change() {
    let installed = Installed::start("s3fs").await;
    let (s3, bucket) = (S3::of_environment(), installed.namespace.clone());
    s3.make_bucket(&bucket).await;
    let first = s3.make_user(&format!("{bucket}-first")).await;
    apply(&installed, "s3fs/profile.yaml", |_, object| object).await;
    apply(&installed, "s3fs/dataset.yaml", |kind, object| match kind {
        "Secret" => keys(KEYS, &first),
        "Dataset" => {
            let there = with(object, "/spec/mounts/0/mountPoint", json!(format!("s3://{bucket}")));
            with(there, "/spec/mounts/0/options/url", json!(s3.url))
        }
        _ => object,
    })
    .await;
    installed.bound("photos").await;
    let mounts = json!([{"name": "photos", "mountPoint": format!("s3://{bucket}")}]);
    installed
        .status(
            "ThinRuntime",
            "photos",
            &json!({"mounts": mounts, "fusePhase": "Ready"}),
        )
        .await;

    // What one pod writes, the server has and another pod reads; and what somebody else puts there,
    // too.
    installed
        .run(&pod("writer", "photos", json!({"mountPropagation": "HostToContainer"})))
        .await;
    installed.inside("writer", "echo from a pod > /data/first").await;
    assert_eq!(
        s3.get(&format!("{bucket}/first")).await.as_deref(),
        Some("from a pod\n")
    );
    s3.put(&format!("{bucket}/second"), "from outside").await;
    installed.run(&pod("reader", "photos", json!({"readOnly": true}))).await;
    let read = installed
        .inside("reader", "cat /data/first /data/second; echo no > /data/third || true")
        .await;
    assert_eq!(read, "from a pod\nfrom outside");

    // The client dies, and a running pod goes on.
    replace_fuse_pod(&installed).await;
    prints(&installed, "writer", "cat /data/first", "from a pod").await;

    // The old keys end; with the new ones in the Secret, a running pod goes on.
    let second = s3.make_user(&format!("{bucket}-second")).await;
    s3.remove_user(&first.0).await;
    installed.apply(&keys(KEYS, &second)).await;
    let written = [
        "exec",
        "-n",
        &installed.namespace,
        "writer",
        "-c",
        "user",
        "--",
        "sh",
        "-c",
        "echo again > /data/fourth",
    ];
    let path = format!("{bucket}/fourth");
    installed
        .eventually("a pod writes with the new keys", || async {
            installed.hurry(FUSE).await;
            (try_kubectl(&written).await && s3.get(&path).await.as_deref() == Some("again\n")).then_some(())
        })
        .await;
    s3.remove_user(&second.0).await;
    installed.end_with("photos", &[KEYS]).await;
    assert!(s3.get(&path).await.is_some(), "the data stay");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn buckets_come_and_go_while_a_pod_uses_the_others() {
    let installed = Installed::start("buckets").await;
    let (s3, prefix) = (S3::of_environment(), installed.namespace.clone());
    let source = |name: &str| format!("s3://{prefix}-{name}");
    for name in ["photos", "films", "music"] {
        s3.make_bucket(&format!("{prefix}-{name}")).await;
        s3.put(&format!("{prefix}-{name}/is"), name).await;
    }
    let user = s3.make_user(&prefix).await;
    installed.apply(&keys(KEYS, &user)).await;
    apply(&installed, "s3fs/profile.yaml", |_, object| object).await;
    let mounts = json!([
        {"mountPoint": source("photos"), "name": "photos", "path": "/photos"}, {"mountPoint": source("films"),
            "name": "films", "path": "/films"}
    ]);
    apply(&installed, "s3fs/buckets.yaml", |kind, object| match kind {
        "Dataset" => with(
            with(object, "/spec/sharedOptions/url", json!(s3.url)),
            "/spec/mounts",
            mounts.clone(),
        ),
        _ => object,
    })
    .await;
    installed.bound("media").await;
    installed
        .run(&pod("app", "media", json!({"mountPropagation": "HostToContainer"})))
        .await;
    prints(&installed, "app", "cat /data/photos/is /data/films/is", "photosfilms").await;
    installed.inside("app", "echo x > /data/films/x").await;
    let device = installed.inside("app", "stat -c %d /data/photos").await;

    let mounts = json!([
        {"mountPoint": source("photos"), "name": "photos", "path": "/photos"}, {"mountPoint": source("music"),
            "name": "music", "readOnly": true}
    ]);
    let patch = json!({"spec": {"mounts": mounts}});
    let datasets = installed.datasets();
    datasets
        .patch("media", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    let shown = |map: &DynamicObject| {
        map.data["data"]["config.json"]
            .as_str()?
            .contains("music")
            .then_some(())
    };
    installed
        .object("v1", "ConfigMap", "media-fuse-conf", "it has the new bucket", shown)
        .await;
    let come = || async {
        installed.hurry(FUSE).await;
        let shown = installed.inside("app", "cat /data/music/is; ls /data").await;
        (shown == "musicmusic\nphotos\n").then_some(())
    };
    installed.eventually("one bucket has come and one has gone", come).await;
    let refused = installed.inside("app", "(echo no > /data/music/no) 2>&1 || true").await;
    assert!(refused.contains("Read-only file system"), "{refused}");
    let same = installed.inside("app", "stat -c %d /data/photos").await;
    assert_eq!(same, device, "what stays is not mounted again");
    installed.bound("media").await;

    replace_fuse_pod(&installed).await;
    prints(&installed, "app", "cat /data/photos/is /data/music/is", "photosmusic").await;
    s3.remove_user(&user.0).await;
    installed.end_with("media", &[KEYS]).await;
}

/// Starts an SSH server, and makes keys for it and for a client.
const SERVER: &str = r#"
set -e
mkdir -p /root/.ssh /srv/papers
echo draft > /srv/papers/one
ssh-keygen -q -t ed25519 -N "" -f /host
ssh-keygen -q -t ed25519 -N "" -f /client
cp /client.pub /root/.ssh/authorized_keys
chmod 700 /root/.ssh
exec /usr/sbin/sshd -f /dev/null -D -e -p 2222 -h /host -o Subsystem="sftp internal-sftp"
"#;

/// A pod that is such a server: its address, its public key, and the client's private one.
async fn ssh_server(user: &User) -> (String, String, String) {
    let server = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "server", "labels": {"app": "user"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
            "name": "user", "image": "wasser.fluid.io/e2e-sshd:1", "command": ["sh", "-c", SERVER],
            "readinessProbe": {"tcpSocket": {"port": 2222}, "periodSeconds": 1}
        }]}
    });
    user.run(&server).await;
    let address = |pod: &DynamicObject| {
        let ip = pod.data["status"]["podIP"].as_str()?.to_owned();
        is_ready(pod).map(|()| ip)
    };
    let address = user.object("v1", "Pod", "server", "it has an address", address).await;
    let public = user.inside("server", "cut -d ' ' -f 1,2 /host.pub").await;
    (
        address,
        public.trim().to_owned(),
        user.inside("server", "cat /client").await,
    )
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_directory_of_an_ssh_server_is_read_and_not_written() {
    let installed = Installed::start("sshfs").await;
    let (address, public, private) = ssh_server(&installed).await;
    apply(&installed, "sshfs/profile.yaml", |_, object| object).await;
    let asked = |kind: &str, object: Value| match kind {
        "Secret" => with(object, "/stringData/private-key", json!(private)),
        "Dataset" => {
            let there = with(
                object,
                "/spec/mounts/0/mountPoint",
                json!(format!("sftp://root@{address}:2222/srv/papers")),
            );
            with(there, "/spec/mounts/0/options/host-key", json!(public))
        }
        _ => object,
    };
    apply(&installed, "sshfs/dataset.yaml", asked).await;
    installed.bound("papers").await;
    let runtime = installed.api(API, "ThinRuntime").get("papers").await.unwrap();
    assert!(runtime.annotations().is_empty(), "it is as users write it");
    installed
        .run(&pod("reader", "papers", json!({"mountPropagation": "HostToContainer"})))
        .await;
    assert_eq!(installed.inside("reader", "cat /data/one").await, "draft\n");
    let refused = installed.inside("reader", "(echo no > /data/two) 2>&1 || true").await;
    assert!(refused.contains("Read-only file system"), "{refused}");
    installed.inside("server", "echo final > /srv/papers/one").await;
    prints(&installed, "reader", "cat /data/one", "final").await;
    replace_fuse_pod(&installed).await;
    prints(&installed, "reader", "cat /data/one", "final").await;
    installed.end_with("papers", &["papers-key"]).await;
}
