//! What the probe asks: whether the kubelet of this node has the driver.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::service::socket::SocketFile;

/// What is known of the process.
#[derive(Debug, Default)]
pub struct Health {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    sockets: Vec<Arc<SocketFile>>,
    kubelet: Kubelet,
}

#[derive(Debug, Default)]
enum Kubelet {
    #[default]
    Silent,
    Registered,
    Refused(String),
}

impl Health {
    /// Returns what keeps pods from mounting; `None` if nothing does.
    pub fn unready(&self) -> Option<String> {
        if let Some(lost) = self.lost() {
            return Some(format!("the socket {} is gone, or another process's", lost.display()));
        }
        let state = self.state.read();
        match &state.kubelet {
            _ if state.sockets.is_empty() => Some("starting".to_owned()),
            Kubelet::Registered => None,
            Kubelet::Refused(error) => Some(format!("the kubelet refuses the driver: {error}")),
            Kubelet::Silent => {
                let paths: Vec<String> = state
                    .sockets
                    .iter()
                    .map(|socket| socket.path().display().to_string())
                    .collect();
                Some(format!(
                    "the kubelet has not registered the driver at {}; is that in the kubelet's directory \
                     (csi.kubelet.rootDir)?",
                    paths.join(", ")
                ))
            }
        }
    }

    /// Returns the path of a socket that is gone, or that another process has made; `None` if all are
    /// in place.
    pub fn lost(&self) -> Option<PathBuf> {
        let state = self.state.read();
        let lost = state.sockets.iter().find(|socket| !socket.is_in_place())?;
        Some(lost.path().to_owned())
    }

    /// The sockets that are served.
    pub fn serving(&self, sockets: Vec<Arc<SocketFile>>) {
        self.state.write().sockets = sockets;
    }

    /// The kubelet has taken the driver.
    pub fn registered(&self) {
        self.state.write().kubelet = Kubelet::Registered;
    }

    /// The kubelet has not taken the driver, for this reason.
    pub fn refused(&self, error: &str) {
        self.state.write().kubelet = Kubelet::Refused(error.to_owned());
    }
}
