//! Recovery, as containers see it that never stop running.

use std::fs;
use std::path::PathBuf;

use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use wasser_csi::cluster::Recovered;

use crate::fuse::{RealFuse, mount_working, unmount_lazily};
use crate::namespaces::{Namespace, eventually, isolated};
use crate::node::{Node, mounts_on, who};

/// The number of times that the fuse pod dies and comes back.
const DEATHS: usize = 100;

fn replace_fuse(node: &Node, content: &str) {
    unmount_lazily(&node.fuse_path("a"));
    mount_working(&node.fuse_path("a"), content);
}

fn data(node: &Node, container: &str) -> PathBuf {
    node.config.kubelet_root.parent().unwrap().join("data").join(container)
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_hundred_deaths_leave_every_container_with_the_present_mount() {
    isolated(
        "recovery::a_hundred_deaths_leave_every_container_with_the_present_mount",
        || async {
            let node = Node::start().await;
            let (target, outside) = (node.target("p", "a"), Namespace::node());
            mount_working(&node.fuse_path("a"), "0");
            node.publish("p", "a").await.unwrap();
            let first = Namespace::container(&target, &data(&node, "first"));
            let mut second = Namespace::container(&target, &data(&node, "second"));
            let mut longest = std::time::Duration::ZERO;
            for death in 1..=DEATHS {
                let content = death.to_string();
                replace_fuse(&node, &content);
                let begin = std::time::Instant::now();
                let seen = |container: &Namespace, name: &str| who(&container.path(&data(&node, name)));
                let in_all = || {
                    let containers = [seen(&first, "first"), seen(&second, "second")];
                    containers.iter().all(|seen| *seen == content) && who(&target) == content
                };
                eventually("the new mount is seen everywhere", in_all).await;
                longest = longest.max(begin.elapsed());
                // Recovery has finished once the events have been published.
                eventually("the event", || node.cluster.events.lock().unwrap().len() == death).await;
                eventually("one mount on the target", || {
                    mounts_on(&target) == 1 && outside.mounts().count(&target) == 1
                })
                .await;
                assert!(first.mounts().count(&data(&node, "first")) <= 2);
                assert!(second.mounts().count(&data(&node, "second")) <= 2);
                // These are both containers' anchors and the newest, each with the present mount.
                eventually("few anchors", || node.anchor_mounts() <= 6).await;
                if death % 7 == 0 {
                    drop(second);
                    second = Namespace::container(&target, &data(&node, "second"));
                    assert_eq!(who(&second.path(&data(&node, "second"))), content);
                }
            }
            println!("seen in all containers after at most {longest:?}");
            fs::write(first.path(&data(&node, "first")).join("file"), "written").unwrap();
            assert_eq!(fs::read_to_string(node.fuse_path("a").join("file")).unwrap(), "written");
            assert!(
                node.cluster
                    .events
                    .lock()
                    .unwrap()
                    .iter()
                    .all(|event| *event == ("ns/a".to_owned(), Recovered::Succeeded))
            );
            drop((first, second));
            node.unpublish("p", "a").await.unwrap();
            assert_eq!(
                (
                    mounts_on(&target),
                    outside.mounts().count(&target),
                    node.anchor_mounts()
                ),
                (0, 0, 0)
            );
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn without_a_look_at_processes_no_container_is_lost_either() {
    isolated(
        "recovery::without_a_look_at_processes_no_container_is_lost_either",
        || async {
            let node = Node::start_with(|config| config.host_proc = None).await;
            let target = node.target("p", "a");
            mount_working(&node.fuse_path("a"), "0");
            node.publish("p", "a").await.unwrap();
            let mut containers = vec![Namespace::container(&target, &data(&node, "0"))];
            for death in 1..=10 {
                let content = death.to_string();
                replace_fuse(&node, &content);
                let seen = |number: usize| who(&containers[number].path(&data(&node, &number.to_string())));
                eventually("the new mount is seen everywhere", || {
                    (0..containers.len()).all(|number| seen(number) == content)
                })
                .await;
                eventually("one mount on the target", || {
                    mounts_on(&target) == 1 && who(&target) == content
                })
                .await;
                containers.push(Namespace::container(&target, &data(&node, &content)));
            }
            drop(containers);
            node.unpublish("p", "a").await.unwrap();
            assert_eq!(node.anchor_mounts(), 0);
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_process_that_dies_for_real_is_survived() {
    isolated("recovery::a_process_that_dies_for_real_is_survived", || async {
        let node = Node::start().await;
        let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
        // A FUSE mount cannot be published before it answers, so a working one comes first.
        mount_working(&fuse, "0");
        node.publish("p", "a").await.unwrap();
        let container = Namespace::container(&target, &data(&node, "c"));
        let mut process = RealFuse::mount(&fuse);
        // The new mount is on top of the old one, but does not answer: nothing must be unmounted.
        eventually("recovery has looked at it", || mounts_on(&fuse) == 2).await;
        assert_eq!(who(&container.path(&data(&node, "c"))), "0");
        process.die();
        assert_eq!(who(&target), "0");
        // The next fuse pod mounts over its dead predecessor, as many do.
        mount_working(&fuse, "1");
        eventually("the new mount in the container", || {
            who(&container.path(&data(&node, "c"))) == "1"
        })
        .await;
        eventually("one mount", || mounts_on(&target) == 1).await;
        assert!(container.mounts().count(&data(&node, "c")) <= 2);
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn dead_mounts_that_were_stacked_are_unstacked() {
    isolated("recovery::dead_mounts_that_were_stacked_are_unstacked", || async {
        let node = Node::start().await;
        let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
        mount_working(&fuse, "0");
        node.publish("p", "a").await.unwrap();
        let first = Namespace::container(&target, &data(&node, "first"));
        // Fluid's recovery mounts on top like this. The top mount is really dead.
        let elsewhere = node.fuse_path("elsewhere");
        let mut process = RealFuse::mount(&elsewhere);
        mount_bind(&elsewhere, &target).unwrap();
        process.die();
        eventually("one mount, and it works", || {
            mounts_on(&target) == 1 && who(&target) == "0"
        })
        .await;
        eventually("in the container too", || {
            who(&first.path(&data(&node, "first"))) == "0"
        })
        .await;
        let later = Namespace::container(&target, &data(&node, "later"));
        replace_fuse(&node, "1");
        eventually("the next mount in both", || {
            who(&first.path(&data(&node, "first"))) == "1" && who(&later.path(&data(&node, "later"))) == "1"
        })
        .await;
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn parts_mounted_for_sub_paths_are_recovered() {
    isolated("recovery::parts_mounted_for_sub_paths_are_recovered", || async {
        let node = Node::start().await;
        let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
        let fill = |content: &str| {
            fs::create_dir_all(fuse.join("sub/dir")).unwrap();
            fs::write(fuse.join("sub/dir/who"), format!("sub {content}")).unwrap();
            fs::write(fuse.join("sub/file"), format!("file {content}")).unwrap();
        };
        mount_working(&fuse, "0");
        fill("0");
        node.publish("p", "a").await.unwrap();
        // The kubelet does this for two `subPath`s, a directory and a file.
        let parts = node.config.kubelet_root.join("pods/p/volume-subpaths/ns-a/app");
        fs::create_dir_all(parts.join("0")).unwrap();
        fs::write(parts.join("1"), "").unwrap();
        mount_bind(target.join("sub/dir"), parts.join("0")).unwrap();
        mount_bind(target.join("sub/file"), parts.join("1")).unwrap();
        let whole = Namespace::container(&target, &data(&node, "whole"));
        let part = Namespace::container(&parts.join("0"), &data(&node, "part"));
        for death in 1..=10 {
            unmount_lazily(&fuse);
            // The parts appear after the mount: until then, recovery fails, and reports it once.
            mount_working(&fuse, &death.to_string());
            fill(&death.to_string());
            eventually("the part in its container", || {
                who(&part.path(&data(&node, "part"))) == format!("sub {death}")
            })
            .await;
            eventually("the whole in its container", || {
                who(&whole.path(&data(&node, "whole"))) == death.to_string()
            })
            .await;
            eventually("the file", || {
                fs::read_to_string(parts.join("1")).is_ok_and(|text| text == format!("file {death}"))
            })
            .await;
            for path in [&target, &parts.join("0"), &parts.join("1")] {
                eventually("one mount", || mounts_on(path) == 1).await;
            }
            assert!(part.mounts().count(&data(&node, "part")) <= 2);
        }
        // The kubelet unmounts parts by itself.
        unmount_lazily(&parts.join("0"));
        unmount_lazily(&parts.join("1"));
        drop((whole, part));
        node.unpublish("p", "a").await.unwrap();
        assert_eq!((mounts_on(&parts.join("0")), node.anchor_mounts()), (0, 0));
    });
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn read_only_stays_read_only_and_other_pods_are_left_alone() {
    isolated(
        "recovery::read_only_stays_read_only_and_other_pods_are_left_alone",
        || async {
            let node = Node::start().await;
            mount_working(&node.fuse_path("a"), "0");
            mount_working(&node.fuse_path("b"), "b");
            let mut request = node.publish_request("p", "a");
            request.readonly = true;
            node.client().await.node_publish_volume(request).await.unwrap();
            node.publish("q", "a").await.unwrap();
            node.publish("p", "b").await.unwrap();
            let (read_only, writable, other) = (node.target("p", "a"), node.target("q", "a"), node.target("p", "b"));
            let container = Namespace::container(&read_only, &data(&node, "c"));
            let before = wasser_csi::mountinfo::Table::read().unwrap().top(&other).cloned();
            // A mount inside the file system concerns only the fuse pod.
            fs::create_dir_all(node.fuse_path("a").join("inner")).unwrap();
            replace_fuse(&node, "1");
            eventually("both pods", || who(&read_only) == "1" && who(&writable) == "1").await;
            eventually("the container", || who(&container.path(&data(&node, "c"))) == "1").await;
            let error = fs::write(container.path(&data(&node, "c")).join("file"), "x").unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
            fs::write(writable.join("file"), "x").unwrap();
            assert_eq!(
                wasser_csi::mountinfo::Table::read().unwrap().top(&other).cloned(),
                before
            );
            eventually("one mount each", || {
                [&read_only, &writable, &other]
                    .iter()
                    .all(|target| mounts_on(target) == 1)
            })
            .await;
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_failure_is_reported_once_and_ends_with_its_cause() {
    isolated(
        "recovery::a_failure_is_reported_once_and_ends_with_its_cause",
        || async {
            let node = Node::start().await;
            let fuse = node.fuse_path("a");
            mount_working(&fuse, "0");
            fs::create_dir(fuse.join("sub")).unwrap();
            let mut request = node.publish_request("p", "a");
            request
                .volume_context
                .insert("fluid_sub_path".to_owned(), "sub".to_owned());
            node.client().await.node_publish_volume(request).await.unwrap();
            replace_fuse(&node, "1");
            eventually("the failure is reported", || {
                !node.cluster.events.lock().unwrap().is_empty()
            })
            .await;
            // Other mounts change a few times; the failure is known by now.
            for _ in 0..3 {
                mount_working(&node.fuse_path("b"), "b");
                unmount_lazily(&node.fuse_path("b"));
            }
            fs::create_dir(fuse.join("sub")).unwrap();
            fs::write(fuse.join("sub/who"), "sub 1").unwrap();
            eventually("recovered", || who(&node.target("p", "a")) == "sub 1").await;
            eventually("reported", || node.cluster.events.lock().unwrap().len() == 2).await;
            let events = node.cluster.events.lock().unwrap().clone();
            assert!(
                matches!(&events[0].1, Recovered::Failed(why) if why.contains("sub")),
                "{events:?}"
            );
            assert_eq!(events[1].1, Recovered::Succeeded);
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_node_plugin_that_sees_the_mount_root_as_a_slave_recovers_as_well() {
    isolated(
        "recovery::a_node_plugin_that_sees_the_mount_root_as_a_slave_recovers_as_well",
        || async {
            let node = Node::start_with(|config| {
                // With HostToContainer, the node plugin receives the fuse pods' mounts and sends
                // nothing back.
                fs::create_dir_all(&config.mount_root).unwrap();
                mount_bind(&config.mount_root, &config.mount_root).unwrap();
                mount_change(&config.mount_root, MountPropagationFlags::SHARED).unwrap();
            })
            .await;
            let target = node.target("p", "a");
            mount_working(&node.fuse_path("a"), "0");
            mount_change(node.fuse_path("a"), MountPropagationFlags::DOWNSTREAM).unwrap();
            node.publish("p", "a").await.unwrap();
            let container = Namespace::container(&target, &data(&node, "c"));
            for death in 1..=5 {
                replace_fuse(&node, &death.to_string());
                eventually("the container", || {
                    who(&container.path(&data(&node, "c"))) == death.to_string()
                })
                .await;
                eventually("one mount", || mounts_on(&target) == 1).await;
            }
        },
    );
}
