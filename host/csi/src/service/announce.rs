//! The announcement of the driver to the kubelet.
//!
//! The kubelet watches a directory for sockets, and asks each for the driver behind it: one service
//! with two methods. A sidecar usually does this. It costs an image, a container with its memory,
//! and a second process that must agree with this one on paths. Built in, the driver is announced
//! exactly while its own socket is served, and the log shows if the kubelet refuses it.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::service::health::Health;
use crate::service::proto::registration as api;
use crate::service::proto::registration::registration_server::Registration;

/// The kubelet's name for CSI drivers.
const PLUGIN_TYPE: &str = "CSIPlugin";
/// The versions of CSI for the kubelet, which treats all of 1.x alike.
const VERSIONS: [&str; 1] = ["1.0.0"];

/// The service that answers the kubelet. A restarted kubelet asks again.
#[derive(Debug, Clone)]
pub struct AnnounceService {
    driver: String,
    endpoint: String,
    health: Arc<Health>,
}

impl AnnounceService {
    /// Returns the service for a driver with its CSI socket. `health` learns what the kubelet says.
    pub fn new(driver: String, endpoint: String, health: Arc<Health>) -> Self {
        Self {
            driver,
            endpoint,
            health,
        }
    }
}

#[async_trait::async_trait]
impl Registration for AnnounceService {
    async fn get_info(&self, _: Request<api::InfoRequest>) -> Result<Response<api::PluginInfo>, Status> {
        Ok(Response::new(api::PluginInfo {
            r#type: PLUGIN_TYPE.to_owned(),
            name: self.driver.clone(),
            endpoint: self.endpoint.clone(),
            supported_versions: VERSIONS.map(str::to_owned).to_vec(),
        }))
    }

    async fn notify_registration_status(
        &self,
        request: Request<api::RegistrationStatus>,
    ) -> Result<Response<api::RegistrationStatusResponse>, Status> {
        let status = request.into_inner();
        if status.plugin_registered {
            tracing::info!(driver = %self.driver, "registered with the kubelet");
            self.health.registered();
        } else {
            // The kubelet tries again by itself, with growing pauses.
            tracing::error!(driver = %self.driver, error = %status.error, "the kubelet refuses the node plugin");
            self.health.refused(&status.error);
        }
        Ok(Response::new(api::RegistrationStatusResponse {}))
    }
}
