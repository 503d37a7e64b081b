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
