//! A proxy between the operator and an API server that does to bytes what networks do.
//!
//! The operator reaches it without TLS, and so as anybody; towards the server it is the user of the
//! kubeconfig. It knows connections and bytes: only to answer requests with an error does it read
//! them. What happens to a connection is decided at each of its bytes by the weather at that
//! moment, which [`Proxy::turn`] changes.

mod answer;
mod connection;
mod counts;
mod upstream;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use counts::Counts;
pub use upstream::Upstream;

use crate::numbers::Numbers;
use crate::weather::Weather;
use connection::Connection;

/// The weather, and how often it has changed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Now {
    weather: Weather,
    turn: u64,
}

/// A running proxy, which ends with its runtime.
pub struct Proxy {
    address: SocketAddr,
    now: watch::Sender<Now>,
    counts: Arc<Counts>,
}

impl Proxy {
    /// Starts a proxy in front of a server. `seed` decides which connections are cut, and where.
    pub async fn start(upstream: Upstream, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("listening for the operator")?;
        let address = listener.local_addr().context("listening for the operator")?;
        let now = watch::Sender::new(Now {
            weather: Weather::Fair,
            turn: 0,
        });
        let counts = Arc::new(Counts::default());
        let (sender, counted) = (now.clone(), counts.clone());
        tokio::spawn(async move {
            let mut seeds = Numbers::new(seed);
            loop {
                // A connection that is gone before it is accepted is not a failure.
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                let connection = Connection {
                    upstream: upstream.clone(),
                    now: sender.subscribe(),
                    counts: counted.clone(),
                    numbers: Numbers::new(seeds.below(u64::MAX)),
                };
                tokio::spawn(connection.serve(stream));
            }
        });
        Ok(Self { address, now, counts })
    }

    /// Returns where the operator reaches the proxy.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather.
    pub fn turn(&self, weather: Weather) {
        self.now.send_modify(|now| {
            *now = Now {
                weather,
                turn: now.turn + 1,
            }
        });
    }

    /// Returns what has been done to connections so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

#[cfg(test)]
mod tests;
