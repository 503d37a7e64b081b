//! Clients that leave, and the pods that come meanwhile.

use std::time::Duration;

use tonic::Code;

use crate::fuse::{RealFuse, mount_working, unmount_lazily};
use crate::namespaces::isolated;
use crate::node::{Node, mounts_on, who};

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_pod_that_comes_while_the_client_leaves_gets_the_next_one() {
    isolated(
        "leaving::a_pod_that_comes_while_the_client_leaves_gets_the_next_one",
        || async {
            let node = Node::start_with(|config| config.publish_timeout = Duration::from_millis(300)).await;
            node.create_volume("a");
            node.policy("OnDemand");
            mount_working(&node.fuse_path("a"), "first");
            node.stage("a").await.unwrap();
            node.publish("p", "a").await.unwrap();
            node.unpublish("p", "a").await.unwrap();
            node.unstage("a").await.unwrap();

            // The client has its grace period, and answers: the label would keep it only by chance.
            let error = node.stage("a").await.unwrap_err();
            assert_eq!(error.code(), Code::DeadlineExceeded);
            assert!(error.message().contains("the next one follows"), "{error}");
            assert!(!node.is_labelled());

            unmount_lazily(&node.fuse_path("a"));
            node.stage("a").await.unwrap();
            assert!(node.is_labelled());
            mount_working(&node.fuse_path("a"), "second");
            node.publish("p", "a").await.unwrap();
            assert_eq!(who(&node.target("p", "a")), "second");
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_client_leaves_although_the_answer_is_lost() {
    isolated("leaving::a_client_leaves_although_the_answer_is_lost", || async {
        let mut node = Node::start_with(|config| config.publish_timeout = Duration::from_millis(300)).await;
        node.create_volume("a");
        node.policy("OnDemand");
        mount_working(&node.fuse_path("a"), "first");
        node.stage("a").await.unwrap();
        // Refused, and so not removed: the client stays, and serves the next pod.
        node.cluster.failures.lock().unwrap().push_back(true);
        assert_eq!(node.unstage("a").await.unwrap_err().code(), Code::Unavailable);
        node.stage("a").await.unwrap();
        assert!(node.is_labelled());
        // Removed, but nobody knows; the next process does not either.
        node.cluster.failures.lock().unwrap().push_back(false);
        assert_eq!(node.unstage("a").await.unwrap_err().code(), Code::Unavailable);
        node.stop().await;
        node.run().await;
        let error = node.stage("a").await.unwrap_err();
        assert!(error.message().contains("the next one follows"), "{error}");
        assert!(!node.is_labelled());
        unmount_lazily(&node.fuse_path("a"));
        node.stage("a").await.unwrap();
        assert!(node.is_labelled());
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_client_that_dies_while_it_leaves_is_not_waited_for() {
    isolated(
        "leaving::a_client_that_dies_while_it_leaves_is_not_waited_for",
        || async {
            let node = Node::start().await;
            node.create_volume("a");
            node.policy("OnDemand");
            let mut client = RealFuse::mount(&node.fuse_path("a"));
            node.stage("a").await.unwrap();
            node.unstage("a").await.unwrap();
            client.die();
            node.stage("a").await.unwrap();
            assert!(node.is_labelled());
            assert_eq!(mounts_on(&node.fuse_path("a")), 0);
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_client_that_never_leaves_is_used_in_the_end() {
    isolated("leaving::a_client_that_never_leaves_is_used_in_the_end", || async {
        let node = Node::start_with(|config| config.leave_timeout = Duration::from_millis(300)).await;
        node.create_volume("a");
        node.policy("OnDemand");
        mount_working(&node.fuse_path("a"), "first");
        node.stage("a").await.unwrap();
        node.unstage("a").await.unwrap();
        node.stage("a").await.unwrap();
        node.publish("p", "a").await.unwrap();
        assert_eq!(who(&node.target("p", "a")), "first");
    });
}
