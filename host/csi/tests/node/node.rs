//! A node: directories, a running node plugin, and the calls of a kubelet.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Response, Status};
use wasser_csi::cluster::Volume;
use wasser_csi::error::Error;
use wasser_csi::mountinfo::Table;
use wasser_csi::proto::csi;
use wasser_csi::proto::csi::node_client::NodeClient;
use wasser_csi::proto::csi::volume_capability::{AccessMode, AccessType, MountVolume, access_mode::Mode};
use wasser_csi::{Config, Health};

use crate::cluster::FakeCluster;
use crate::fuse::RealFuse;
use crate::namespaces::{self, eventually};

/// A node with a node plugin.
pub struct Node {
    pub config: Config,
    pub cluster: Arc<FakeCluster>,
    pub health: Arc<Health>,
    /// A dataset whose fuse pod mounts at the path of another one's.
    pub same_path: Option<(&'static str, &'static str)>,
    running: Option<(CancellationToken, JoinHandle<Result<(), Error>>)>,
}

impl Node {
    /// Returns a node with a running node plugin.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Returns a node with a running node plugin that has other settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let path = namespaces::directory();
        // The node's root is a shared mount, like that of a real node.
        mount("node", &path, "tmpfs", MountFlags::empty(), None).unwrap();
        mount_change(&path, MountPropagationFlags::SHARED).unwrap();
        std::fs::create_dir_all(path.join("kubelet/plugins_registry")).unwrap();
        let mut config = Config::new("node1", path.join("kubelet"), path.join("mnt"));
        config.work_dir = path.join("work");
        config.host_proc = Some(PathBuf::from("/proc"));
        config.publish_timeout = Duration::from_secs(10);
        config.probe_timeout = Duration::from_millis(500);
        change(&mut config);
        let mut node = Self {
            config,
            cluster: Arc::default(),
            health: Arc::default(),
            same_path: None,
            running: None,
        };
        node.run().await;
        node
    }

    /// Returns a node whose node plugin has finished looking at what earlier processes left.
    pub async fn start_and_settle(change: impl FnOnce(&mut Config)) -> Self {
        let mut node = Self::start_with(change).await;
        node.stop().await;
        let left = node.fuse_path("left");
        RealFuse::mount(&left).die();
        node.run().await;
        eventually("the dead mount of an earlier process is gone", || mounts_on(&left) == 0).await;
        node
    }

    /// Starts the node plugin.
    pub async fn run(&mut self) {
        let stop = CancellationToken::new();
        let task = tokio::spawn(wasser_csi::serve(
            self.config.clone(),
            self.cluster.clone(),
            self.health.clone(),
            stop.clone(),
        ));
        let registration = self.config.registration_socket();
        while !registration.exists() {
            assert!(!task.is_finished(), "the node plugin ended: {:?}", task.await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.running = Some((stop, task));
    }

    /// Stops the node plugin.
    pub async fn stop(&mut self) {
        let (stop, task) = self.running.take().unwrap();
        stop.cancel();
        task.await.unwrap().unwrap();
        assert!(!self.config.endpoint.exists() && !self.config.registration_socket().exists());
    }

    /// Connects to a socket.
    pub async fn channel(path: &Path) -> Channel {
        let path = path.to_owned();
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        Endpoint::from_static("http://driver")
            .connect_with_connector(connector)
            .await
            .unwrap()
    }

    /// Returns a client of the node service.
    pub async fn client(&self) -> NodeClient<Channel> {
        NodeClient::new(Self::channel(&self.config.endpoint).await)
    }

    /// Returns the path at which the fuse pod of a dataset mounts.
    pub fn fuse_path(&self, dataset: &str) -> PathBuf {
        let dataset = match self.same_path {
            Some((one, other)) if one == dataset => other,
            _ => dataset,
        };
        self.config
            .mount_root
            .join(format!("juicefs/ns/{dataset}/juicefs-fuse"))
    }

    /// Returns the target of a dataset in a pod.
    pub fn target(&self, pod: &str, dataset: &str) -> PathBuf {
        self.config
            .kubelet_root
            .join(format!("pods/{pod}/volumes/kubernetes.io~csi/ns-{dataset}/mount"))
    }

    /// Returns the attributes that the control plane writes.
    pub fn attributes(&self, dataset: &str) -> HashMap<String, String> {
        let pairs = [
            ("fluid_path", self.fuse_path(dataset).display().to_string()),
            ("mount_type", "JuiceFS".to_owned()),
            ("runtime_namespace", "ns".to_owned()),
            ("runtime_name", dataset.to_owned()),
            ("mount_pod_node_selector_key", format!("fluid.io/f-ns-{dataset}")),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Adds a dataset's volume to the API server.
    pub fn create_volume(&self, dataset: &str) {
        let volume = Volume {
            handle: format!("ns-{dataset}"),
            attributes: self.attributes(dataset),
            read_only: false,
            claim: Some(("ns".to_owned(), dataset.to_owned())),
        };
        self.cluster
            .volumes
            .lock()
            .unwrap()
            .insert(format!("ns-{dataset}"), volume);
    }

    /// Returns the kubelet's request to publish a dataset in a pod, for reading and writing.
    pub fn publish_request(&self, pod: &str, dataset: &str) -> csi::NodePublishVolumeRequest {
        csi::NodePublishVolumeRequest {
            volume_id: format!("ns-{dataset}"),
            target_path: self.target(pod, dataset).display().to_string(),
            volume_capability: Some(capability(Mode::MultiNodeMultiWriter)),
            volume_context: self.attributes(dataset),
            ..Default::default()
        }
    }

    pub async fn stage(&self, dataset: &str) -> Result<Response<csi::NodeStageVolumeResponse>, Status> {
        self.stage_as(dataset, dataset).await
    }

    /// Stages the volume of a dataset that refers to another one.
    pub async fn stage_as(
        &self,
        volume: &str,
        dataset: &str,
    ) -> Result<Response<csi::NodeStageVolumeResponse>, Status> {
        let request = csi::NodeStageVolumeRequest {
            volume_id: format!("ns-{volume}"),
            staging_target_path: self.config.kubelet_root.join("plugins/global").display().to_string(),
            volume_capability: Some(capability(Mode::MultiNodeMultiWriter)),
            volume_context: self.attributes(dataset),
            ..Default::default()
        };
        self.client().await.node_stage_volume(request).await
    }

    pub async fn unstage(&self, dataset: &str) -> Result<Response<csi::NodeUnstageVolumeResponse>, Status> {
        let request = csi::NodeUnstageVolumeRequest {
            volume_id: format!("ns-{dataset}"),
            staging_target_path: self.config.kubelet_root.join("plugins/global").display().to_string(),
        };
        self.client().await.node_unstage_volume(request).await
    }

    pub async fn publish(&self, pod: &str, dataset: &str) -> Result<Response<csi::NodePublishVolumeResponse>, Status> {
        self.client()
            .await
            .node_publish_volume(self.publish_request(pod, dataset))
            .await
    }

    pub async fn unpublish(
        &self,
        pod: &str,
        dataset: &str,
    ) -> Result<Response<csi::NodeUnpublishVolumeResponse>, Status> {
        let request = csi::NodeUnpublishVolumeRequest {
            volume_id: format!("ns-{dataset}"),
            target_path: self.target(pod, dataset).display().to_string(),
        };
        self.client().await.node_unpublish_volume(request).await
    }

    /// Returns the number of mounts that the node plugin keeps as anchors.
    pub fn anchor_mounts(&self) -> usize {
        let anchors = self.config.driver_dir().join("anchors");
        Table::read()
            .unwrap()
            .iter()
            .filter(|mount| mount.mount_point.starts_with(&anchors))
            .count()
    }
}

/// Returns a capability to mount.
pub fn capability(mode: Mode) -> csi::VolumeCapability {
    csi::VolumeCapability {
        access_mode: Some(AccessMode { mode: mode.into() }),
        access_type: Some(AccessType::Mount(MountVolume::default())),
    }
}

/// Returns the number of mounts on a path.
pub fn mounts_on(path: &Path) -> usize {
    Table::read().unwrap().count(path)
}

/// Returns the name of the file system that a directory belongs to.
pub fn who(path: &Path) -> String {
    std::fs::read_to_string(path.join("who")).unwrap_or_else(|error| error.to_string())
}
