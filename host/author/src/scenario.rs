//! What a plugin finds when it is called, as authors write it down: a document of the kind
//! `Scenario` next to a Dataset and its runtime.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of the document.
pub const KIND: &str = "Scenario";
/// The version of the document.
pub const API_VERSION: &str = "wasser.fluid.io/v1alpha1";

/// What a plugin finds when it is called, besides the objects. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Scenario {
    /// The values that are installed; none before the first installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed: Option<Value>,
    /// The pods of the roles as last seen; if not given, those of `cluster.pods`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Counts>,
    /// The images, instead of those of the registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<BTreeMap<String, String>>,
    /// Settings of the installation, instead of those of the registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<BTreeMap<String, String>>,
    /// The time, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
    /// The answers of the cluster.
    #[serde(skip_serializing_if = "Script::is_empty")]
    pub cluster: Script,
    /// What `wasser plugin test` compares with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Value>,
}

/// The pods of a role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Counts {
    /// Pods that the workload asks for.
    pub desired: u32,
    /// Pods that are ready.
    pub ready: u32,
}

/// The answers of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Script {
    /// The pods of the runtime.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<Pod>,
    /// Commands; the first that fits is taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exec: Vec<Command>,
    /// Requests; the first that fits is taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<Request>,
    /// The first host port that is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<u16>,
    /// What the plugin has kept, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<String, String>,
    /// The answer to what nothing here fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Otherwise>,
}

impl Script {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Its node.
    #[serde(default = "node")]
    pub node: String,
    /// Its address.
    #[serde(default = "address")]
    pub ip: String,
    /// Whether it is ready.
    #[serde(default = "ready")]
    pub ready: bool,
    /// When the latest of its containers started, in milliseconds since 1970.
    #[serde(default)]
    pub started_at: u64,
}

fn node() -> String {
    "node1".to_owned()
}

fn address() -> String {
    "10.0.0.1".to_owned()
}

fn ready() -> bool {
    true
}

/// A command and its answer. In `pod` and in each word of `argv`, `*` stands for anything; a last
/// word `...` stands for all further ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Command {
    /// The pod; any if none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What it writes to standard output.
    pub stdout: String,
    /// What it writes to standard error.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// Its exit code.
    pub exit: i32,
    /// Why it gives no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fails: Option<Failure>,
}

/// A request and its answer. In `pod` and `path`, `*` stands for anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Request {
    /// The pod; any if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Its port; any if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path with its query.
    pub path: String,
    /// The status of the answer.
    #[serde(default = "found")]
    pub status: u16,
    /// The body of the answer.
    #[serde(default)]
    pub body: String,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<Failure>,
}

fn found() -> u16 {
    200
}

/// Why the cluster does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// There is no such thing.
    NotFound,
    /// Somebody else has changed it.
    Conflict,
    /// Too much was asked for.
    Throttled,
    /// It did not finish in time.
    Timeout,
    /// Anything else.
    Failed,
}

/// The answer to what a script does not mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// There is no such thing.
    NotFound,
    /// Somebody else has changed it.
    Conflict,
    /// Too much was asked for.
    Throttled,
    /// It did not finish in time.
    Timeout,
    /// It fails for another reason.
    Failed,
    /// It is there, and empty.
    Empty,
    /// It is there, and is not what anybody expects.
    Garbage,
    /// A command that has begun and does not end.
    Endless,
}

impl Otherwise {
    /// Returns why there is no answer, if there is none.
    pub fn failure(self) -> Option<Failure> {
        match self {
            Self::NotFound => Some(Failure::NotFound),
            Self::Conflict => Some(Failure::Conflict),
            Self::Throttled => Some(Failure::Throttled),
            Self::Timeout => Some(Failure::Timeout),
            Self::Failed => Some(Failure::Failed),
            Self::Empty | Self::Garbage | Self::Endless => None,
        }
    }
}

/// Takes the one scenario out of the objects of a manifest, or returns one without anything.
///
/// # Errors
/// There is more than one, or it has a field that is not known.
pub fn take(objects: &mut Vec<Value>) -> Result<Scenario> {
    let is_one = |object: &Value| object["kind"] == KIND && object["apiVersion"] == API_VERSION;
    let (mut found, rest): (Vec<Value>, Vec<Value>) = std::mem::take(objects).into_iter().partition(is_one);
    *objects = rest;
    let Some(mut document) = found.pop() else {
        return Ok(Scenario::default());
    };
    ensure!(
        found.is_empty(),
        "the manifest has more than one {KIND}; give one at a time"
    );
    if let Some(fields) = document.as_object_mut() {
        for key in ["apiVersion", "kind", "metadata"] {
            fields.remove(key);
        }
    }
    serde_json::from_value(document).with_context(|| format!("the {KIND} cannot be read"))
}

impl Scenario {
    /// Returns the document.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn document(&self) -> Result<Value> {
        let mut document = serde_json::to_value(self)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("apiVersion".to_owned(), API_VERSION.into());
            fields.insert("kind".to_owned(), KIND.into());
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_scenario_is_taken_out_of_its_manifest_and_written_again() {
        let scenario = json!({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "x"}, "now": 5,
                              "cluster": {"otherwise": "garbage"}});
        let mut objects = vec![json!({"kind": "Dataset"}), scenario];
        let taken = take(&mut objects).unwrap();
        assert_eq!((taken.now, objects.len()), (Some(5), 1));
        let mut again = vec![taken.document().unwrap()];
        assert_eq!(take(&mut again).unwrap(), taken);
        assert_eq!(take(&mut objects).unwrap(), Scenario::default());
    }

    #[test]
    fn a_field_that_is_not_known_is_named() {
        let mut objects = vec![json!({"apiVersion": API_VERSION, "kind": KIND, "clusters": {}})];
        let refused = format!("{:#}", take(&mut objects).unwrap_err());
        assert!(
            refused.contains("the Scenario cannot be read: unknown field `clusters`"),
            "{refused}"
        );
    }
}
