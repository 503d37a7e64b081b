//! What admission does to pods: the real `wasser-serve webhook`, asked by a real API server.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::net::Ipv4Addr;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use wasser_e2e::manifests::{dataset, with};
use wasser_e2e::{Operator, environment};
use wasser_test_cluster::machine::ports::free_ports;
use wasser_test_cluster::webhook::configuration;

/// The Secret with the certificates.
const CERTIFICATES: &str = "webhook-certs";
/// On pods that are to be steered.
const INJECT: &str = "fuse.serverful.fluid.io/inject";
/// On pods that are to mount by themselves.
const SERVERLESS: &str = "serverless.fluid.io/inject";
const PREFERRED: &str = "/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution";

/// The webhook, and the configuration by which the API server comes to it, both for one namespace.
struct Webhook<'a> {
    operator: &'a Operator,
    port: u16,
    child: Child,
}

impl<'a> Webhook<'a> {
    async fn start(operator: &'a Operator) -> Self {
        let [port] = free_ports(Ipv4Addr::LOCALHOST).unwrap();
        configure(operator, port).await;
        let child = spawn(operator, port);
        Self { operator, port, child }
    }

    /// Ends the process at once, and starts another in its place.
    async fn restart(&mut self) {
        self.child.kill().await.unwrap();
        self.child = spawn(self.operator, self.port);
    }

    /// Waits until the API server lets the webhook change pods.
    async fn works(&self) {
        self.operator
            .webhook_works(&pod("probe", json!({INJECT: "true"})))
            .await;
    }
}

fn spawn(operator: &Operator, port: u16) -> Child {
    let arguments = [
        "webhook".to_owned(),
        format!("--addr=127.0.0.1:{port}"),
        format!("--namespace={}", operator.namespace),
        format!("--secret={CERTIFICATES}"),
        format!("--configuration={}", operator.namespace),
        "--name=127.0.0.1".to_owned(),
    ];
    let log = environment::scratch().join(format!("{}-webhook-{port}.log", operator.namespace));
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    let mut command = Command::new(environment::serve());
    command.args(arguments).stderr(log).kill_on_drop(true).spawn().unwrap()
}

/// As the chart has it, but for one namespace, and by address. It goes with the namespace.
async fn configure(operator: &Operator, port: u16) {
    let namespace = Api::<Namespace>::all(operator.client.clone())
        .get(&operator.namespace)
        .await
        .unwrap();
    let owner =
        json!({"apiVersion": "v1", "kind": "Namespace", "name": operator.namespace, "uid": namespace.metadata.uid});
    let mut configuration = configuration(&operator.namespace, port, &operator.namespace);
    configuration["metadata"]["ownerReferences"] = json!([owner]);
    let api = Api::<MutatingWebhookConfiguration>::all(operator.client.clone());
    let parameters = PatchParams::apply("test").force();
    api.patch(&operator.namespace, &parameters, &Patch::Apply(&configuration))
        .await
        .unwrap();
}

fn object(value: &Value) -> DynamicObject {
    serde_json::from_value(value.clone()).unwrap()
}

fn pod(name: &str, labels: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": "nginx", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}]
        }
    })
}

/// What the API server makes of a pod.
async fn created(operator: &Operator, pod: &Value) -> Value {
    let created = operator
        .api("v1", "Pod")
        .create(&PostParams::default(), &object(pod))
        .await
        .unwrap();
    serde_json::to_value(created).unwrap()
}

fn has_been_steered(pod: &Value) -> bool {
    pod.pointer("/metadata/annotations/fluid.io~1datasets-in-use").is_some()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn pods_of_a_reference_are_steered_to_the_cache_of_the_other_dataset() {
    let operator = Operator::start_serving("steered-reference").await;
    operator.serve("thin").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let view = with(
        dataset("view"),
        "/spec/mounts",
        json!([{"mountPoint": format!("dataset://{}/demo", operator.namespace)}]),
    );
    operator.apply(&view).await;
    operator.bound("view").await;
    let webhook = Webhook::start(&operator).await;
    webhook.works().await;
    let labels = json!({INJECT: "true", "fluid.io/dataset.view.sched": "required"});
    let pod = with(
        pod("app", labels),
        "/spec/volumes/0/persistentVolumeClaim/claimName",
        json!("view"),
    );
    let pod = created(&operator, &pod).await;
    let terms =
        &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    let label = format!("fluid.io/s-{}-demo", operator.namespace);
    assert_eq!(terms[0]["matchExpressions"][0]["key"], label.as_str(), "{pod}");
    assert_eq!(pod["metadata"]["annotations"]["fluid.io/datasets-in-use"], "view");
    operator.delete("v1", "Pod", "app").await;
    operator.gone("v1", "Pod", "app").await;
    operator.delete_dataset("view").await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn labelled_pods_are_steered_to_the_cache_and_see_recovered_mounts() {
    let operator = Operator::start_serving("webhook").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let webhook = Webhook::start(&operator).await;
    webhook.works().await;

    let steered = created(&operator, &pod("steered", json!({INJECT: "true"}))).await;
    let label = format!("fluid.io/s-{}-demo", operator.namespace);
    let wanted = json!([{"weight": 100, "preference": {"matchExpressions": [{"key": label, "operator": "In",
        "values": ["true"]}]}}]);
    assert_eq!(steered.pointer(PREFERRED), Some(&wanted), "{steered}");
    assert_eq!(
        steered["spec"]["containers"][0]["volumeMounts"][0]["mountPropagation"],
        "HostToContainer"
    );
    let reads = with(
        pod("reads", json!({INJECT: "true"})),
        "/spec/containers/0/volumeMounts/0/readOnly",
        json!(true),
    );
    let reads = created(&operator, &reads).await;
    assert_eq!(
        reads["spec"]["volumes"][0]["persistentVolumeClaim"]["readOnly"], true,
        "{reads}"
    );
    assert_eq!(steered["metadata"]["annotations"]["fluid.io/datasets-in-use"], "demo");

    let required = json!({INJECT: "true", "fluid.io/dataset.demo.sched": "required"});
    let required = created(&operator, &pod("required", required)).await;
    let affinity = &required["spec"]["affinity"]["nodeAffinity"];
    let terms = &affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    assert_eq!(terms[0]["matchExpressions"][0]["key"], label.as_str(), "{required}");

    let without = with(
        pod("without", json!({INJECT: "true"})),
        "/spec/volumes/0",
        json!({"name": "data", "emptyDir": {}}),
    );
    let without = created(&operator, &without).await;
    let avoided = format!("{PREFERRED}/0/preference/matchExpressions/0/key");
    assert_eq!(
        without.pointer(&avoided),
        Some(&json!("fluid.io/dataset-num")),
        "{without}"
    );

    let other = created(&operator, &pod("other", json!({}))).await;
    assert!(
        !has_been_steered(&other) && other["spec"].get("affinity").is_none(),
        "{other}"
    );
    for name in ["steered", "reads", "required", "without", "other"] {
        operator.delete("v1", "Pod", name).await;
    }
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn pods_that_mount_by_themselves_get_a_sidecar_once_the_dataset_is_bound() {
    let operator = Operator::start_serving("webhook-sidecar").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let webhook = Webhook::start(&operator).await;
    webhook.works().await;

    let app = created(&operator, &pod("app", json!({SERVERLESS: "true"}))).await;
    let (client, volumes) = (&app["spec"]["initContainers"][0], &app["spec"]["volumes"]);
    assert_eq!(
        (&client["name"], &client["restartPolicy"]),
        (&json!("fluid-fuse-0"), &json!("Always")),
        "{app}"
    );
    let set = operator.api("apps/v1", "DaemonSet").get("demo-fuse").await.unwrap();
    assert_eq!(
        client["image"],
        set.data["spec"]["template"]["spec"]["containers"][0]["image"]
    );
    assert_eq!(client["lifecycle"]["postStart"]["exec"]["command"][0], "sh");
    assert_eq!(
        client["lifecycle"].get("preStop"),
        None,
        "the application may still use it"
    );
    let mount = &app["spec"]["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["mountPropagation"], "HostToContainer");
    let path = volumes[0]["hostPath"]["path"].as_str().unwrap();
    let root = format!("/runtime-mnt/juicefs/{}/demo/", operator.namespace);
    assert!(path.starts_with(&root) && path.ends_with("-0/juicefs-fuse"), "{path}");
    assert_eq!(app["metadata"]["labels"]["done.sidecar.fluid.io/inject"], "true");
    assert_eq!(app["metadata"]["annotations"]["fluid.io/datasets-in-use"], "demo");

    let job = with(
        pod("job", json!({SERVERLESS: "true"})),
        "/spec/restartPolicy",
        json!("Never"),
    );
    let job = created(&operator, &job).await;
    let sidecar = &job["spec"]["initContainers"][0];
    assert_eq!(
        (&sidecar["name"], &sidecar["restartPolicy"]),
        (&json!("fluid-fuse-0"), &json!("Always")),
        "{job}"
    );
    let other = job["spec"]["volumes"][0]["hostPath"]["path"].as_str().unwrap();
    assert_ne!(other, path, "two pods of one node would mount at one place");

    // A Dataset without a runtime is never Bound.
    operator.apply(&dataset("early")).await;
    let early = with(
        pod("early", json!({SERVERLESS: "true"})),
        "/spec/volumes/0/persistentVolumeClaim/claimName",
        json!("early"),
    );
    let refused = operator
        .api("v1", "Pod")
        .create(&PostParams::default(), &object(&early))
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("early is not Bound"), "{refused}");

    // Their volumes name the claim no more; the Dataset waits for them nevertheless.
    let demo = operator
        .api("data.fluid.io/v1alpha1", "Dataset")
        .get("demo")
        .await
        .unwrap();
    operator.delete("data.fluid.io/v1alpha1", "Dataset", "demo").await;
    let uid = demo.metadata.uid.unwrap();
    operator
        .event_saying("ErrorDeleteDataset", &uid, "the pods app, job still use the claim demo")
        .await;
    for name in ["app", "job"] {
        operator.delete("v1", "Pod", name).await;
    }
    operator.delete("data.fluid.io/v1alpha1", "Dataset", "early").await;
    operator.gone("data.fluid.io/v1alpha1", "Dataset", "demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_certificate_is_made_anew_and_pods_start_without_a_webhook() {
    let operator = Operator::start_serving("webhook-certificate").await;
    operator.create("demo").await;
    operator.bound("demo").await;
    let mut webhook = Webhook::start(&operator).await;
    webhook.works().await;
    let secrets = Api::<Secret>::namespaced(operator.client.clone(), &operator.namespace);
    let first = secrets.get(CERTIFICATES).await.unwrap().data.unwrap();

    // Whoever comes next uses what is there, and trusts it again if an installation has taken the
    // trust away.
    configure(&operator, webhook.port).await;
    webhook.restart().await;
    webhook.works().await;
    assert_eq!(secrets.get(CERTIFICATES).await.unwrap().data.unwrap(), first);

    secrets.delete(CERTIFICATES, &DeleteParams::default()).await.unwrap();
    webhook.restart().await;
    webhook.works().await;
    assert_ne!(
        secrets.get(CERTIFICATES).await.unwrap().data.unwrap()["ca.crt"],
        first["ca.crt"]
    );

    webhook.child.kill().await.unwrap();
    let pod = created(&operator, &pod("alone", json!({INJECT: "true"}))).await;
    assert!(!has_been_steered(&pod), "{pod}");
    operator.delete("v1", "Pod", "alone").await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}
