//! The requests that the server received.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::call::{Call, Verb};

/// A request and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The name of the client.
    pub client: String,
    /// The request.
    pub call: Call,
    /// The body; null if it was empty.
    pub body: Value,
    /// The HTTP status. `None` if the request was not answered.
    pub code: Option<u16>,
    /// Whether an object changed.
    pub changed: bool,
}

impl Record {
    /// Returns verb and resource: `patch datasets/status`.
    pub fn what(&self) -> String {
        format!("{} {}", self.call.verb.word(), self.call.path())
    }

    /// Returns verb, resource, namespace, name and answer.
    pub fn describe(&self) -> String {
        let code = self
            .code
            .map_or_else(|| "no answer".to_owned(), |code| code.to_string());
        format!("{} {}/{}: {code}", self.what(), self.call.namespace, self.call.name)
    }
}

/// A selection of requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requests(pub Vec<Record>);

impl Requests {
    /// Keeps the requests with a writing verb.
    #[must_use]
    pub fn writes(self) -> Self {
        Self(self.0.into_iter().filter(|record| record.call.verb.writes()).collect())
    }

    /// Keeps the requests that changed an object.
    #[must_use]
    pub fn changes(self) -> Self {
        Self(self.0.into_iter().filter(|record| record.changed).collect())
    }

    /// Keeps the requests of the clients of this name.
    #[must_use]
    pub fn of(self, client: &str) -> Self {
        Self(self.0.into_iter().filter(|record| record.client == client).collect())
    }

    /// Keeps the requests about objects of this resource, its subresources included.
    #[must_use]
    pub fn resource(self, resource: &str) -> Self {
        Self(
            self.0
                .into_iter()
                .filter(|record| record.call.resource == resource)
                .collect(),
        )
    }

    /// Counts the requests by verb and resource, except for watches.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for record in self.0.iter().filter(|record| record.call.verb != Verb::Watch) {
            *counts.entry(record.what()).or_default() += 1;
        }
        counts
    }

    /// Returns a line for each request.
    pub fn describe(&self) -> String {
        self.0.iter().map(|record| record.describe() + "\n").collect()
    }
}
