//! Volumes that show a directory of another one: those of references, and `subPath`s in them.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::mount::mount_bind;
use tonic::Code;
use wasser_csi::mountinfo::Table;
use wasser_csi::proto::csi;

use crate::fuse::{mount_working, unmount_lazily};
use crate::namespaces::{eventually, isolated};
use crate::node::{Node, mounts_on, who};

/// A request for a directory of `ns/a` in the pod `p`.
fn directory(node: &Node, sub_path: &str, more: &[(&str, &str)]) -> csi::NodePublishVolumeRequest {
    let mut request = node.publish_request("p", "a");
    let attributes = [("fluid_sub_path", sub_path)].into_iter().chain(more.iter().copied());
    let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
    request.volume_context.extend(attributes);
    request
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_directory_that_is_a_mount_of_its_own_follows_that_mount() {
    isolated(
        "directories::a_directory_that_is_a_mount_of_its_own_follows_that_mount",
        || async {
            let node = Node::start_with(|config| config.publish_timeout = std::time::Duration::from_millis(300)).await;
            // The client makes the directory, and mounts two file systems below it.
            let (whole, target) = (node.fuse_path("a"), node.target("p", "a"));
            let (photos, films) = (whole.join("photos"), whole.join("films"));
            fs::create_dir_all(photos.join("old")).unwrap();
            let request = directory(
                &node,
                "photos/old",
                &[("fluid.io/skip-check-mount-ready-target", "All")],
            );
            let publish = || async { node.client().await.node_publish_volume(request.clone()).await };
            let error = publish().await.unwrap_err();
            assert_eq!(
                (error.code(), mounts_on(&target)),
                (Code::DeadlineExceeded, 0),
                "{error}"
            );
            assert!(
                error
                    .message()
                    .contains("nothing of type JuiceFS is mounted there, or on the way to photos/old"),
                "{error}"
            );

            let fill = |content: &str| {
                mount_working(&photos, "whole");
                fs::create_dir(photos.join("old")).unwrap();
                fs::write(photos.join("old/who"), content).unwrap();
            };
            mount_working(&films, "films");
            fill("old photos");
            publish().await.unwrap();
            assert_eq!(who(&target), "old photos");

            unmount_lazily(&photos);
            // While it is away, the directory below is none of the volume.
            publish().await.unwrap();
            assert_eq!((who(&target).as_str(), mounts_on(&whole)), ("old photos", 0));
            fill("new photos");
            eventually("the new mount", || {
                who(&target) == "new photos" && mounts_on(&target) == 1
            })
            .await;
            assert_eq!((who(&films).as_str(), mounts_on(&whole)), ("films", 0));
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_sub_path_does_not_leave_its_volume_by_a_link() {
    isolated(
        "directories::a_sub_path_does_not_leave_its_volume_by_a_link",
        || async {
            let node = Node::start().await;
            let (fuse, target) = (node.fuse_path("a"), node.target("p", "a"));
            let fill = || {
                for (path, content) in [("team-a", "a"), ("team-a/y", "a y"), ("team-b", "b")] {
                    fs::create_dir_all(fuse.join(path)).unwrap();
                    fs::write(fuse.join(path).join("who"), content).unwrap();
                }
            };
            mount_working(&fuse, "0");
            fill();
            fs::create_dir(fuse.join("team-a/x")).unwrap();
            fs::write(fuse.join("team-a/x/who"), "a x").unwrap();
            let request = directory(&node, "team-a", &[]);
            node.client().await.node_publish_volume(request).await.unwrap();
            let parts = node.config.kubelet_root.join("pods/p/volume-subpaths/ns-a/app");
            for (number, part) in ["x", "y"].iter().enumerate() {
                fs::create_dir_all(parts.join(number.to_string())).unwrap();
                mount_bind(target.join(part), parts.join(number.to_string())).unwrap();
            }
            unmount_lazily(&fuse);
            mount_working(&fuse, "1");
            fill();
            symlink("../team-b", fuse.join("team-a/x")).unwrap();
            eventually("the other part", || {
                who(&parts.join("1")) == "a y" && device(&parts.join("1")) == device(&fuse)
            })
            .await;
            assert_eq!(who(&parts.join("0")), "a x", "its old mount stays");
            fs::remove_file(fuse.join("team-a/x")).unwrap();
            fs::create_dir(fuse.join("team-a/x")).unwrap();
            fs::write(fuse.join("team-a/x/who"), "a x again").unwrap();
            eventually("the part", || who(&parts.join("0")) == "a x again").await;
        },
    );
}

fn device(path: &std::path::Path) -> Option<String> {
    Table::read().unwrap().top(path).map(|mount| mount.device.clone())
}
