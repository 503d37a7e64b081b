//! The S3 server of a cluster, asked without any file system.

use std::process::Command;

use sha2::{Digest, Sha256};

/// A server, and the keys by which it is asked.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its address: `http://host:port`.
    pub url: String,
    /// The access key.
    pub access: String,
    /// The secret key.
    pub secret: String,
}

impl Server {
    /// The server of a URL with keys in it: `http://access:secret@host:port`. None for another one.
    pub fn parse(url: &str) -> Option<Self> {
        let (keys, host) = url.strip_prefix("http://")?.split_once('@')?;
        let (access, secret) = keys.split_once(':')?;
        Some(Self {
            url: format!("http://{host}"),
            access: access.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// Returns the command that makes a signed request and prints its answer; it fails if the server
    /// refuses.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Command {
        let digest: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        let keys = format!("{}:{}", self.access, self.secret);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--request", method])
            .args(["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", &keys])
            .args(["--header", &format!("x-amz-content-sha256: {digest}")])
            .args(["--data-binary", body])
            .arg(format!("{}/{path}", self.url));
        curl
    }
}
