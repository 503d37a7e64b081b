//! One connection of the operator.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Now;
use super::answer::answer;
use super::counts::Counts;
use super::upstream::Upstream;
use crate::numbers::Numbers;
use crate::weather::Weather;

/// The most bytes that pass at a time.
const PIECE: usize = 16 << 10;

/// What a connection knows.
pub struct Connection {
    pub upstream: Upstream,
    pub now: watch::Receiver<Now>,
    pub counts: Arc<Counts>,
    pub numbers: Numbers,
}

/// Why no more bytes pass in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Whoever sends has ended, or whoever receives.
    Peer,
    /// The weather.
    Cut,
}

impl Connection {
    /// Serves a connection until either side or the weather ends it.
    pub async fn serve(mut self, mut client: TcpStream) {
        self.counts.connections.add();
        // Without it, small pieces are only a little later.
        let _ = client.set_nodelay(true);
        if matches!(self.now.borrow().weather, Weather::Failing(_)) {
            answer(&mut client, &mut self.now, &self.counts).await;
            return;
        }
        let Ok(server) = self.upstream.connect().await else {
            self.counts.unreached.add();
            return;
        };
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = tokio::io::split(server);
        let mut requests = self.direction();
        let mut answers = self.direction();
        // The end of one direction is the end of both: dropping them closes the connections.
        let end = tokio::select! {
            end = requests.pass(from_client, to_server) => end,
            end = answers.pass(from_server, to_client) => end,
        };
        if end == End::Cut {
            self.counts.cut.add();
        }
    }

    fn direction(&mut self) -> Direction {
        Direction {
            now: self.now.clone(),
            counts: self.counts.clone(),
            numbers: Numbers::new(self.numbers.below(u64::MAX)),
            budget: None,
        }
    }
}

/// Requests or answers.
struct Direction {
    now: watch::Receiver<Now>,
    counts: Arc<Counts>,
    numbers: Numbers,
    /// The bytes that still pass before the connection is cut, and since which change of the
    /// weather.
    budget: Option<(u64, u64)>,
}

impl Direction {
    async fn pass(&mut self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> End {
        let mut piece = vec![0; PIECE];
        loop {
            let Ok(read @ 1..) = from.read(&mut piece).await else {
                return End::Peer;
            };
            let (passes, is_cut) = self.weather(read).await;
            let written = to.write_all(piece.get(..passes).unwrap_or_default()).await;
            if written.is_err() || to.flush().await.is_err() {
                return End::Peer;
            }
            if is_cut {
                return End::Cut;
            }
        }
    }

    /// Waits as long as the weather says, and returns how many of these bytes pass, and whether
    /// that is the end.
    async fn weather(&mut self, bytes: usize) -> (usize, bool) {
        let mut was_silent = false;
        loop {
            let now = *self.now.borrow_and_update();
            if was_silent && now.weather != Weather::Silent && self.numbers.below(2) == 0 {
                return (0, true);
            }
            match now.weather {
                Weather::Fair => return (bytes, false),
                Weather::Slow(delay) => {
                    self.counts.delayed.add();
                    tokio::time::sleep(delay).await;
                    return (bytes, false);
                }
                Weather::Failing(_) => return (0, true),
                Weather::Cutting(most) => {
                    let budget = match self.budget {
                        Some((budget, turn)) if turn == now.turn => budget,
                        _ => self.numbers.below(most),
                    };
                    let passes = usize::try_from(budget).unwrap_or(usize::MAX).min(bytes);
                    self.budget = Some((budget - passes as u64, now.turn));
                    return (passes, passes < bytes);
                }
                Weather::Silent => {
                    if !was_silent {
                        self.counts.held.add();
                    }
                    was_silent = true;
                    // The proxy lives as long as its connections; without it, nothing changes.
                    if self.now.changed().await.is_err() {
                        return (0, true);
                    }
                }
            }
        }
    }
}
