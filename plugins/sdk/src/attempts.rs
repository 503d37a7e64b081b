//! What came of the attempts to make the mounts those of the Dataset, while none has succeeded.

use std::collections::BTreeMap;
use std::fmt::Write;

use wasser_api::names::digest;

use crate::{Context, Host, HostError, Result};

/// The key of the state that has them.
const KEY: &str = "attempts";

/// The attempts since all was as it should be, for a plugin that mounts by commands. They tell the
/// next one which mounts are right already, so that it does not make them again, and which have
/// failed, so that it tries the others first.
///
/// They are kept in the plugin's state, as far as it may keep any: without, the next attempt knows
/// nothing.
#[derive(Debug, Default)]
pub struct Attempts {
    /// The time of the last change of the mounts that has succeeded; empty before the first one.
    since: String,
    /// Digests of what paths were mounted as.
    mounted: BTreeMap<String, String>,
    /// Paths whose mounts have failed.
    failed: Vec<String>,
    /// What is kept of them, and its version.
    kept: String,
    version: Option<String>,
}

impl Attempts {
    /// Returns those since the last change of the mounts that has succeeded.
    ///
    /// # Errors
    /// Only if the method has to wait for the result of a command.
    pub fn read<S>(ctx: &Context<S>, host: &impl Host) -> Result<Self> {
        let entry = match host.state(KEY) {
            Err(HostError::Pending) => return Err(HostError::Pending.into()),
            other => other.ok().flatten(),
        };
        let mut attempts = Self {
            since: ctx.mount_time().unwrap_or_default().to_owned(),
            ..Self::default()
        };
        if let Some(entry) = entry {
            attempts.kept = String::from_utf8_lossy(&entry.value).into_owned();
            attempts.version = Some(entry.version);
            attempts.parse();
        }
        Ok(attempts)
    }

    /// Reads what is kept, if it is of the same time.
    fn parse(&mut self) {
        let mut lines = self.kept.lines();
        if lines.next() != Some(&self.since) {
            return;
        }
        for line in lines {
            match line.split_once(' ') {
                Some(("", path)) => self.failed.push(path.to_owned()),
                Some((digest, path)) => drop(self.mounted.insert(path.to_owned(), digest.to_owned())),
                None => {}
            }
        }
    }

    /// Returns whether one of them has mounted `path` as `wanted`; `None` if none has mounted it.
    pub fn has_mounted(&self, path: &str, wanted: &str) -> Option<bool> {
        self.mounted.get(path).map(|mounted| *mounted == digest(wanted))
    }

    /// Returns whether `path`, or a path above it, has failed in the last one.
    pub fn has_failed(&self, path: &str) -> bool {
        let above = |failed: &String| {
            let rest = path.strip_prefix(failed.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.failed.iter().any(above)
    }

    /// Notes that `path` is mounted as `wanted` now. Neither has a line break.
    pub fn note_mounted(&mut self, path: &str, wanted: &str) {
        self.mounted.insert(path.to_owned(), digest(wanted));
    }

    /// Notes that `path` is not mounted any more.
    pub fn note_unmounted(&mut self, path: &str) {
        self.mounted.remove(path);
    }

    /// Notes which paths have failed in this one.
    pub fn note_failed(&mut self, paths: Vec<String>) {
        self.failed = paths;
    }

    /// Keeps what is noted for the next attempt. A method that is called again after a command
    /// writes nothing twice.
    ///
    /// # Errors
    /// Only if the method has to wait for the result of a command.
    pub fn keep(&mut self, host: &impl Host) -> Result<()> {
        let mut text = format!("{}\n", self.since);
        for (path, digest) in &self.mounted {
            let _ = writeln!(text, "{digest} {path}");
        }
        for path in &self.failed {
            let _ = writeln!(text, " {path}");
        }
        if text == self.kept {
            return Ok(());
        }
        match host.set_state(KEY, text.as_bytes(), self.version.as_deref()) {
            Err(HostError::Pending) => return Err(HostError::Pending.into()),
            Err(_) => {}
            Ok(version) => (self.kept, self.version) = (text, Some(version)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeHost, raw_context};

    fn at(time: Option<&str>) -> Context<serde_json::Value> {
        let runtime = json!({"metadata": {"name": "demo"}, "spec": {}, "status": {"mountTime": time}});
        Context::parse(raw_context(&runtime, None, "demo-fuse")).unwrap()
    }

    #[test]
    fn the_next_attempt_knows_until_one_has_succeeded() {
        let host = FakeHost::new();
        let mut first = Attempts::read(&at(None), &host).unwrap();
        assert_eq!(first.has_mounted("/a", "s3://a"), None);
        first.note_mounted("/a", "s3://a");
        first.note_failed(vec!["/b".to_owned()]);
        first.keep(&host).unwrap();
        first.keep(&host).unwrap();

        let mut next = Attempts::read(&at(None), &host).unwrap();
        assert_eq!(next.has_mounted("/a", "s3://a"), Some(true));
        assert_eq!(next.has_mounted("/a", "s3://other"), Some(false));
        assert!(next.has_failed("/b") && next.has_failed("/b/below") && !next.has_failed("/bb"));
        next.note_unmounted("/a");
        next.note_failed(Vec::new());
        next.keep(&host).unwrap();
        assert_eq!(
            Attempts::read(&at(None), &host).unwrap().has_mounted("/a", "s3://a"),
            None
        );

        next.note_mounted("/a", "s3://a");
        next.keep(&host).unwrap();
        let after = Attempts::read(&at(Some("2026-01-01T00:00:00Z")), &host).unwrap();
        assert_eq!(after.has_mounted("/a", "s3://a"), None);
    }

    #[test]
    fn what_cannot_be_kept_is_not_known() {
        let host = FakeHost::new();
        host.set_state(KEY, b"\xff", None).unwrap();
        let mut attempts = Attempts::read(&at(None), &host).unwrap();
        attempts.note_mounted("/a", "s3://a");
        host.remove_state(KEY, "v1").unwrap();
        attempts.keep(&host).unwrap();
        assert_eq!(
            Attempts::read(&at(None), &host).unwrap().has_mounted("/a", "s3://a"),
            None
        );
    }
}
