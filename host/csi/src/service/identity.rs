//! The CSI identity service.

use tonic::{Request, Response, Status};

use crate::service::proto::csi;
use crate::service::proto::csi::identity_server::Identity;

/// The service that identifies the driver. It offers nothing to a controller, because the operator
/// makes volumes, not a provisioner.
#[derive(Debug, Clone)]
pub struct IdentityService {
    driver: String,
}

impl IdentityService {
    /// Returns the service of a driver.
    pub fn new(driver: String) -> Self {
        Self { driver }
    }
}

#[async_trait::async_trait]
impl Identity for IdentityService {
    async fn get_plugin_info(
        &self,
        _: Request<csi::GetPluginInfoRequest>,
    ) -> Result<Response<csi::GetPluginInfoResponse>, Status> {
        Ok(Response::new(csi::GetPluginInfoResponse {
            name: self.driver.clone(),
            vendor_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        }))
    }

    async fn get_plugin_capabilities(
        &self,
        _: Request<csi::GetPluginCapabilitiesRequest>,
    ) -> Result<Response<csi::GetPluginCapabilitiesResponse>, Status> {
        Ok(Response::new(csi::GetPluginCapabilitiesResponse {
            capabilities: Vec::new(),
        }))
    }

    async fn probe(&self, _: Request<csi::ProbeRequest>) -> Result<Response<csi::ProbeResponse>, Status> {
        Ok(Response::new(csi::ProbeResponse { ready: Some(true) }))
    }
}
