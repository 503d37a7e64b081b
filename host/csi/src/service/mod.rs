//! The services for the kubelet, from start to stop.
//!
//! # Invariants
//! * Only root can connect to a socket. It is removed when it is no longer served, after a kill by
//!   the next process.
//! * The driver is announced after its own socket has been created, by the same process: the
//!   kubelet never gets a path that nobody serves.
//! * Nothing that can take long delays the sockets: neither a file system that hangs nor the API
//!   server.
//! * A stop finishes the calls that are under way, and leaves all mounts: pods keep their data
//!   while the node plugin is replaced.

mod announce;
mod authority;
pub mod identity;
mod node;
pub mod proto;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::Router;

use crate::cluster::Cluster;
use crate::config::Config;
use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::recovery::{self, orphans};
use crate::service::announce::AnnounceService;
use crate::service::authority::with_plain_authority;
use crate::service::identity::IdentityService;
use crate::service::node::NodeService;
use crate::service::proto::csi::identity_server::IdentityServer;
use crate::service::proto::csi::node_server::NodeServer;
use crate::service::proto::registration::registration_server::RegistrationServer;

/// The mode of the sockets: only the kubelet, which is root, can connect.
const SOCKET_MODE: u32 = 0o600;

/// Serves the kubelet until `stop`. Finishes calls that are under way, and leaves mounts in place.
///
/// # Errors
/// The node plugin cannot start: a directory is missing, a socket cannot be created, or mounting is
/// not permitted. Or it cannot go on, because mounts can no longer be watched.
pub async fn serve(config: Config, cluster: Arc<dyn Cluster>, stop: CancellationToken) -> Result<(), Error> {
    let announcement = config.registration_socket();
    let (driver, endpoint) = (config.driver.clone(), config.endpoint.clone());
    let context = Arc::new(Context::new(config, cluster)?);
    if let Err(error) = context.blocking(orphans::forget_gone).await {
        tracing::warn!(%error, "records of targets that no longer exist stay");
    }

    let csi = Socket::listen(&endpoint)?;
    let registration = Socket::listen(&announcement)?;
    let services = Server::builder()
        .add_service(IdentityServer::new(IdentityService::new(driver.clone())))
        .add_service(NodeServer::new(NodeService::new(context.clone())));
    let announced = AnnounceService::new(driver, endpoint.display().to_string());
    let announcing = Server::builder().add_service(RegistrationServer::new(announced));
    let recovering = async {
        recovery::run(context.clone(), stop.clone()).await;
        Ok(())
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
        watching
    );
    served.map(drop)
}

/// A socket that is removed when it is no longer served.
struct Socket {
    path: PathBuf,
    listener: Option<UnixListener>,
}

impl Socket {
    fn listen(path: &Path) -> Result<Self, Error> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).attempt("making directory", directory)?;
        }
        // This is the socket of a process that was killed. Two node plugins cannot run at the same
        // time, since the DaemonSet replaces one after the other.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("removing", path, error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).attempt("listening on", path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).attempt("restricting", path)?;
        Ok(Self {
            path: path.to_owned(),
            listener: Some(listener),
        })
    }

    async fn serve(mut self, services: Router, stop: &CancellationToken) -> Result<(), Error> {
        let Some(listener) = self.listener.take() else {
            return Ok(());
        };
        let incoming = UnixListenerStream::new(listener).map(|connection| connection.map(with_plain_authority));
        let served = services.serve_with_incoming_shutdown(incoming, stop.cancelled()).await;
        served.map_err(|error| Error::io("serving", &self.path, io::Error::other(error)))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "a socket stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;
    use crate::config::DRIVER;
    use crate::service::authority::tests::{RECORDED, bytes};

    #[tokio::test]
    async fn a_kubelet_that_names_the_path_as_host_is_answered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry/reg.sock");
        let socket = Socket::listen(&path).unwrap();
        let stop = CancellationToken::new();
        let service = AnnounceService::new(DRIVER.to_owned(), "/csi/csi.sock".to_owned());
        let served = tokio::spawn({
            let stop = stop.clone();
            async move {
                socket
                    .serve(Server::builder().add_service(RegistrationServer::new(service)), &stop)
                    .await
            }
        });

        let mut kubelet = UnixStream::connect(&path).await.unwrap();
        for part in RECORDED {
            kubelet.write_all(&bytes(part)).await.unwrap();
        }
        let mut answer = Vec::new();
        let named = |answer: &[u8]| answer.windows(DRIVER.len()).any(|part| part == DRIVER.as_bytes());
        while !named(&answer) {
            let mut part = [0; 1024];
            let read = tokio::time::timeout(Duration::from_secs(20), kubelet.read(&mut part)).await;
            let count = read.unwrap().unwrap();
            assert_ne!(count, 0, "closed after {answer:?}");
            answer.extend(&part[..count]);
        }
        drop(kubelet);
        stop.cancel();
        served.await.unwrap().unwrap();
        assert!(!path.exists());
    }
}
