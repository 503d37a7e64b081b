//! What somebody else makes of the objects of a release, and of the release itself.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Attempt, Effect, Failure, Fault, Verb};

use super::helm_record::{decoded, encoded};
use super::machine::guest;
use super::machine::world::World;
use super::scene::{OPERATOR, Operator, QUIET, Scene};

pub(super) const IMAGE: &str = "/spec/template/spec/containers/0/image";
pub(super) const MODE: &str = "/spec/template/spec/containers/0/env/0/value";

/// An operator that asks for nothing for this long has written what it puts off, such as labels of
/// nodes.
const REST: Duration = Duration::from_millis(2500);

/// A bound dataset with a master, two workers, clients and a ConfigMap.
pub(super) struct Bound {
    pub(super) scene: Scene,
    operator: Option<Operator>,
    _world: World,
}

impl Bound {
    pub(super) async fn new() -> Self {
        Self::on(Scene::serving(&guest::objects())).await
    }

    /// The same on a scene that serves the guest.
    pub(super) async fn on(scene: Scene) -> Self {
        let world = World::start(&scene.server);
        let operator = scene.start().await;
        let object = |kind: &str, spec: Value| {
            json!({
                "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
                "metadata": {"name": "demo", "namespace": "default"}, "spec": spec,
            })
        };
        let mounts = json!([{"mountPoint": "demo://one", "name": "one"}]);
        scene.server.create(&object("Dataset", json!({"mounts": mounts})));
        let spec = json!({"replicas": 2, "values": {"mode": "one"}});
        scene.server.create(&object("DemoRuntime", spec));
        scene.phase("Bound").await;
        scene.server.settled(QUIET).await;
        Self {
            scene,
            operator: Some(operator),
            _world: world,
        }
    }

    /// The operator, to be ended.
    pub(super) fn stop(&mut self) -> Operator {
        self.operator.take().unwrap()
    }

    pub(super) fn server(&self) -> &ApiServer {
        &self.scene.server
    }

    pub(super) fn edit(&self, kind: &str, name: &str, pointer: &str, value: &Value) {
        self.server().edit(kind, "default", name, |object| {
            *object.pointer_mut(pointer).unwrap() = value.clone();
        });
    }

    pub(super) async fn comes(&self, kind: &str, name: &str, pointer: &str, value: &str) {
        let look = |server: &ApiServer| {
            let object = server.object(kind, "default", name)?;
            (object.pointer(pointer)? == value).then_some(())
        };
        let what = format!("{kind} {name} with {value} at {pointer}");
        self.server().until(&what, look).await;
    }

    /// How many revisions the release has.
    fn revisions(&self) -> usize {
        let secrets = self.server().objects("Secret", "default");
        let records = secrets.iter().filter(|secret| secret["type"] == "helm.sh/release.v1");
        records.count()
    }

    /// Waits until the operator is at rest, and checks that it has written nothing meanwhile.
    pub(super) async fn rests(&self, revisions: usize) {
        self.server().settled(REST).await;
        assert_eq!(self.revisions(), revisions, "{}", self.server().situation());
        self.server().take_requests();
        self.edit("DemoRuntime", "demo", "/spec/replicas", &json!(2));
        self.server().edit("DemoRuntime", "default", "demo", |runtime| {
            runtime["metadata"]["labels"]["example.org/looked-at"] = json!(revisions.to_string());
        });
        self.server().settled(QUIET).await;
        let writes = self.server().take_requests().of(OPERATOR).writes().describe();
        // What happens to nodes does not depend on the release.
        let of_release: Vec<&str> = writes.lines().filter(|line| !line.contains(" nodes ")).collect();
        assert_eq!(of_release, Vec::<&str>::new());
    }
}

/// Whether a request writes the clients, or asks how they would be written.
pub(super) fn patches_clients(attempt: &Attempt<'_>) -> bool {
    let call = attempt.call;
    attempt.client == OPERATOR && call.verb == Verb::Patch && call.resource == "daemonsets"
}

/// Whether a request writes the content of the clients.
pub(super) fn writes_clients(attempt: &Attempt<'_>) -> bool {
    patches_clients(attempt) && attempt.call.query.get("dryRun").is_empty() && attempt.body["spec"].is_object()
}

#[rstest]
#[case::workers("StatefulSet", "demo-worker", IMAGE, "demo")]
#[case::environment("StatefulSet", "demo-worker", MODE, "one")]
#[case::clients("DaemonSet", "demo-fuse", IMAGE, "demo")]
#[case::configuration("ConfigMap", "demo-config", "/data/mode", "one")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_changes_is_put_back_and_named(
    #[case] kind: &str,
    #[case] name: &str,
    #[case] pointer: &str,
    #[case] value: &str,
) {
    let bound = Bound::new().await;
    bound.edit(kind, name, pointer, &json!("other"));
    bound.comes(kind, name, pointer, value).await;
    bound.rests(2).await;
    let events = bound.server().objects("Event", "default");
    let text = format!("somebody had changed {kind} {name} at {pointer}");
    let names = |event: &Value| {
        let note = event["note"].as_str().or(event["message"].as_str());
        note.is_some_and(|note| note.contains(&text))
    };
    assert!(events.iter().any(names), "{text}: {events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_while_no_operator_ran_is_put_back() {
    let mut bound = Bound::new().await;
    bound.scene.kill(bound.operator.take().unwrap());
    bound.edit("DaemonSet", "demo-fuse", IMAGE, &json!("other"));
    bound.operator = Some(bound.scene.start().await);
    bound.comes("DaemonSet", "demo-fuse", IMAGE, "demo").await;
    bound.rests(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_may_decide_stays() {
    let bound = Bound::new().await;
    bound.edit("StatefulSet", "demo-master", "/spec/replicas", &json!(3));
    let restarted = json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
    bound.server().edit("DaemonSet", "default", "demo-fuse", |set| {
        set["spec"]["template"]["metadata"]["annotations"] = restarted.clone();
    });
    bound.server().edit("StatefulSet", "default", "demo-worker", |set| {
        set["spec"]["template"]["spec"]["affinity"] = json!({"nodeAffinity": {}});
    });
    bound.server().settled(QUIET).await;
    let set = bound.server().object("DaemonSet", "default", "demo-fuse").unwrap();
    assert_eq!(set["spec"]["template"]["metadata"]["annotations"], restarted);
    bound.rests(1).await;
}

#[rstest]
#[case::a_container("", "containers", json!({"name": "added", "image": "added"}))]
#[case::a_variable("/containers/0", "env", json!({"name": "ADDED", "value": "1"}))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_add_to_a_list_stays_and_hides_nothing(#[case] at: &str, #[case] list: &str, #[case] item: Value) {
    let bound = Bound::new().await;
    let list = format!("/spec/template/spec{at}/{list}");
    bound.server().edit("StatefulSet", "default", "demo-worker", |set| {
        set.pointer_mut(&list)
            .unwrap()
            .as_array_mut()
            .unwrap()
            .push(item.clone());
    });
    bound.rests(1).await;
    for (pointer, value) in [(IMAGE, "demo"), (MODE, "one")] {
        bound.edit("StatefulSet", "demo-worker", pointer, &json!("other"));
        bound.comes("StatefulSet", "demo-worker", pointer, value).await;
        // What is changed before the operator has seen what it wrote is not told from that.
        bound.server().settled(QUIET).await;
    }
    let set = bound.server().object("StatefulSet", "default", "demo-worker").unwrap();
    let items = set.pointer(&list).unwrap().as_array().unwrap();
    let is_it = |found: &Value| found["name"] == item["name"];
    assert!(items.iter().any(is_it), "{items:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_without_the_label_by_which_it_is_watched_gets_it_back() {
    let bound = Bound::new().await;
    let labels =
        |server: &ApiServer| server.object("DaemonSet", "default", "demo-fuse").unwrap()["metadata"]["labels"].clone();
    let before = labels(bound.server());
    bound.server().edit("DaemonSet", "default", "demo-fuse", |set| {
        set["metadata"]["labels"]
            .as_object_mut()
            .unwrap()
            .remove("fluid.io/dataset-id");
    });
    let back = |server: &ApiServer| (labels(server) == before).then_some(());
    bound.server().until("the labels to be back", back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_failed_half_way_is_taken_back_with_the_change() {
    let bound = Bound::new().await;
    let denied = bound.server().arm(
        Fault::any().when(writes_clients),
        Effect::Answer(Failure::internal("the webhook does not answer")),
    );
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!("two"));
    bound.comes("ConfigMap", "demo-config", "/data/mode", "two").await;
    denied.hit(1).await;
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!("one"));
    bound.comes("ConfigMap", "demo-config", "/data/mode", "one").await;
    // An attempt that was under way before would else have completed the upgrade.
    drop(denied);
    bound.comes("StatefulSet", "demo-worker", MODE, "one").await;
    bound.rests(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_make_one_revision() {
    let bound = Bound::new().await;
    let _second = bound.scene.start().await;
    bound.server().settled(QUIET).await;
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!("two"));
    bound.comes("ConfigMap", "demo-config", "/data/mode", "two").await;
    bound.server().settled(QUIET).await;
    assert_eq!(bound.revisions(), 2, "{}", bound.server().situation());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_somebody_makes_with_helm_is_followed_by_what_is_wanted() {
    let bound = Bound::new().await;
    let secret = |revision: u32| {
        let name = format!("sh.helm.release.v1.demo.v{revision}");
        bound.server().object("Secret", "default", &name)
    };
    let mut record = decoded(&secret(1).unwrap());
    record["config"]["mode"] = json!("other");
    record["version"] = json!(2);
    let labels = json!({"name": "demo", "owner": "helm", "status": "deployed", "version": "2"});
    bound.server().create(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": encoded(&record)},
        "metadata": {"name": "sh.helm.release.v1.demo.v2", "namespace": "default", "labels": labels},
    }));
    bound.edit("ConfigMap", "demo-config", "/data/mode", &json!("other"));
    bound.comes("ConfigMap", "demo-config", "/data/mode", "one").await;
    bound.server().settled(REST).await;
    assert_eq!(decoded(&secret(3).unwrap())["config"]["mode"], "one");
    assert_eq!(secret(2).unwrap()["metadata"]["labels"]["status"], "superseded");
    bound.rests(3).await;
}
