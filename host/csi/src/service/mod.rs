//! The services for the kubelet, from start to stop.
//!
//! # Invariants
//! * Only root can connect to a socket. It is removed when it is no longer served, after a kill by
//!   the next process, whose own socket stays.
//! * The driver is announced after its own socket has been created, by the same process: the
//!   kubelet never gets a path that nobody serves.
//! * Nothing that can take long delays the sockets: neither a file system that hangs nor the API
//!   server.
//! * A stop finishes the calls that are under way, and leaves all mounts: pods keep their data
//!   while the node plugin is replaced.

mod announce;
mod authority;
pub mod health;
pub mod identity;
mod node;
pub mod proto;
mod socket;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::cluster::Cluster;
use crate::config::Config;
use crate::context::Context;
use crate::error::Error;
use crate::recovery::{self, orphans};
use crate::service::announce::AnnounceService;
use crate::service::health::Health;
use crate::service::identity::IdentityService;
use crate::service::node::NodeService;
use crate::service::proto::csi::identity_server::IdentityServer;
use crate::service::proto::csi::node_server::NodeServer;
use crate::service::proto::registration::registration_server::RegistrationServer;
use crate::service::socket::Socket;

/// How often it is looked whether the sockets are there.
const SOCKETS: Duration = Duration::from_secs(30);

/// Serves the kubelet until `stop`. Finishes calls that are under way, and leaves mounts in place.
/// `health` shows meanwhile whether the kubelet has taken the driver.
///
/// # Errors
/// The node plugin cannot start: a directory is missing, a socket cannot be created, or mounting is
/// not permitted. Or it cannot go on, because mounts can no longer be watched, or a socket is gone.
pub async fn serve(
    config: Config,
    cluster: Arc<dyn Cluster>,
    health: Arc<Health>,
    stop: CancellationToken,
) -> Result<(), Error> {
    let announcement = config.registration_socket();
    let (driver, endpoint) = (config.driver.clone(), config.endpoint.clone());
    let context = Arc::new(Context::new(config, cluster)?);
    if let Err(error) = context.blocking(orphans::forget_gone).await {
        tracing::warn!(%error, "records of targets that no longer exist stay");
    }

    let csi = Socket::listen(&endpoint)?;
    let registration = Socket::listen(&announcement)?;
    health.serving(vec![csi.file(), registration.file()]);
    let services = Server::builder()
        .add_service(IdentityServer::new(IdentityService::new(driver.clone())))
        .add_service(NodeServer::new(NodeService::new(context.clone())));
    let announced = AnnounceService::new(driver, endpoint.display().to_string(), health.clone());
    let announcing = Server::builder().add_service(RegistrationServer::new(announced));
    let recovering = async {
        recovery::run(context.clone(), stop.clone()).await;
        Ok(())
    };
    // Without its sockets, nobody reaches it; another start makes them again.
    let keeping = async {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(SOCKETS) => {}
            }
            if let Some(lost) = health.lost() {
                return Err(Error::io("keeping", lost, io::ErrorKind::NotFound));
            }
        }
    };
    // Without the watch, pods would wait for mounts that are there.
    let watching = async {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            () = context.watch.clone().ended() => Err(Error::Unwatched),
        }
    };
    tracing::info!(endpoint = %endpoint.display(), "serving");
    let served = tokio::try_join!(
        csi.serve(services, &stop),
        registration.serve(announcing, &stop),
        recovering,
        keeping,
        watching
    );
    served.map(drop)
}
