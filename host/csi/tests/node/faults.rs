//! Failures of fuse pods, requests and the node plugin itself.

use std::fs;
use std::time::{Duration, Instant};

use rustix::mount::mount_bind;
use tonic::Code;

use crate::fuse::{RealFuse, mount_working, unmount_lazily};
use crate::namespaces::{eventually, isolated};
use crate::node::{Node, mounts_on, who};

#[test]
#[ignore = "needs root and mount namespaces"]
fn what_is_missing_is_named() {
    isolated("faults::what_is_missing_is_named", || async {
        let node = Node::start().await;
        let mut request = node.publish_request("p", "a");
        request.volume_context.remove("fluid_path");
        let error = node.client().await.node_publish_volume(request).await.unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Code::InvalidArgument, "volume attribute fluid_path is missing")
        );
        let mut request = node.publish_request("p", "a");
        request.volume_capability = None;
        let error = node.client().await.node_publish_volume(request).await.unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Code::InvalidArgument, "volume_capability is missing")
        );
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_dead_mount_is_unpublished() {
    isolated("faults::a_dead_mount_is_unpublished", || async {
        let node = Node::start().await;
        let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
        // It is bound by hand twice, which is what Fluid's recovery leaves.
        let mut process = RealFuse::mount(&fuse);
        fs::create_dir_all(&target).unwrap();
        mount_bind(&fuse, &target).unwrap();
        process.die();
        mount_bind(&fuse, &target).unwrap();
        assert!(mounts_on(&target) >= 2);
        node.unpublish("p", "a").await.unwrap();
        assert_eq!(mounts_on(&target), 0);
        assert!(!target.exists());
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_dead_mount_makes_way_for_the_next_fuse_pod() {
    isolated("faults::a_dead_mount_makes_way_for_the_next_fuse_pod", || async {
        let node = Node::start_and_settle(|config| config.publish_timeout = Duration::from_millis(700)).await;
        let fuse = node.fuse_path("a");
        RealFuse::mount(&fuse).die();
        let error = node.publish("p", "a").await.unwrap_err();
        assert!(
            error.message().contains("transport endpoint is not connected"),
            "{error}"
        );
        node.stage("a").await.unwrap();
        assert_eq!(mounts_on(&fuse), 0);
        mount_working(&fuse, "a");
        node.publish("p", "a").await.unwrap();
        assert_eq!(who(&node.target("p", "a")), "a");
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_file_system_that_hangs_holds_up_nobody_else() {
    isolated("faults::a_file_system_that_hangs_holds_up_nobody_else", || async {
        let node = Node::start_with(|config| {
            config.publish_timeout = Duration::from_secs(2);
            config.probe_timeout = Duration::from_millis(200);
        })
        .await;
        let mut hanging = RealFuse::mount(&node.fuse_path("a"));
        mount_working(&node.fuse_path("b"), "b");
        let (mut client, request) = (node.client().await, node.publish_request("p", "a"));
        let begin = Instant::now();
        let call = tokio::spawn(async move { client.node_publish_volume(request).await });
        node.publish("p", "b").await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(1));
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.code(), Code::DeadlineExceeded);
        assert!(error.message().contains("does not answer"), "{error}");
        node.unpublish("p", "a").await.unwrap();
        // Its successor is not taken for it.
        unmount_lazily(&node.fuse_path("a"));
        mount_working(&node.fuse_path("a"), "a");
        node.publish("p", "a").await.unwrap();
        hanging.abandon();
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_target_in_use_is_unmounted_all_the_same() {
    isolated("faults::a_target_in_use_is_unmounted_all_the_same", || async {
        let node = Node::start().await;
        mount_working(&node.fuse_path("a"), "a");
        node.publish("p", "a").await.unwrap();
        let target = node.target("p", "a");
        let open = fs::File::create(target.join("file")).unwrap();
        node.unpublish("p", "a").await.unwrap();
        assert!(!target.exists());
        drop(open);
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn what_is_not_a_mount_is_not_deleted() {
    isolated("faults::what_is_not_a_mount_is_not_deleted", || async {
        let node = Node::start().await;
        let target = node.target("p", "a");
        fs::create_dir_all(target.join("precious")).unwrap();
        let error = node.unpublish("p", "a").await.unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        assert!(target.join("precious").exists());
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_node_plugin_that_starts_again_knows_its_mounts_and_cleans_up() {
    isolated(
        "faults::a_node_plugin_that_starts_again_knows_its_mounts_and_cleans_up",
        || async {
            let mut node = Node::start().await;
            let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
            mount_working(&fuse, "old");
            node.publish("p", "a").await.unwrap();
            node.publish("gone", "a").await.unwrap();
            // Without a node plugin, the fuse pod is replaced, a pod is removed with all its
            // directories, and another runtime's fuse pod dies.
            node.stop().await;
            assert_eq!(who(&target), "old");
            unmount_lazily(&fuse);
            mount_working(&fuse, "new");
            unmount_lazily(&node.target("gone", "a"));
            fs::remove_dir_all(node.config.kubelet_root.join("pods/gone")).unwrap();
            RealFuse::mount(&node.fuse_path("dead")).die();
            node.run().await;
            eventually("the new file system is in the pod", || who(&target) == "new").await;
            assert_eq!(mounts_on(&target), 1);
            eventually("the dead mount is gone", || mounts_on(&node.fuse_path("dead")) == 0).await;
            assert_eq!(
                fs::read_dir(node.config.driver_dir().join("published"))
                    .unwrap()
                    .count(),
                1
            );
            node.publish("p", "a").await.unwrap();
            node.unpublish("p", "a").await.unwrap();
            assert_eq!((mounts_on(&target), node.anchor_mounts()), (0, 0));
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn what_somebody_else_unmounts_stays_unmounted() {
    isolated("faults::what_somebody_else_unmounts_stays_unmounted", || async {
        let node = Node::start_with(|config| config.probe_interval = Duration::from_millis(20)).await;
        let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
        mount_working(&fuse, "old");
        fs::write(fuse.join("precious"), "").unwrap();
        node.publish("p", "a").await.unwrap();
        node.publish("q", "a").await.unwrap();
        // An anchor is there as well.
        unmount_lazily(&fuse);
        mount_working(&fuse, "new");
        fs::write(fuse.join("precious"), "").unwrap();
        for pod in ["p", "q"] {
            eventually("the new mount", || who(&node.target(pod, "a")) == "new").await;
        }

        unmount_lazily(&target);
        let records = node.config.driver_dir().join("published");
        eventually("the record is gone", || fs::read_dir(&records).unwrap().count() == 1).await;
        assert_eq!(mounts_on(&target), 0);
        let pod = node.config.kubelet_root.join("pods/p");
        fs::remove_dir_all(&pod).unwrap();
        unmount_lazily(&fuse);
        mount_working(&fuse, "third");
        eventually("the other pod is looked after", || {
            who(&node.target("q", "a")) == "third"
        })
        .await;
        assert!(!pod.exists());
        // The kubelet may still want it.
        node.publish("p", "a").await.unwrap();
        assert_eq!(who(&target), "third");
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn what_the_node_plugin_has_taken_off_itself_comes_back() {
    isolated(
        "faults::what_the_node_plugin_has_taken_off_itself_comes_back",
        || async {
            let mut node = Node::start().await;
            let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
            let part = node.config.kubelet_root.join("pods/p/volume-subpaths/ns-a/app/0");
            let fill = |content: &str| {
                mount_working(&fuse, content);
                fs::create_dir(fuse.join("sub")).unwrap();
                fs::write(fuse.join("sub/who"), format!("sub {content}")).unwrap();
            };
            fill("old");
            node.publish("p", "a").await.unwrap();
            fs::create_dir_all(&part).unwrap();
            mount_bind(target.join("sub"), &part).unwrap();
            // It ends between taking the old mounts off and putting the new ones there, as it does it
            // before Linux 6.5.
            node.stop().await;
            let kept = node.config.driver_dir();
            let record = fs::read_dir(kept.join("published")).unwrap().next().unwrap().unwrap();
            let wanted: serde_json::Value = serde_json::from_slice(&fs::read(record.path()).unwrap()).unwrap();
            let note = |wanted: &serde_json::Value| serde_json::json!({"volume": target, "wanted": wanted}).to_string();
            let mut wanted_part = wanted.clone();
            wanted_part["target"] = serde_json::json!(part);
            wanted_part["source"]["part"] = serde_json::json!("sub");
            fs::write(kept.join("unfinished").join(record.file_name()), note(&wanted)).unwrap();
            fs::write(kept.join("unfinished/part.json"), note(&wanted_part)).unwrap();
            for path in [&part, &target, &fuse] {
                unmount_lazily(path);
            }
            fill("new");
            node.run().await;
            eventually("the volume", || who(&target) == "new" && mounts_on(&target) == 1).await;
            eventually("its part", || who(&part) == "sub new" && mounts_on(&part) == 1).await;
            eventually("the note is gone", || {
                !kept.join("unfinished").join(record.file_name()).exists()
            })
            .await;
            unmount_lazily(&part);
            node.unpublish("p", "a").await.unwrap();
            assert_eq!(mounts_on(&target), 0);
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn mounts_that_fluid_made_are_looked_after() {
    isolated("faults::mounts_that_fluid_made_are_looked_after", || async {
        let mut node = Node::start().await;
        node.stop().await;
        let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
        mount_working(&fuse, "old");
        fs::create_dir_all(&target).unwrap();
        mount_bind(&fuse, &target).unwrap();
        let note = r#"{"driverName":"fuse.csi.fluid.io","specVolID":"ns-a","volumeHandle":"ns-a"}"#;
        fs::write(target.with_file_name("vol_data.json"), note).unwrap();
        node.create_volume("a");
        node.run().await;
        unmount_lazily(&fuse);
        mount_working(&fuse, "new");
        eventually("the new file system is in the pod", || {
            who(&target) == "new" && mounts_on(&target) == 1
        })
        .await;
    });
}
