//! Unstage and the clean policies.

use std::fs;

use rustix::mount::{MountFlags, mount};
use tonic::Code;

use crate::fuse::{mount_working, unmount_lazily};
use crate::namespaces::{eventually, isolated};
use crate::node::{Node, mounts_on, who};

const LABEL: &str = "fluid.io/f-ns-a";

impl Node {
    pub fn policy(&self, policy: &str) {
        self.cluster
            .policies
            .lock()
            .unwrap()
            .insert("ns/a".to_owned(), policy.into());
    }

    pub fn is_labelled(&self) -> bool {
        self.cluster.labels.lock().unwrap().contains(LABEL)
    }
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn the_label_goes_with_the_last_pod_if_the_policy_says_so() {
    isolated(
        "lifecycle::the_label_goes_with_the_last_pod_if_the_policy_says_so",
        || async {
            let node = Node::start().await;
            node.create_volume("a");
            mount_working(&node.fuse_path("a"), "a");
            node.stage("a").await.unwrap();
            node.publish("p", "a").await.unwrap();
            for (policy, stays) in [("", true), ("OnRuntimeDeleted", true), ("OnDemand", false)] {
                node.policy(policy);
                if !stays {
                    let error = node.unstage("a").await.unwrap_err();
                    assert_eq!(error.code(), Code::FailedPrecondition);
                    assert!(error.message().contains("still mounted at"), "{error}");
                    node.unpublish("p", "a").await.unwrap();
                }
                assert!(node.is_labelled());
                node.unstage("a").await.unwrap();
                node.unstage("a").await.unwrap();
                assert_eq!(node.is_labelled(), stays, "{policy}");
            }
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_fuse_pod_stays_until_the_last_of_its_volumes_has_left() {
    isolated(
        "lifecycle::a_fuse_pod_stays_until_the_last_of_its_volumes_has_left",
        || async {
            let mut node = Node::start().await;
            node.create_volume("a");
            node.policy("OnDemand");
            mount_working(&node.fuse_path("a"), "a");
            // This is a reference: another volume with the attributes of the first.
            let original = node.cluster.volumes.lock().unwrap()["ns-a"].clone();
            node.cluster
                .volumes
                .lock()
                .unwrap()
                .insert("ns-view".to_owned(), original);
            node.stage("a").await.unwrap();
            node.stage_as("view", "a").await.unwrap();
            node.unstage("a").await.unwrap();
            assert!(node.is_labelled());
            // A restart does not forget this either.
            node.stop().await;
            node.run().await;
            node.stage("a").await.unwrap();
            node.unstage("a").await.unwrap();
            assert!(node.is_labelled());
            node.unstage("view").await.unwrap();
            assert!(!node.is_labelled());
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_fuse_pod_goes_with_the_last_volume_even_if_that_is_deleted() {
    isolated(
        "lifecycle::a_fuse_pod_goes_with_the_last_volume_even_if_that_is_deleted",
        || async {
            let mut node = Node::start().await;
            node.create_volume("a");
            node.policy("OnDemand");
            // The volume of a Dataset that refers to the other, and that is deleted while pods use it.
            node.stage("a").await.unwrap();
            node.stage_as("view", "a").await.unwrap();
            node.unstage("a").await.unwrap();
            assert!(node.is_labelled());
            node.stop().await;
            node.run().await;
            node.unstage("view").await.unwrap();
            assert!(!node.is_labelled());
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn outdated_fuse_pods_go() {
    isolated("lifecycle::outdated_fuse_pods_go", || async {
        let node = Node::start().await;
        node.create_volume("a");
        node.policy("OnFuseChanged");
        // A Dataset that refers to the other: its volume has the attributes of that, and a claim without
        // a generation.
        {
            let mut volumes = node.cluster.volumes.lock().unwrap();
            let mut reference = volumes["ns-a"].clone();
            reference.claim = Some(("team".to_owned(), "view".to_owned()));
            volumes.insert("ns-view".to_owned(), reference);
        }
        // Clients of Fluid have all of their labels in a file.
        let fuse = node.fuse_path("a");
        let directory = fuse.parent().unwrap();
        fs::create_dir_all(directory.join(".meta/fuse")).unwrap();
        let labels = |generation: &str| format!("app=\"x\"\nfuse.runtime.fluid.io/generation=\"{generation}\"\n");
        let line = |generation: &str| format!("{generation}\n");
        type Written<'a> = &'a dyn Fn(&str) -> String;
        let ways: [(&str, &str, Written<'_>); 2] =
            [("a", ".meta/fuse/labels", &labels), ("view", ".fuse-generation", &line)];
        // (label of the claim, label of the pod, whether the pod stays)
        let cases = [
            (None, Some("1"), true),
            (Some("1"), None, true),
            (Some("1"), Some("1"), true),
            (Some("2"), Some("1"), false),
        ];
        for (volume, file, written) in ways {
            let file = directory.join(file);
            for (claim, pod, stays) in cases {
                node.stage("a").await.unwrap();
                let claim = claim.map(|generation: &str| ("ns/a".to_owned(), generation.to_owned()));
                *node.cluster.generations.lock().unwrap() = claim.into_iter().collect();
                match pod {
                    Some(pod) => fs::write(&file, written(pod)).unwrap(),
                    None => fs::remove_file(&file).unwrap(),
                }
                if volume != "a" {
                    node.stage_as(volume, "a").await.unwrap();
                    // Its pods have left first.
                    node.unstage("a").await.unwrap();
                    assert!(node.is_labelled());
                }
                node.unstage(volume).await.unwrap();
                assert_eq!(node.is_labelled(), stays, "{volume} {pod:?}");
            }
            fs::remove_file(&file).unwrap();
        }
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn labels_of_clients_do_not_stay_mounted() {
    isolated("lifecycle::labels_of_clients_do_not_stay_mounted", || async {
        let mut node = Node::start().await;
        node.stop().await;
        // As containers leave it on the node, once for each start.
        let labels = |dataset: &str| {
            let path = node.fuse_path(dataset).parent().unwrap().join(".meta/fuse");
            fs::create_dir_all(&path).unwrap();
            for _ in 0..3 {
                mount("tmpfs", &path, "tmpfs", MountFlags::empty(), None).unwrap();
            }
            path
        };
        let (here, gone) = (labels("a"), labels("gone"));
        mount_working(&node.fuse_path("a"), "a");
        node.run().await;
        eventually("those of clients that are not there are gone", || mounts_on(&gone) == 0).await;
        assert_eq!(mounts_on(&here), 3);
        node.create_volume("a");
        node.policy("OnDemand");
        node.stage("a").await.unwrap();
        node.unstage("a").await.unwrap();
        assert_eq!((mounts_on(&here), mounts_on(&node.fuse_path("a"))), (0, 1));
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn what_is_deleted_while_mounted_is_unstaged_without_complaint() {
    isolated(
        "lifecycle::what_is_deleted_while_mounted_is_unstaged_without_complaint",
        || async {
            let node = Node::start().await;
            mount_working(&node.fuse_path("a"), "a");
            node.create_volume("a");
            node.policy("OnDemand");
            node.stage("a").await.unwrap();
            node.publish("p", "a").await.unwrap();
            node.cluster.policies.lock().unwrap().clear();
            node.unstage("a").await.unwrap();
            node.cluster.volumes.lock().unwrap().clear();
            node.unpublish("p", "a").await.unwrap();
            node.unstage("a").await.unwrap();
            node.policy("Sometimes");
            node.create_volume("a");
            let error = node.unstage("a").await.unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
            assert!(error.message().contains("OnFuseChanged"), "{error}");
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn runtimes_with_one_mount_path_leave_each_other_alone() {
    isolated(
        "lifecycle::runtimes_with_one_mount_path_leave_each_other_alone",
        || async {
            let mut node = Node::start().await;
            node.same_path = Some(("b", "a"));
            mount_working(&node.fuse_path("a"), "first");
            for dataset in ["a", "b"] {
                node.create_volume(dataset);
                let policy = (format!("ns/{dataset}"), "OnDemand".into());
                node.cluster.policies.lock().unwrap().extend([policy]);
                node.stage(dataset).await.unwrap();
                node.publish("p", dataset).await.unwrap();
            }
            node.unpublish("p", "a").await.unwrap();
            node.unstage("a").await.unwrap();
            let labels = || node.cluster.labels.lock().unwrap().iter().cloned().collect::<Vec<_>>();
            assert_eq!(labels(), ["fluid.io/f-ns-b"]);
            assert_eq!(who(&node.target("p", "b")), "first");

            unmount_lazily(&node.fuse_path("a"));
            mount_working(&node.fuse_path("a"), "second");
            eventually("the new mount is seen", || who(&node.target("p", "b")) == "second").await;
            node.unpublish("p", "b").await.unwrap();
            node.unstage("b").await.unwrap();
            assert!(labels().is_empty(), "{:?}", labels());
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_volume_without_a_label_gets_that_of_its_runtime() {
    isolated(
        "lifecycle::a_volume_without_a_label_gets_that_of_its_runtime",
        || async {
            let node = Node::start().await;
            node.create_volume("a");
            let mut client = node.client().await;
            let mut request = wasser_csi::proto::csi::NodeStageVolumeRequest {
                volume_id: "ns-a".to_owned(),
                staging_target_path: "/unused".to_owned(),
                volume_capability: node.publish_request("p", "a").volume_capability,
                volume_context: node.attributes("a"),
                ..Default::default()
            };
            request.volume_context.remove("mount_pod_node_selector_key");
            client.node_stage_volume(request.clone()).await.unwrap();
            assert!(node.is_labelled());
            // Without the runtime, the claim names it.
            node.cluster.labels.lock().unwrap().clear();
            request.volume_context.clear();
            client.node_stage_volume(request.clone()).await.unwrap();
            assert!(node.is_labelled());
            node.cluster.volumes.lock().unwrap().clear();
            let error = client.node_stage_volume(request).await.unwrap_err();
            assert!(error.message().contains("mount_pod_node_selector_key"), "{error}");
        },
    );
}
