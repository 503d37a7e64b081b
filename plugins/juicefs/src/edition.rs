//! The two editions of JuiceFS and what differs between them.

use std::collections::BTreeMap;

use serde::Serialize;
use wasser_sdk::SecretKeySelector;

/// Which JuiceFS it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Edition {
    /// With a metadata engine of the user's.
    Community,
    /// With JuiceFS' own metadata service.
    Enterprise,
}

impl Edition {
    /// Returns the edition. The community edition needs the address of its metadata engine,
    /// `metaurl`, and the enterprise edition has none. A `metaurl` among the Dataset's shared
    /// options counts like the mount's own: the pods get it in both cases.
    pub fn of(encrypt_options: &BTreeMap<String, SecretKeySelector>) -> Self {
        if encrypt_options.contains_key("metaurl") {
            Edition::Community
        } else {
            Edition::Enterprise
        }
    }

    /// Returns the key of the edition's image in the registration.
    pub fn image_key(self) -> &'static str {
        match self {
            Edition::Community => "community",
            Edition::Enterprise => "enterprise",
        }
    }

    /// Returns the client's command line tool.
    pub fn cli(self) -> &'static str {
        match self {
            Edition::Community => "/usr/local/bin/juicefs",
            Edition::Enterprise => "/usr/bin/juicefs",
        }
    }

    /// Returns the mount helper.
    pub fn mount_helper(self) -> &'static str {
        match self {
            Edition::Community => "/bin/mount.juicefs",
            Edition::Enterprise => "/sbin/mount.juicefs",
        }
    }
}
