//! Releases in a real cluster, seen from the API server and from the `helm` command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

mod releases_foreign;
mod releases_support;
mod support;

use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use releases_support::{FILES, Scene, scene};
use serde_json::{Value, json};
use wasser_chart::{Driver, FIELD_MANAGER, RecordPlace, ReleaseError, Status, is_unchanged};

fn managed_by(manager: &str) -> PatchParams {
    PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    }
}

fn names(records: &[(String, String)]) -> Vec<(&str, &str)> {
    records
        .iter()
        .map(|(name, status)| (name.rsplit('.').next().unwrap(), status.as_str()))
        .collect()
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG) and the helm command (HELM)"]
async fn helm_knows_what_was_installed() {
    scene("helm", FILES, |scene| async move {
        let values = json!({"text": "two", "nested": {"list": [1, "a", null]}});
        let installed = scene.install(values.clone()).await.unwrap();
        assert_eq!((installed.revision, installed.status), (1, Status::Deployed));
        let (_, rendered) = scene.render(&values, false).await;

        let list: Value = serde_json::from_str(&scene.helm("secret", &["ls", "-o", "json"])).unwrap();
        let row = &list[0];
        assert_eq!(
            (&row["name"], &row["revision"], &row["status"]),
            (&json!("demo"), &json!("1"), &json!("deployed"))
        );
        assert_eq!(row["chart"], "demo-0.1.0");
        let shown: Value =
            serde_json::from_str(&scene.helm("secret", &["get", "values", "demo", "-o", "json"])).unwrap();
        assert_eq!(shown, values);
        let all: Value =
            serde_json::from_str(&scene.helm("secret", &["get", "values", "demo", "--all", "-o", "json"])).unwrap();
        assert_eq!(
            (&all["text"], &all["service"]),
            (&json!("two"), &json!("w")),
            "the chart's defaults are in the record"
        );
        assert_eq!(
            scene.helm("secret", &["get", "manifest", "demo"]).trim(),
            rendered.manifest.trim()
        );

        scene.upgrade(json!({"text": "three"})).await.unwrap();
        let history: Value = serde_json::from_str(&scene.helm("secret", &["history", "demo", "-o", "json"])).unwrap();
        let states: Vec<_> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["revision"].as_i64(), row["status"].as_str()))
            .collect();
        assert_eq!(states, [(Some(1), Some("superseded")), (Some(2), Some("deployed"))]);

        // Helm goes on with it, and Wasser with what Helm made of it.
        let directory = Scene::directory("demo", FILES);
        scene.helm(
            "secret",
            &[
                "upgrade",
                "demo",
                directory.path().to_str().unwrap(),
                "--reuse-values",
                "--set",
                "text=four",
            ],
        );
        let found = scene.find().await.unwrap();
        assert_eq!(
            (found.revision, found.values()["text"].as_str(), found.is_deployed()),
            (3, Some("four"), true)
        );
        assert_eq!(scene.upgrade(json!({"text": "five"})).await.unwrap().revision, 4);

        scene.helm("secret", &["uninstall", "demo"]);
        assert!(scene.find().await.is_none());
        assert!(!scene.has_map("always").await);
        assert!(!scene.uninstall().await, "there is nothing left");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn an_upgrade_removes_what_the_chart_no_longer_has() {
    scene("prune", FILES, |scene| async move {
        scene.install(json!({})).await.unwrap();
        assert!(scene.has_map("extra").await);
        let map = scene.api::<ConfigMap>().get("extra").await.unwrap();
        assert_eq!(
            map.metadata.owner_references.unwrap(),
            std::slice::from_ref(&scene.policy.owner)
        );
        let before = scene.find().await.unwrap();
        assert!(is_unchanged(&before, &scene.render(&json!({}), true).await.1));

        scene.upgrade(json!({"extra": false})).await.unwrap();
        assert!(!scene.has_map("extra").await && scene.has_map("always").await);
        assert_eq!(
            names(&scene.records::<Secret>().await),
            [("v1", "superseded"), ("v2", "deployed")]
        );
        let found = scene.find().await.unwrap();
        assert_eq!(found.objects(), [("ConfigMap", "always"), ("StatefulSet", "worker")]);

        // What somebody else has taken over is not Wasser's to delete.
        scene.upgrade(json!({})).await.unwrap();
        let nobody = json!({"metadata": {"ownerReferences": null, "annotations": {"meta.helm.sh/release-name": null}}});
        scene
            .api::<ConfigMap>()
            .patch("extra", &managed_by("someone"), &Patch::Merge(&nobody))
            .await
            .unwrap();
        scene.upgrade(json!({"extra": false})).await.unwrap();
        assert!(scene.has_map("extra").await);
        let refused = scene.upgrade(json!({})).await.unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("extra exists already and is not this runtime's"),
            "{refused}"
        );

        for number in 0..10 {
            scene
                .upgrade(json!({"text": number.to_string(), "extra": false}))
                .await
                .unwrap();
        }
        assert_eq!(
            scene.records::<Secret>().await.len(),
            10,
            "as many revisions as Helm keeps"
        );
        assert!(scene.uninstall().await);
        assert!(scene.records::<Secret>().await.is_empty());
        assert!(
            !scene.has_map("always").await && scene.api::<StatefulSet>().get_opt("worker").await.unwrap().is_none()
        );
        assert!(!scene.uninstall().await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn replicas_and_affinity_survive_an_upgrade() {
    scene("replicas", FILES, |scene| async move {
        scene.install(json!({})).await.unwrap();
        scene.upgrade(json!({"text": "two"})).await.unwrap();
        assert_eq!(scene.replicas().await, Some(0), "nobody has scaled yet");

        let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchExpressions": [{"key": "k", "operator": "Exists"}]}]}}});
        let placed = json!({"spec": {"replicas": 3, "template": {"spec": {"affinity": affinity}}}});
        let workers = scene.api::<StatefulSet>();
        workers
            .patch("worker", &managed_by(FIELD_MANAGER), &Patch::Merge(&placed))
            .await
            .unwrap();
        scene
            .upgrade(json!({"text": "three", "env": [{"name": "A", "value": "1"}]}))
            .await
            .unwrap();
        let live = serde_json::to_value(scene.worker().await).unwrap();
        assert_eq!(live["spec"]["replicas"], 3);
        assert_eq!(live["spec"]["template"]["spec"]["affinity"], affinity);
        assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["env"][0]["name"], "A");

        workers
            .patch_scale(
                "worker",
                &managed_by("kubectl"),
                &Patch::Merge(&json!({"spec": {"replicas": 5}})),
            )
            .await
            .unwrap();
        scene.upgrade(json!({"text": "four"})).await.unwrap();
        let live = serde_json::to_value(scene.worker().await).unwrap();
        assert_eq!(live["spec"]["replicas"], 5);
        assert_eq!(live["spec"]["template"]["spec"]["affinity"], affinity);
        assert_eq!(
            live["spec"]["template"]["spec"]["containers"][0].get("env"),
            None,
            "what the chart dropped is gone"
        );

        scene.upgrade(json!({"replicas": 2})).await.unwrap();
        assert_eq!(scene.replicas().await, Some(2), "another number in the chart counts");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG) and the helm command (HELM)"]
async fn a_release_of_fluid_is_adopted() {
    scene("adopt", FILES, |scene| async move {
        let directory = Scene::directory("demo", FILES);
        let uid = format!("owner.uid={}", scene.policy.owner.uid);
        scene.helm(
            "configmap",
            &[
                "install",
                "demo",
                directory.path().to_str().unwrap(),
                "--set",
                "env[0].name=OLD",
                "--set",
                &uid,
            ],
        );
        let scaled = json!({"spec": {"replicas": 2}});
        scene
            .api::<StatefulSet>()
            .patch(
                "worker",
                &managed_by("juicefsruntime-controller"),
                &Patch::Merge(&scaled),
            )
            .await
            .unwrap();

        let found = scene.find().await.unwrap();
        assert_eq!(
            (found.revision, found.is_deployed(), found.chart.as_str()),
            (1, true, "demo")
        );
        assert!(found.objects().contains(&("StatefulSet", "worker")));
        let taken = scene.upgrade(json!({"env": []})).await.unwrap();
        assert_eq!(taken.revision, 2);
        assert_eq!(
            names(&scene.records::<Secret>().await),
            [("v1", "superseded"), ("v2", "deployed")]
        );
        assert!(scene.records::<ConfigMap>().await.is_empty());
        let live = serde_json::to_value(scene.worker().await).unwrap();
        assert_eq!(live["spec"]["replicas"], 2);
        assert_eq!(
            live["spec"]["template"]["spec"]["containers"][0].get("env"),
            None,
            "what Helm set and the chart dropped is gone"
        );
        assert_eq!(
            live["metadata"]["ownerReferences"][0]["uid"],
            json!(scene.policy.owner.uid)
        );
        assert!(scene.helm("secret", &["ls", "-q"]).contains("demo"));
        assert!(scene.uninstall().await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG) and the helm command (HELM)"]
async fn a_release_of_fluid_is_uninstalled() {
    scene("fluid", FILES, |scene| async move {
        let directory = Scene::directory("demo", FILES);
        let uid = format!("owner.uid={}", scene.policy.owner.uid);
        scene.helm(
            "configmap",
            &["install", "demo", directory.path().to_str().unwrap(), "--set", &uid],
        );
        assert!(scene.uninstall().await);
        assert!(scene.records::<ConfigMap>().await.is_empty() && !scene.has_map("always").await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG) and the helm command (HELM)"]
async fn a_record_that_a_watch_names_is_read_by_its_name() {
    scene("only", FILES, |scene| async move {
        let installed = scene.install(json!({"text": "two"})).await.unwrap();
        let find = async |revision: u32, driver: Driver| {
            let only = RecordPlace::of(driver, "demo", revision);
            scene.releases.find("demo", &scene.policy, Some(&only)).await.unwrap()
        };
        assert_eq!(*installed.place(), RecordPlace::of(Driver::Secret, "demo", 1));
        let found = find(1, Driver::Secret).await.unwrap();
        assert_eq!((found.revision, &found.config), (1, &installed.config));
        assert!(found.is_signed() && !found.is_adopted());
        // A watch that is late names what is not there.
        for (revision, driver) in [(7, Driver::Secret), (1, Driver::ConfigMap)] {
            assert_eq!(find(revision, driver).await.unwrap().revision, 1);
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG) and the helm command (HELM)"]
async fn a_release_of_somebody_else_is_left_alone() {
    const OTHER: &[(&str, &str)] = &[(
        "templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\n",
    )];
    // The chart's name says nothing: users install JuiceFS' chart as well.
    for chart in ["mysql", "demo"] {
        scene(&format!("foreign-{chart}"), FILES, |scene| async move {
            let directory = Scene::directory(chart, OTHER);
            scene.helm("secret", &["install", "demo", directory.path().to_str().unwrap()]);
            for refused in [
                scene.upgrade(json!({})).await.unwrap_err(),
                scene.install(json!({})).await.unwrap_err(),
                scene.releases.find("demo", &scene.policy, None).await.unwrap_err(),
            ] {
                let message = refused.to_string();
                assert!(
                    matches!(&refused, ReleaseError::Foreign { .. }) && refused.is_refusal(),
                    "{message}"
                );
                assert!(
                    message.contains(&format!("is of the chart {chart} and not this runtime's")),
                    "{message}"
                );
            }
            assert!(!scene.uninstall().await);
            assert!(scene.has_map("theirs").await && !scene.has_map("always").await);

            let refused = scene.install(json!({})).await.unwrap_err();
            let (sender, woken) = tokio::sync::oneshot::channel();
            let wake = move || assert!(sender.send(()).is_ok());
            scene.releases.wake_when_free("demo", &scene.policy, &refused, wake);
            scene.helm("secret", &["uninstall", "demo"]);
            tokio::time::timeout(Duration::from_secs(5), woken)
                .await
                .expect("woken by a watch")
                .unwrap();
            assert_eq!(scene.install(json!({})).await.unwrap().revision, 1);
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG) and the helm command (HELM)"]
async fn what_an_earlier_runtime_of_the_name_has_left_is_succeeded() {
    scene("earlier", FILES, |scene| async move {
        // As a release of Fluid whose runtime is gone: its records have no owner, and what was
        // orphaned has none either.
        let directory = Scene::directory("demo", FILES);
        let owner = &scene.policy.owner;
        let of = [
            format!("owner.uid={}", "0".repeat(8)),
            format!("owner.kind={}", owner.kind),
            format!("owner.name={}", owner.name),
        ];
        let mut arguments = vec!["install", "demo", directory.path().to_str().unwrap()];
        arguments.extend(of.iter().flat_map(|value| ["--set", value]));
        scene.helm("configmap", &arguments);
        assert_eq!(scene.upgrade(json!({"extra": false})).await.unwrap().revision, 2);
        assert!(!scene.has_map("extra").await && scene.has_map("always").await);
        assert!(scene.uninstall().await && !scene.has_map("always").await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn an_interrupted_installation_is_completed() {
    scene("crash", FILES, |scene| async move {
        // Killed after the objects and before the record.
        scene.install(json!({})).await.unwrap();
        scene
            .api::<Secret>()
            .delete("sh.helm.release.v1.demo.v1", &DeleteParams::default())
            .await
            .unwrap();
        let scaled = json!({"spec": {"replicas": 4}});
        scene
            .api::<StatefulSet>()
            .patch("worker", &managed_by(FIELD_MANAGER), &Patch::Merge(&scaled))
            .await
            .unwrap();
        assert!(scene.find().await.is_none());
        assert_eq!(scene.install(json!({"text": "two"})).await.unwrap().revision, 1);
        assert_eq!(scene.replicas().await, Some(4), "workers that were scaled stay");

        // Helm, or a controller that runs it, was killed in the middle.
        scene.set_status("sh.helm.release.v1.demo.v1", "pending-install").await;
        let found = scene.find().await.unwrap();
        assert_eq!((found.status, found.is_deployed()), (Status::PendingInstall, false));
        let taken = scene.install(json!({"extra": false})).await.unwrap();
        assert_eq!(taken.revision, 2);
        assert!(
            !scene.has_map("extra").await,
            "what the earlier attempt made is known and removed"
        );
        assert_eq!(
            names(&scene.records::<Secret>().await),
            [("v1", "pending-install"), ("v2", "deployed")]
        );
        assert!(scene.uninstall().await);
        assert!(scene.records::<Secret>().await.is_empty());
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn what_cannot_be_changed_is_told_with_the_remedy() {
    scene("fixed", FILES, |scene| async move {
        scene.install(json!({})).await.unwrap();
        let kept = scene.upgrade(json!({"service": "other"})).await.unwrap();
        let service = scene.worker().await.spec.unwrap().service_name;
        assert_eq!(
            (kept.revision, service.as_deref()),
            (2, Some("w")),
            "what cannot change stays"
        );
        let claim = json!({"metadata": {"name": "cache"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}});
        let refused = scene
            .upgrade(json!({"claims": [claim], "text": "two"}))
            .await
            .unwrap_err();
        let map = scene.api::<ConfigMap>().get("always").await.unwrap();
        assert_eq!(
            map.data.unwrap()["text"],
            "one",
            "nothing is written before the refusal"
        );
        assert!(
            matches!(refused, ReleaseError::Immutable { .. }) && refused.is_refusal(),
            "{refused}"
        );
        let message = refused.to_string();
        assert!(
            message.starts_with(&format!(
                "StatefulSet {}/worker cannot be changed in place",
                scene.policy.namespace
            )),
            "{message}"
        );
        assert!(message.contains("--cascade=orphan"), "{message}");
        assert_eq!(scene.find().await.unwrap().revision, 2, "the failure is not recorded");

        let refused = scene
            .upgrade(json!({"env": [{"name": "in valid="}]}))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, ReleaseError::Invalid { .. }) && refused.to_string().contains("env[0].name"),
            "{refused}"
        );
    })
    .await;
}

const HOOKED: &[(&str, &str)] = &[
    (
        "templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: always}\n",
    ),
    (
        "templates/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\n  annotations: {helm.sh/hook: pre-install, \
            helm.sh/hook-weight: '-1'}\n",
    ),
    (
        "templates/pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: check\n  annotations:\n    helm.sh/hook: \
            pre-install,pre-delete\n\
         \x20   helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded\n\
         spec:\n  nodeSelector: {no-such-node: here}\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 0\n\
         \x20 containers: [{name: c, image: none.invalid/none}]\n",
    ),
];

/// Lets the pod of the hook end; no node takes it. Answers whether the release was there by then.
async fn end_hook(scene: &Scene, phase: &str) -> bool {
    let pods = scene.api::<Pod>();
    await_condition(pods.clone(), "check", |pod: Option<&Pod>| pod.is_some())
        .await
        .unwrap();
    let installed = scene.has_map("always").await;
    let ended = json!({"status": {"phase": phase}});
    pods.patch_status("check", &PatchParams::default(), &Patch::Merge(&ended))
        .await
        .unwrap();
    installed
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn hooks_run_around_and_are_waited_for() {
    scene("hooks", HOOKED, |scene| async move {
        scene.allow_pods().await;
        let (failed, _) = tokio::join!(scene.install(json!({})), end_hook(&scene, "Failed"));
        let message = failed.unwrap_err().to_string();
        assert!(
            message.contains("pre-install hook Pod") && message.contains("failed"),
            "{message}"
        );
        assert!(scene.find().await.is_none() && !scene.has_map("always").await);

        // The failed pod stays for whoever wants to see its log.
        let pods = scene.api::<Pod>();
        pods.delete("check", &DeleteParams::default().grace_period(0))
            .await
            .unwrap();
        let (installed, early) = tokio::join!(scene.install(json!({})), end_hook(&scene, "Succeeded"));
        installed.unwrap();
        assert!(!early, "hooks come before the objects");
        assert!(scene.has_map("config").await && scene.has_map("always").await);
        assert!(
            pods.get_opt("check").await.unwrap().is_none(),
            "deleted since it succeeded"
        );

        let (removed, present) = tokio::join!(scene.uninstall(), end_hook(&scene, "Succeeded"));
        assert!(removed && present, "the hook of the deletion comes first");
        assert!(!scene.has_map("always").await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn a_hook_of_an_interrupted_installation_goes_on() {
    scene("hook-kept", HOOKED, |scene| async move {
        scene.allow_pods().await;
        let pods = scene.api::<Pod>();
        let begun = await_condition(pods.clone(), "check", |pod: Option<&Pod>| pod.is_some());
        let first = tokio::select! {
            installed = scene.install(json!({})) => panic!("{:?}", installed.map(|release| release.revision)),
            begun = begun => begun.unwrap().unwrap(),
        };
        // One that is made anew would not end, and the installation neither.
        let ended = json!({"metadata": {"uid": first.metadata.uid}, "status": {"phase": "Succeeded"}});
        let (params, ended) = (PatchParams::default(), Patch::Merge(&ended));
        let (installed, patched) = tokio::join!(scene.install(json!({})), pods.patch_status("check", &params, &ended));
        patched.unwrap();
        installed.unwrap();
        assert!(scene.has_map("always").await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn a_repair_runs_no_hooks_and_an_upgrade_does() {
    let files = [
        HOOKED[0],
        (
            "templates/hook.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hooked\n  annotations: {helm.sh/hook: pre-upgrade}\n",
        ),
    ];
    scene("hook-repair", &files, |scene| async move {
        scene.install(json!({})).await.unwrap();
        let maps = scene.api::<ConfigMap>();
        maps.delete("always", &DeleteParams::default()).await.unwrap();
        assert_eq!(scene.repair(1, json!({})).await.unwrap().revision, 2);
        assert!(scene.has_map("always").await && !scene.has_map("hooked").await);
        // A repair that was interrupted, as an operator finds it that was killed.
        maps.delete("always", &DeleteParams::default()).await.unwrap();
        let begun = json!({"metadata": {"annotations": {"wasser.fluid.io/upgrading": "repair"}}});
        let records = scene.api::<Secret>();
        let record = "sh.helm.release.v1.demo.v2";
        records
            .patch(record, &PatchParams::default(), &Patch::Merge(&begun))
            .await
            .unwrap();
        assert_eq!(scene.repair(2, json!({})).await.unwrap().revision, 3);
        assert!(scene.has_map("always").await && !scene.has_map("hooked").await);
        maps.delete("always", &DeleteParams::default()).await.unwrap();
        assert_eq!(scene.repair(3, json!({"text": "two"})).await.unwrap().revision, 4);
        assert!(scene.has_map("always").await && scene.has_map("hooked").await);
    })
    .await;
}
