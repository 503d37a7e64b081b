//! The S3 server that `cargo xtask` starts for a cluster, used without any file system: the objects
//! in its buckets, and its users.

use std::ops::Deref;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;
use wasser_test_cluster::s3::Server;

use crate::environment;

/// A Secret of this name with a user's keys, as `access-key` and `secret-key`.
pub fn keys(name: &str, (access, secret): &(String, String)) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"access-key": access,
            "secret-key": secret}
    })
}

/// The server, and the keys by which it is asked.
#[derive(Debug, Clone)]
pub struct S3(Server);

impl Deref for S3 {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl S3 {
    /// As its administrator.
    pub fn of_environment() -> Self {
        let server = Server::parse(&environment::s3());
        Self(server.expect("WASSER_S3 is of the form http://access:secret@host:port"))
    }

    /// Makes a bucket.
    pub async fn make_bucket(&self, bucket: &str) {
        self.ask("PUT", bucket, "")
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Writes an object.
    pub async fn put(&self, path: &str, content: &str) {
        self.ask("PUT", path, content)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// What an object contains; none where there is no such object.
    pub async fn get(&self, path: &str) -> Option<String> {
        self.ask("GET", path, "").await.ok()
    }

    /// Makes a user who may do everything, with a secret key that is made of the access key.
    pub async fn make_user(&self, access: &str) -> (String, String) {
        let secret = format!("{access}-secret");
        let account =
            format!("<Account><Access>{access}</Access><Secret>{secret}</Secret><Role>admin</Role></Account>");
        self.ask("PATCH", "create-user", &account)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        (access.to_owned(), secret)
    }

    /// Takes a user's rights away.
    pub async fn remove_user(&self, access: &str) {
        let path = format!("delete-user?access={access}");
        self.ask("PATCH", &path, "")
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// A signed request: the answer, or why there is none.
    async fn ask(&self, method: &str, path: &str, body: &str) -> Result<String, String> {
        let output = Command::from(self.request(method, path, body))
            .stdin(Stdio::null())
            .output()
            .await
            .expect("starting curl");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{method} {path} on {}: {complaint}{said}", self.url))
    }
}
