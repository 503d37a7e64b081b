//! The sockets for the kubelet.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use tokio::net::UnixListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Router;

use crate::error::{Attempt, Error};
use crate::service::authority::with_plain_authority;

/// The mode of the sockets: only the kubelet, which is root, can connect.
const SOCKET_MODE: u32 = 0o600;

/// A socket that is removed when it is no longer served.
pub struct Socket {
    file: Arc<SocketFile>,
    listener: Option<UnixListener>,
}

/// The file of a socket. It is open as long as this lives, so that no other one has its number.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    file: OwnedFd,
}

impl Socket {
    /// Creates the socket.
    pub fn listen(path: &Path) -> Result<Self, Error> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).attempt("making directory", directory)?;
        }
        // This is the socket of a process that was killed, or of one that is about to end: the
        // DaemonSet replaces one after the other, unless somebody deletes a pod by force.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("removing", path, error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).attempt("listening on", path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).attempt("restricting", path)?;
        let opened = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let file = SocketFile {
            path: path.to_owned(),
            file: opened.map_err(|error| Error::io("opening", path, io::Error::from(error)))?,
        };
        Ok(Self {
            file: Arc::new(file),
            listener: Some(listener),
        })
    }

    /// Returns its file.
    pub fn file(&self) -> Arc<SocketFile> {
        self.file.clone()
    }

    /// Serves until `stop`, and finishes the calls that are under way.
    pub async fn serve(mut self, services: Router, stop: &CancellationToken) -> Result<(), Error> {
        let Some(listener) = self.listener.take() else {
            return Ok(());
        };
        let incoming = UnixListenerStream::new(listener).map(|connection| connection.map(with_plain_authority));
        let served = services.serve_with_incoming_shutdown(incoming, stop.cancelled()).await;
        served.map_err(|error| Error::io("serving", &self.file.path, io::Error::other(error)))
    }
}

impl SocketFile {
    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to this socket, and not to one of another process.
    pub fn is_in_place(&self) -> bool {
        let Ok(ours) = rustix::fs::fstat(&self.file) else {
            return false;
        };
        let there = fs::symlink_metadata(&self.path);
        there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.st_dev, ours.st_ino))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.file.is_in_place()
            && let Err(error) = fs::remove_file(&self.file.path)
        {
            tracing::warn!(%error, path = %self.file.path.display(), "a socket stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tonic::transport::Server;

    use super::*;
    use crate::config::DRIVER;
    use crate::service::announce::AnnounceService;
    use crate::service::authority::tests::{RECORDED, bytes};
    use crate::service::health::Health;
    use crate::service::proto::registration::registration_server::RegistrationServer;

    #[tokio::test]
    async fn a_kubelet_that_names_the_path_as_host_is_answered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry/reg.sock");
        let socket = Socket::listen(&path).unwrap();
        let stop = CancellationToken::new();
        let service = AnnounceService::new(DRIVER.to_owned(), "/csi/csi.sock".to_owned(), Arc::<Health>::default());
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

    #[tokio::test]
    async fn the_socket_of_a_successor_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("csi.sock");
        let mut old = Socket::listen(&path).unwrap();
        assert!(old.file().is_in_place());
        // It no longer listens, and still has not removed its file.
        old.listener = None;
        let new = Socket::listen(&path).unwrap();
        assert!(!old.file().is_in_place() && new.file().is_in_place());
        drop(old);
        UnixStream::connect(&path).await.unwrap();
        drop(new);
        assert!(!path.exists());
    }
}
