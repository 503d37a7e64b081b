//! Objects of others that have the names of a release's: nothing of theirs is touched, and nothing
//! of the release is written.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, ServiceAccount};
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_chart::{Change, Policy, ReleaseError};

use crate::end_hook;
use crate::releases_support::{FILES, Scene, scene};

/// Everything in the namespace, by kind and name, without statuses.
async fn contents(scene: &Scene) -> BTreeMap<String, String> {
    let kinds = [
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("", "Pod"),
        ("apps", "StatefulSet"),
    ];
    let mut all = BTreeMap::new();
    for (group, kind) in kinds {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let api = Api::<DynamicObject>::namespaced_with(scene.client.clone(), &scene.policy.namespace, &resource);
        for mut object in api.list(&ListParams::default()).await.unwrap() {
            // Controllers write statuses when they like.
            object.metadata.resource_version = None;
            object
                .managed_fields_mut()
                .retain(|fields| fields.subresource.as_deref() != Some("status"));
            object.data.as_object_mut().unwrap().remove("status");
            all.insert(
                format!("{kind} {}", object.name_any()),
                serde_json::to_string(&object).unwrap(),
            );
        }
    }
    all
}

/// What the namespace has by itself is there, so that it does not come in between.
async fn settle(scene: &Scene) {
    scene.allow_pods().await;
    while !scene.has_map("kube-root-ca.crt").await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn user_makes(scene: &Scene, object: Value) {
    let resource = match object["kind"].as_str().unwrap() {
        "StatefulSet" => ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "StatefulSet")),
        kind => ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind)),
    };
    let api = Api::<DynamicObject>::namespaced_with(scene.client.clone(), &scene.policy.namespace, &resource);
    let name = object["metadata"]["name"].as_str().unwrap();
    api.patch(name, &PatchParams::apply("user"), &Patch::Apply(&object))
        .await
        .unwrap();
}

/// Installs, and checks that this is refused with these words and that nothing in the namespace has
/// changed.
async fn refused(scene: &Scene, words: &[&str]) -> ReleaseError {
    let before = contents(scene).await;
    let error = scene.install(json!({})).await.unwrap_err();
    let message = error.to_string();
    for words in words {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(
        error.is_refusal() && message.ends_with("name its objects otherwise"),
        "{message}"
    );
    assert_eq!(contents(scene).await, before);
    error
}

fn stateful_set() -> Value {
    let pod = json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "c",
        "image": "none.invalid/none"}]}});
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "worker"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "shop"}}, "template": pod}})
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn objects_of_others_are_named_and_stay_and_the_release_follows_once_they_are_gone() {
    scene("taken", FILES, |scene| async move {
        settle(&scene).await;
        user_makes(&scene, stateful_set()).await;
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "always"}, "data": {"mine": "1"}});
        user_makes(&scene, map).await;
        let namespace = &scene.policy.namespace;
        let objects = format!("ConfigMap {namespace}/always, StatefulSet {namespace}/worker exist already");
        let error = refused(&scene, &[&objects]).await;
        assert!(!scene.uninstall().await);
        assert!(scene.has_map("always").await);

        // One of the two that is gone is worth another try.
        let (sender, mut woken) = tokio::sync::mpsc::unbounded_channel();
        let wake = |error: &ReleaseError| {
            let sender = sender.clone();
            let wake = move || assert!(sender.send(()).is_ok());
            scene.releases.wake_when_free("demo", &scene.policy, error, wake);
        };
        wake(&error);
        let (maps, sets) = (scene.api::<ConfigMap>(), scene.api::<StatefulSet>());
        maps.delete("always", &Default::default()).await.unwrap();
        let soon = Duration::from_secs(5);
        tokio::time::timeout(soon, woken.recv())
            .await
            .expect("woken by a watch");
        let error = refused(&scene, &["StatefulSet", "worker exists already"]).await;
        wake(&error);
        sets.delete("worker", &Default::default()).await.unwrap();
        tokio::time::timeout(soon, woken.recv())
            .await
            .expect("woken by a watch");
        assert_eq!(scene.install(json!({})).await.unwrap().revision, 1);
        assert!(scene.uninstall().await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn a_first_installation_that_meets_others_takes_back_what_it_made() {
    scene("take-back", FILES, |scene| async move {
        settle(&scene).await;
        user_makes(&scene, stateful_set()).await;
        let namespace = &scene.policy.namespace;
        // The watch of the records shows no release, so nothing is looked at before.
        scene.releases.take_for_absent(namespace, "demo");
        let objects = format!("StatefulSet {namespace}/worker exists already");
        refused(&scene, &[&objects]).await;
        assert!(!scene.has_map("always").await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn what_a_first_installation_made_is_applied_by_the_next_and_loses_what_the_chart_drops() {
    scene("created", FILES, |scene| async move {
        settle(&scene).await;
        scene.releases.take_for_absent(&scene.policy.namespace, "demo");
        let env = json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]);
        scene.install(json!({"env": env})).await.unwrap();
        let sets = scene.api::<StatefulSet>();
        let scale = json!({"spec": {"replicas": 3, "template": {"spec": {"affinity": {"nodeAffinity": {}}}}}});
        let of_host = PatchParams {
            field_manager: Some(wasser_chart::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        sets.patch("worker", &of_host, &Patch::Merge(&scale)).await.unwrap();
        scene
            .upgrade(json!({"env": env.as_array().unwrap()[..1]}))
            .await
            .unwrap();
        let spec = sets.get("worker").await.unwrap().spec.unwrap();
        let pod = spec.template.spec.unwrap();
        assert_eq!(spec.replicas, Some(3), "the host's number stays");
        assert!(pod.affinity.is_some(), "so does its affinity");
        assert_eq!(pod.containers[0].env.as_ref().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn what_every_namespace_has_is_refused_as_well() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n---\n\
                    apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-root-ca.crt}\ndata: {ca.crt: none}\n";
    let files = &[("templates/a.yaml", template)];
    scene("ca", files, |scene| async move {
        settle(&scene).await;
        refused(&scene, &["kube-root-ca.crt exists already and is not this runtime's"]).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn a_service_account_of_somebody_else_is_not_one_of_the_chart() {
    let template = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ci-deployer}\n---\n\
                    apiVersion: v1\nkind: Pod\nmetadata: {name: thief}\nspec:\n  serviceAccountName: ci-deployer\n\
                    \x20 containers: [{name: c, image: none.invalid/none}]\n";
    let files = &[("templates/a.yaml", template)];
    scene("account", files, |scene| async move {
        settle(&scene).await;
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ci-deployer"}});
        user_makes(&scene, account).await;
        refused(&scene, &["ServiceAccount", "ci-deployer exists already"]).await;
        assert!(scene.api::<Pod>().get_opt("thief").await.unwrap().is_none());

        scene
            .api::<ServiceAccount>()
            .delete("ci-deployer", &Default::default())
            .await
            .unwrap();
        scene.install(json!({})).await.unwrap();
        let account = scene.api::<ServiceAccount>().get("ci-deployer").await.unwrap();
        assert_eq!(
            account.labels()["fluid.io/dataset-id"],
            format!("{}-demo", scene.policy.namespace)
        );
        assert!(scene.uninstall().await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn hooks_do_not_delete_what_has_their_name() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\
                    apiVersion: v1\nkind: Pod\nmetadata:\n  name: migrate\n  annotations: {helm.sh/hook: HOOK}\nspec:\n\
                    \x20 containers: [{name: c, image: none.invalid/none}]\n";
    for event in ["pre-install", "post-install", "pre-delete"] {
        let template = template.replace("HOOK", event);
        let files = [("templates/a.yaml", template.as_str())];
        scene(&format!("hook-{event}"), &files, |scene| async move {
            settle(&scene).await;
            let containers = json!([{"name": "c", "image": "none.invalid/none"}]);
            // Nobody writes to a pod that no scheduler takes.
            let spec = json!({"containers": containers, "schedulerName": "nobody"});
            user_makes(
                &scene,
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "migrate"}, "spec": spec}),
            )
            .await;
            refused(&scene, &["Pod", "migrate exists already"]).await;
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn a_deletion_does_without_a_hook_whose_name_is_taken() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\
                    apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bye\n  annotations: {helm.sh/hook: \
                    pre-delete}\n";
    scene("bye", &[("templates/a.yaml", template)], |scene| async move {
        scene.install(json!({})).await.unwrap();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bye"}, "data": {"mine": "1"}});
        user_makes(&scene, map).await;
        let version = scene.api::<ConfigMap>().get("bye").await.unwrap().resource_version();
        assert!(scene.uninstall().await && !scene.has_map("a").await);
        assert_eq!(
            scene.api::<ConfigMap>().get("bye").await.unwrap().resource_version(),
            version
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn a_hook_of_a_deletion_has_the_account_of_its_chart_as_long_as_that_is_the_runtimes() {
    let template = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: cleaner}\n---\n\
                    apiVersion: v1\nkind: Pod\nmetadata:\n  name: check\n  annotations: {helm.sh/hook: \
                    pre-delete}\nspec:\n\
                    \x20 serviceAccountName: cleaner\n  schedulerName: nobody\n  terminationGracePeriodSeconds: 0\n\
                    \x20 containers: [{name: c, image: none.invalid/none}]\n";
    let files = &[("templates/a.yaml", template)];
    scene("cleaner", files, |scene| async move {
        settle(&scene).await;
        scene.install(json!({})).await.unwrap();
        let (removed, _) = tokio::join!(scene.uninstall(), end_hook(&scene, "Succeeded"));
        assert!(
            removed
                && scene
                    .api::<ServiceAccount>()
                    .get_opt("cleaner")
                    .await
                    .unwrap()
                    .is_none()
        );
        assert!(
            scene.api::<Pod>().get_opt("check").await.unwrap().is_some(),
            "it has run"
        );
    })
    .await;
    scene("cleaner-taken", files, |scene| async move {
        settle(&scene).await;
        scene.install(json!({})).await.unwrap();
        let accounts = scene.api::<ServiceAccount>();
        accounts.delete("cleaner", &Default::default()).await.unwrap();
        user_makes(
            &scene,
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cleaner"}}),
        )
        .await;
        assert!(scene.uninstall().await && accounts.get_opt("cleaner").await.unwrap().is_some());
        assert!(
            scene.api::<Pod>().get_opt("check").await.unwrap().is_none(),
            "it would act in the user's name"
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn two_runtimes_that_want_one_name_get_one_owner() {
    scene("rivals", FILES, |scene| async move {
        settle(&scene).await;
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other-runtime"}});
        user_makes(&scene, other).await;
        let uid = scene
            .api::<ConfigMap>()
            .get("other-runtime")
            .await
            .unwrap()
            .uid()
            .unwrap();
        let mut rival = scene.policy.clone();
        (rival.owner.name, rival.owner.uid) = ("other-runtime".to_owned(), uid);
        // Its workload selects what the chart says.
        rival.labels.insert("example.org/of".to_owned(), "runtime".to_owned());
        let (mut meta, rendered) = scene.render(&json!({}), false).await;
        meta.name = "other".to_owned();
        let values = json!({});
        let rivals = Change {
            policy: &rival,
            ..scene.change(&meta, &rendered, &values)
        };
        // At the same time, so that each would find the names free if it only looked.
        let (first, second) = tokio::join!(scene.install(json!({})), scene.releases.install(&rivals));
        let (winner, loser, policy) = match (first, second) {
            (Ok(_), Err(refused)) => (&scene.policy, refused, &rival),
            (Err(refused), Ok(_)) => (&rival, refused, &scene.policy),
            (one, two) => panic!("{one:?} {two:?}"),
        };
        let owner = format!("of ConfigMap {}", winner.owner.name);
        assert!(loser.is_refusal() && loser.to_string().contains(&owner), "{loser}");
        assert_eq!(
            scene.worker().await.owner_references(),
            std::slice::from_ref(&winner.owner)
        );

        // Nor does the one that was refused delete what the other has.
        let name = |policy: &Policy| {
            if policy.owner.name == "runtime" {
                "demo"
            } else {
                "other"
            }
        };
        let releases = &scene.releases;
        assert!(
            !releases
                .uninstall(&policy.namespace, name(policy), policy, true)
                .await
                .unwrap()
        );
        assert!(scene.has_map("always").await);
        assert!(
            releases
                .uninstall(&winner.namespace, name(winner), winner, true)
                .await
                .unwrap()
        );
        assert!(!scene.has_map("always").await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn what_others_have_made_since_is_left_when_a_release_goes() {
    scene("replaced", FILES, |scene| async move {
        scene.install(json!({})).await.unwrap();
        // Deleted, and made by somebody else under the same name.
        scene
            .api::<ConfigMap>()
            .delete("always", &Default::default())
            .await
            .unwrap();
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "always"}, "data": {"mine": "1"}});
        user_makes(&scene, map).await;
        let version = scene.api::<ConfigMap>().get("always").await.unwrap().resource_version();
        let refused = scene.upgrade(json!({"text": "two"})).await.unwrap_err();
        assert!(refused.to_string().contains("always exists already"), "{refused}");
        assert!(scene.uninstall().await);
        assert_eq!(
            scene.api::<ConfigMap>().get("always").await.unwrap().resource_version(),
            version
        );
        assert!(!scene.has_map("extra").await && scene.api::<StatefulSet>().get_opt("worker").await.unwrap().is_none());
        assert!(scene.records::<Secret>().await.is_empty());
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster (KUBECONFIG)"]
async fn a_record_that_would_not_fit_is_refused_before_anything_is_written() {
    scene("large", FILES, |scene| async move {
        settle(&scene).await;
        let before = contents(&scene).await;
        // What compresses well takes little, however long it is.
        let noise: String = (0..2_000_000_u64)
            .map(|number| char::from(b'a' + u8::try_from(noise(number) % 26).unwrap()))
            .collect();
        let refused = scene.install(json!({"text": "x", "unused": noise})).await.unwrap_err();
        assert!(
            matches!(refused, ReleaseError::TooLarge { .. }) && refused.is_refusal(),
            "{refused}"
        );
        let message = refused.to_string();
        let start = format!(
            "the record of the Helm release {}/demo would take ",
            scene.policy.namespace
        );
        assert!(
            message.starts_with(&start) && message.contains("1044480 are allowed"),
            "{message}"
        );
        assert_eq!(contents(&scene).await, before);
    })
    .await;
}

/// Numbers without a pattern (splitmix64).
fn noise(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
