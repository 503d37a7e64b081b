//! Clients that die, hang, or lose their mount to somebody else, with nobody's help.

use std::fs;
use std::time::Duration;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use tonic::Code;

use crate::client::{Client, device};
use crate::fuse::{mount_working, unmount_lazily};
use crate::namespaces::{Namespace, PATIENCE, eventually, isolated};
use crate::node::{Node, mounts_on, who};

/// A node whose clients are looked at often.
async fn watchful() -> Node {
    Node::start_with(|config| {
        config.probe_interval = Duration::from_millis(20);
        config.probe_timeout = Duration::from_millis(200);
    })
    .await
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn the_mount_of_a_dead_client_goes_and_its_pods_get_the_next() {
    isolated(
        "clients::the_mount_of_a_dead_client_goes_and_its_pods_get_the_next",
        || async {
            let node = watchful().await;
            let (fuse, target, outside) = (node.fuse_path("a"), node.target("p", "a"), Namespace::node());
            let mut client = Client::mount(&fuse);
            let mut other = Client::mount(&node.fuse_path("b"));
            node.publish("p", "a").await.unwrap();
            node.publish("p", "b").await.unwrap();
            let data = node.config.kubelet_root.parent().unwrap().join("data");
            let container = Namespace::container(&target, &data);
            client.die();
            // One that hangs may go on, so its mount stays.
            other.hang();
            eventually("the dead mount is gone", || mounts_on(&fuse) == 0).await;
            eventually("on the node too", || outside.mounts().count(&fuse) == 0).await;
            assert_eq!(mounts_on(&target), 1);
            assert_eq!(mounts_on(&node.fuse_path("b")), 1);
            // The next client mounts only where nothing is.
            mount_working(&fuse, "next");
            eventually("the next mount in the container", || {
                who(&container.path(&data)) == "next"
            })
            .await;
            other.die();
            eventually("the other dead mount is gone", || mounts_on(&node.fuse_path("b")) == 0).await;
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_kernel_mount_that_is_stale_for_a_moment_stays() {
    isolated("clients::a_kernel_mount_that_is_stale_for_a_moment_stays", || async {
        let node = watchful().await;
        let (fuse, root) = (node.fuse_path("a"), node.config.kubelet_root.parent().unwrap());
        let [below, empty, stale] = ["below", "empty", "stale"].map(|name| root.join(name));
        // Instead of NFS: a file system of the kernel that asks a process.
        let _client = Client::mount_that_is_stale_with(&below, &stale);
        fs::create_dir_all(&fuse).unwrap();
        fs::create_dir(&empty).unwrap();
        let layers = format!("lowerdir={}:{}", below.display(), empty.display());
        let layers = std::ffi::CString::new(layers).unwrap();
        mount("JuiceFS:test", &fuse, "overlay", MountFlags::empty(), layers.as_c_str()).unwrap();
        mount_change(&fuse, MountPropagationFlags::SHARED).unwrap();
        let before = device(&fuse);
        node.stage("a").await.unwrap();
        node.publish("p", "a").await.unwrap();

        fs::write(&stale, "").unwrap();
        assert_eq!(fs::metadata(&fuse).unwrap_err().raw_os_error(), Some(116));
        node.stage("a").await.unwrap();
        assert_eq!(device(&fuse), before, "a pod has it mounted");
        node.unpublish("p", "a").await.unwrap();
        let error = node.stage("a").await.unwrap_err();
        assert_eq!(error.code(), Code::DeadlineExceeded);
        assert!(error.message().contains("may come back"), "{error}");
        assert_eq!(device(&fuse), before, "its client may run");

        fs::remove_file(&stale).unwrap();
        node.stage("a").await.unwrap();
        node.publish("p", "a").await.unwrap();
        assert_eq!(device(&node.target("p", "a")), before);
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_mount_that_somebody_else_took_away_comes_back() {
    isolated("clients::a_mount_that_somebody_else_took_away_comes_back", || async {
        let node = watchful().await;
        let (fuse, outside) = (node.fuse_path("a"), Namespace::node());
        let mut client = Client::mount(&fuse);
        let before = device(&fuse);
        let mut request = node.publish_request("p", "a");
        request.readonly = true;
        node.client().await.node_publish_volume(request).await.unwrap();
        unmount_lazily(&fuse);
        eventually("the mount is back", || device(&fuse) == before).await;
        eventually("on the node too", || outside.mounts().count(&fuse) == 1).await;
        // That of the pod is read-only, that of the client never was.
        let table = wasser_csi::mountinfo::Table::read().unwrap();
        assert!(table.top(&node.target("p", "a")).unwrap().is_read_only());
        assert!(!table.top(&fuse).unwrap().is_read_only());
        node.publish("q", "a").await.unwrap();
        assert_eq!(device(&node.target("q", "a")), before);
        // A client that has ended does not come back.
        client.die();
        eventually("the dead mount is gone", || mounts_on(&fuse) == 0).await;
        mount_working(&fuse, "next");
        eventually("the next is in both pods", || {
            who(&node.target("p", "a")) == "next" && who(&node.target("q", "a")) == "next"
        })
        .await;
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn pods_of_dead_and_hanging_clients_are_unpublished() {
    isolated("clients::pods_of_dead_and_hanging_clients_are_unpublished", || async {
        let mut node = watchful().await;
        let datasets = ["dead", "hanging", "last"];
        let mut clients: Vec<Client> = datasets
            .iter()
            .map(|name| Client::mount(&node.fuse_path(name)))
            .collect();
        for name in datasets {
            for pod in ["p", "q"] {
                node.publish(pod, name).await.unwrap();
            }
        }
        clients[0].die();
        clients[1].hang();
        // Of this one, pods have the last mounts.
        clients[2].hang();
        unmount_lazily(&node.fuse_path("last"));
        for name in datasets {
            node.unpublish("p", name).await.unwrap();
        }
        node.stop().await;
        node.run().await;
        for name in datasets {
            node.unpublish("q", name).await.unwrap();
            for pod in ["p", "q"] {
                let target = node.target(pod, name);
                assert!(mounts_on(&target) == 0 && !target.exists(), "{name} in {pod}");
            }
        }
        assert_eq!(node.anchor_mounts(), 0);
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_client_is_asked_once_for_each_pod() {
    isolated("clients::a_client_is_asked_once_for_each_pod", || async {
        let node = Node::start_and_settle(|config| {
            config.probe_interval = Duration::from_secs(3600);
            // A question that is given up is asked again.
            config.probe_timeout = PATIENCE;
            config.publish_timeout = PATIENCE;
        })
        .await;
        // It hangs right after it has said that it works: nothing else may wait for it.
        let _client = Client::mount_with(&node.fuse_path("a"), 1);
        let published = tokio::time::timeout(PATIENCE, node.publish("p", "a")).await;
        published.expect("an answer, although the client hangs").unwrap();
        assert_eq!(mounts_on(&node.target("p", "a")), 1);
        node.unpublish("p", "a").await.unwrap();
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_link_is_never_made_into_a_file_system() {
    isolated("clients::a_link_is_never_made_into_a_file_system", || async {
        let node = Node::start_with(|config| config.symlink = true).await;
        let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
        mount_working(&fuse, "whole");
        fs::create_dir(fuse.join("sub")).unwrap();
        fs::write(fuse.join("sub/who"), "part").unwrap();
        let mut request = node.publish_request("p", "a");
        request
            .volume_context
            .insert("fluid_sub_path".to_owned(), "sub".to_owned());
        node.client().await.node_publish_volume(request).await.unwrap();
        // Whoever writes to the file system could replace the directory later.
        fs::rename(fuse.join("sub"), fuse.join("moved")).unwrap();
        std::os::unix::fs::symlink("/", fuse.join("sub")).unwrap();
        assert!(!target.is_symlink() && mounts_on(&target) == 1);
        assert_eq!(who(&target), "part");
        node.unpublish("p", "a").await.unwrap();
        assert!(!target.exists());
        node.publish("p", "a").await.unwrap();
        assert_eq!(fs::read_link(&target).unwrap(), fuse);
        node.unpublish("p", "a").await.unwrap();
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn volumes_that_cannot_be_read_hold_up_nobody() {
    isolated("clients::volumes_that_cannot_be_read_hold_up_nobody", || async {
        let mut node = watchful().await;
        node.stop().await;
        for name in ["a", "b", "c"] {
            mount_working(&node.fuse_path(name), "old");
            let target = node.target("p", name);
            fs::create_dir_all(&target).unwrap();
            mount_bind(node.fuse_path(name), &target).unwrap();
            let note = format!(r#"{{"driverName":"fuse.csi.fluid.io","specVolID":"ns-{name}"}}"#);
            fs::write(target.with_file_name("vol_data.json"), note).unwrap();
            node.create_volume(name);
        }
        let broken = ("fluid_path".to_owned(), "relative".to_owned());
        let volumes = &node.cluster.volumes;
        volumes
            .lock()
            .unwrap()
            .get_mut("ns-a")
            .unwrap()
            .attributes
            .extend([broken]);
        node.cluster.unreadable.lock().unwrap().insert("ns-b".to_owned());
        // Nobody answers, and the sockets are served all the same.
        node.cluster.silent.store(true, std::sync::atomic::Ordering::Release);
        node.run().await;
        node.stop().await;
        node.cluster.silent.store(false, std::sync::atomic::Ordering::Release);
        node.run().await;
        for name in ["b", "c"] {
            unmount_lazily(&node.fuse_path(name));
            mount_working(&node.fuse_path(name), "new");
            eventually("the new file system is in the pod", || {
                who(&node.target("p", name)) == "new"
            })
            .await;
        }
        assert_eq!(who(&node.target("p", "a")), "old");
    });
}
