//! The CSI project's own test suite. `cargo xtask test` builds it from the Go module in
//! `tests/cluster/programs/csi-sanity` and names it in `CSI_SANITY`.

use std::process::Command;

use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use wasser_csi::identity::IdentityService;
use wasser_csi::proto::csi;
use wasser_csi::proto::csi::controller_server::{Controller, ControllerServer};
use wasser_csi::proto::csi::controller_service_capability::{Rpc, Type};
use wasser_csi::proto::csi::identity_server::IdentityServer;

use crate::namespaces::isolated;
use crate::node::Node;

/// A controller without capabilities, because the suite expects one.
struct NoController;

#[tonic::async_trait]
impl Controller for NoController {
    async fn controller_get_capabilities(
        &self,
        _: Request<csi::ControllerGetCapabilitiesRequest>,
    ) -> Result<Response<csi::ControllerGetCapabilitiesResponse>, Status> {
        // Its type is UNKNOWN.
        let nothing = csi::ControllerServiceCapability {
            r#type: Some(Type::Rpc(Rpc::default())),
        };
        Ok(Response::new(csi::ControllerGetCapabilitiesResponse {
            capabilities: vec![nothing],
        }))
    }
}

#[test]
#[ignore = "needs root, mount namespaces and csi-sanity, named by CSI_SANITY"]
fn the_csi_sanity_suite_passes() {
    let Some(suite) = std::env::var_os("CSI_SANITY") else {
        println!("skipped: CSI_SANITY names no binary");
        return;
    };
    isolated("sanity::the_csi_sanity_suite_passes", || async move {
        let node = Node::start().await;
        let directory = node.config.kubelet_root.join("sanity");
        std::fs::create_dir_all(&directory).unwrap();
        let controller = node.config.endpoint.with_file_name("controller.sock");
        let identity = IdentityServer::new(IdentityService::new(wasser_csi::DRIVER.to_owned()));
        let controller_services = Server::builder()
            .add_service(ControllerServer::new(NoController))
            .add_service(identity);
        let incoming = UnixListenerStream::new(UnixListener::bind(&controller).unwrap());
        tokio::spawn(controller_services.serve_with_incoming(incoming));
        let sockets = [&node.config.endpoint, &controller];
        let [endpoint, controller] = sockets.map(|path| format!("unix://{}", path.display()));
        let run = tokio::task::spawn_blocking(move || {
            Command::new(suite)
                .args(["-csi.endpoint", &endpoint, "-csi.controllerendpoint", &controller])
                // The suite tests the offered services, without the two cases that need a volume
                // made by a controller; `faults` has the same.
                .args(["-ginkgo.focus", "Identity Service|Node Service"])
                .args([
                    "-ginkgo.skip",
                    "Controller|should remove target path|NodeStageVolume should fail when no volume capability",
                ])
                .args(["-csi.mountdir".as_ref(), directory.join("mount").as_os_str()])
                .args(["-csi.stagingdir".as_ref(), directory.join("stage").as_os_str()])
                .status()
        });
        assert!(run.await.unwrap().unwrap().success());
    });
}
