//! Volumes whose fuse pods need a session manager on their node.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use tonic::{Code, Status};

use crate::namespaces::{PATIENCE, eventually, isolated};
use crate::node::Node;

const LABEL: &str = "fluid.io/efc-sessmgr";

impl Node {
    fn sockets(&self) -> PathBuf {
        self.config.mount_root.join("efc-sock")
    }

    /// Stages a volume that names a directory for the session manager.
    async fn stage_with(&self, directory: &str) -> Result<(), Status> {
        let mut context = self.attributes("a");
        context.insert("efc_sessmgr_workdir".to_owned(), directory.to_owned());
        let request = wasser_csi::proto::csi::NodeStageVolumeRequest {
            volume_id: "ns-a".to_owned(),
            staging_target_path: "/unused".to_owned(),
            volume_capability: self.publish_request("p", "a").volume_capability,
            volume_context: context,
            ..Default::default()
        };
        let staged = self.client().await.node_stage_volume(request).await;
        staged.map(drop)
    }

    async fn stage_and_wait(&self) -> Result<(), Status> {
        self.stage_with(&self.sockets().display().to_string()).await
    }

    fn labels(&self) -> Vec<String> {
        self.cluster.labels.lock().unwrap().iter().cloned().collect()
    }
}

/// A node that waits so long for a session manager.
async fn patient(patience: Duration) -> Node {
    Node::start_with(|config| config.session_timeout = patience).await
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_fuse_pod_is_brought_once_the_session_manager_listens() {
    isolated(
        "session_manager::a_fuse_pod_is_brought_once_the_session_manager_listens",
        || async {
            let node = patient(PATIENCE).await;
            let staged = node.stage_and_wait();
            let listening = async {
                eventually("the label of the session manager", || node.labels() == [LABEL]).await;
                // What is there is not yet the socket.
                std::fs::create_dir_all(node.sockets()).unwrap();
                std::fs::write(node.sockets().join("sessmgrd.sock.new"), "").unwrap();
                UnixListener::bind(node.sockets().join("sessmgrd.sock")).unwrap()
            };
            let (staged, _listener) = tokio::join!(staged, listening);
            staged.unwrap();
            assert_eq!(node.labels(), [LABEL, "fluid.io/f-ns-a"]);
            // One that listens is not waited for, and stays with the fuse pod.
            node.stage_and_wait().await.unwrap();
            node.create_volume("a");
            node.unstage("a").await.unwrap();
            assert_eq!(node.labels(), [LABEL, "fluid.io/f-ns-a"]);
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_session_manager_that_does_not_come_is_named() {
    isolated(
        "session_manager::a_session_manager_that_does_not_come_is_named",
        || async {
            let node = patient(Duration::from_millis(10)).await;
            for other in ["nothing", "a file"] {
                let error = node.stage_and_wait().await.unwrap_err();
                assert_eq!(error.code(), Code::DeadlineExceeded, "{other}");
                for part in [
                    "efc-sock/sessmgrd.sock within 10ms",
                    "node node1",
                    "efc.sessionManager.enabled",
                ] {
                    assert!(error.message().contains(part), "{other}: {error}");
                }
                assert_eq!(node.labels(), [LABEL], "no fuse pod is brought: {other}");
                std::fs::create_dir_all(node.sockets()).unwrap();
                std::fs::write(node.sockets().join("sessmgrd.sock"), "").unwrap();
            }
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_session_manager_is_below_the_mount_root_only() {
    isolated(
        "session_manager::a_session_manager_is_below_the_mount_root_only",
        || async {
            let node = patient(PATIENCE).await;
            let outside = node.config.kubelet_root.display().to_string();
            let root = node.config.mount_root.display().to_string();
            std::os::unix::fs::symlink("/run", node.config.mount_root.join("link")).unwrap();
            let link = format!("{root}/link");
            let upwards = format!("{root}/../kubelet");
            for directory in [outside, root, upwards, link, "relative".to_owned()] {
                let error = node.stage_with(&directory).await.unwrap_err();
                assert_eq!(error.code(), Code::InvalidArgument, "{directory}: {error}");
                assert!(!node.labels().contains(&"fluid.io/f-ns-a".to_owned()), "{directory}");
            }
        },
    );
}

#[test]
#[ignore = "needs root and mount namespaces"]
fn a_label_that_somebody_has_removed_comes_back_with_the_next_pod() {
    isolated(
        "session_manager::a_label_that_somebody_has_removed_comes_back_with_the_next_pod",
        || async {
            let node = Node::start_with(|config| config.publish_timeout = Duration::from_millis(10)).await;
            let mut request = node.publish_request("p", "a");
            let directory = node.sockets().display().to_string();
            request
                .volume_context
                .insert("efc_sessmgr_workdir".to_owned(), directory);
            let error = node.client().await.node_publish_volume(request).await.unwrap_err();
            assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
            assert_eq!(node.labels(), [LABEL, "fluid.io/f-ns-a"]);
            // Others have no such label.
            node.cluster.labels.lock().unwrap().clear();
            node.stage("b").await.unwrap();
            assert_eq!(node.labels(), ["fluid.io/f-ns-b"]);
        },
    );
}
