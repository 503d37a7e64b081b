//! What a proxy has done.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// Numbers since the start of the proxy.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: Count,
    /// Connections that were cut.
    pub cut: Count,
    /// Requests that were answered with an error.
    pub answered: Count,
    /// Pieces of requests and answers that were delayed.
    pub delayed: Count,
    /// Pieces that were held while nothing passed.
    pub held: Count,
    /// Connections that the server did not accept.
    pub unreached: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    /// Returns all of them as JSON.
    pub fn json(&self) -> Value {
        json!({
            "connections": self.connections.get(),
            "connectionsCut": self.cut.get(),
            "requestsAnsweredWithErrors": self.answered.get(),
            "piecesDelayed": self.delayed.get(),
            "piecesHeld": self.held.get(),
            "connectionsNotAccepted": self.unreached.get(),
        })
    }
}
