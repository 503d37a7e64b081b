//! The CSI node service: the kubelet's calls for each volume and pod.
//!
//! *Stage* runs before the first pod of a volume on the node, and brings the fuse pod. *Publish*
//! waits for it and puts the volume into a pod. *Unpublish* and *unstage* undo both.
//!
//! # Invariants
//! * Every call can be repeated, after a lost answer or a restart of either side, and then has the
//!   same result.
//! * A call that has begun runs to its end, even if the kubelet gives up on it.
//! * A call holds the lock of its volume or target for all its work, so that neither another call
//!   nor recovery works on it.

mod generation;
mod publish;
mod required;
mod session_manager;
mod stage;
mod unpublish;
mod unstage;

use std::sync::Arc;
use std::time::Instant;

use tonic::{Request, Response, Status};

use crate::context::Context;
use crate::error::Error;
use crate::service::proto::csi;
use crate::service::proto::csi::node_server::Node;
use crate::service::proto::csi::node_service_capability::{Rpc, Type, rpc};

/// The service for the kubelet.
#[derive(Debug, Clone)]
pub struct NodeService {
    context: Arc<Context>,
}

impl NodeService {
    /// Returns the service in a context.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// Runs a call to its end even if the kubelet gives up on it: an abandoned call would hold what
    /// the next one needs.
    async fn call<T, F>(&self, name: &'static str, volume: &str, target: &str, work: F) -> Result<Response<T>, Status>
    where
        T: Default + Send + 'static,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let begin = Instant::now();
        let result = tokio::spawn(work).await.unwrap_or_else(|error| Err(error.into()));
        let took = begin.elapsed();
        match result {
            Ok(()) => {
                tracing::info!(call = name, volume, target, ?took, "done");
                Ok(Response::new(T::default()))
            }
            Err(error) => {
                tracing::warn!(call = name, volume, target, ?took, %error, "failed");
                Err(error.into())
            }
        }
    }
}

#[async_trait::async_trait]
impl Node for NodeService {
    async fn node_get_info(
        &self,
        _: Request<csi::NodeGetInfoRequest>,
    ) -> Result<Response<csi::NodeGetInfoResponse>, Status> {
        Ok(Response::new(csi::NodeGetInfoResponse {
            node_id: self.context.config.node_id.clone(),
            ..Default::default()
        }))
    }

    async fn node_get_capabilities(
        &self,
        _: Request<csi::NodeGetCapabilitiesRequest>,
    ) -> Result<Response<csi::NodeGetCapabilitiesResponse>, Status> {
        let stage = csi::NodeServiceCapability {
            r#type: Some(Type::Rpc(Rpc {
                r#type: rpc::Type::StageUnstageVolume.into(),
            })),
        };
        Ok(Response::new(csi::NodeGetCapabilitiesResponse {
            capabilities: vec![stage],
        }))
    }

    async fn node_stage_volume(
        &self,
        request: Request<csi::NodeStageVolumeRequest>,
    ) -> Result<Response<csi::NodeStageVolumeResponse>, Status> {
        let request = request.into_inner();
        let volume = request.volume_id.clone();
        self.call("stage", &volume, "", stage::stage(self.context.clone(), request))
            .await
    }

    async fn node_unstage_volume(
        &self,
        request: Request<csi::NodeUnstageVolumeRequest>,
    ) -> Result<Response<csi::NodeUnstageVolumeResponse>, Status> {
        let request = request.into_inner();
        let volume = request.volume_id.clone();
        self.call("unstage", &volume, "", unstage::unstage(self.context.clone(), request))
            .await
    }

    async fn node_publish_volume(
        &self,
        request: Request<csi::NodePublishVolumeRequest>,
    ) -> Result<Response<csi::NodePublishVolumeResponse>, Status> {
        let request = request.into_inner();
        let (volume, target) = (request.volume_id.clone(), request.target_path.clone());
        self.call(
            "publish",
            &volume,
            &target,
            publish::publish(self.context.clone(), request),
        )
        .await
    }

    async fn node_unpublish_volume(
        &self,
        request: Request<csi::NodeUnpublishVolumeRequest>,
    ) -> Result<Response<csi::NodeUnpublishVolumeResponse>, Status> {
        let request = request.into_inner();
        let (volume, target) = (request.volume_id.clone(), request.target_path.clone());
        self.call(
            "unpublish",
            &volume,
            &target,
            unpublish::unpublish(self.context.clone(), request),
        )
        .await
    }
}
