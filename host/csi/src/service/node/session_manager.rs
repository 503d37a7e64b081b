//! The session manager: a daemon of the node without which some fuse pods cannot start. Its pod
//! comes with a label of the node, and makes a socket.
//!
//! The label stays. A fuse pod may outlive the last volume of its runtime on the node, and needs the
//! session manager as long as it lives; when it goes, no call of the kubelet says so.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, StatxFlags, statx};
use rustix::io::Errno;
use tokio::time::{Instant, sleep_until};
use wasser_api::labels;

use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::volume::attributes::Attributes;

/// The name of the socket.
const SOCKET: &str = "sessmgrd.sock";
/// The pause between two looks for the socket.
const AGAIN: Duration = Duration::from_millis(250);

/// Brings the session manager to the node if the volume needs one, and waits until it listens.
///
/// # Errors
/// Returns [`Error::NotReady`] if there is no socket in time, and [`Error::Refused`] if it would not
/// be below the mount root.
pub(super) async fn bring(context: &Arc<Context>, attributes: &Attributes) -> Result<(), Error> {
    let Some(directory) = &attributes.session_manager else {
        return Ok(());
    };
    context.mount_root.relative(directory)?;
    label(context, attributes).await?;
    let deadline = Instant::now() + context.config.session_timeout;
    loop {
        let looked = directory.clone();
        if context.blocking(move |context| listens(context, &looked)).await? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::NotReady(format!(
                "there was no {} within {:?}: the session manager does not run on node {}; install it \
                 (efc.sessionManager.enabled in the chart of Wasser), or see its pod on that node",
                directory.join(SOCKET).display(),
                context.config.session_timeout,
                context.config.node_id
            )));
        }
        sleep_until(deadline.min(Instant::now() + AGAIN)).await;
    }
}

/// Labels the node for the session manager if the volume needs one.
pub(super) async fn label(context: &Context, attributes: &Attributes) -> Result<(), Error> {
    if attributes.session_manager.is_some() {
        context.cluster.label_node(labels::SESSION_MANAGER, true).await?;
    }
    Ok(())
}

/// Returns whether there is a socket in a directory, which may be missing.
fn listens(context: &Context, directory: &Path) -> Result<bool, Error> {
    let opened = match context.mount_root.open_below(directory) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
    match statx(&opened, SOCKET, flags, StatxFlags::TYPE) {
        Ok(found) => Ok(FileType::from_raw_mode(found.stx_mode.into()) == FileType::Socket),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error).attempt("looking for", directory.join(SOCKET)),
    }
}
