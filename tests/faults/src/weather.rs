//! What the proxy does to the connections, and for how long: the same for the same seed.

use std::time::Duration;

use crate::numbers::Numbers;

/// The answers that a proxy or an API server gives in trouble.
const STATUSES: [u16; 4] = [429, 500, 503, 504];
/// The most bytes that pass on a connection before it is cut.
const MOST_BYTES: u64 = 6000;

/// What happens to every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Bytes pass.
    Fair,
    /// Bytes pass later.
    Slow(Duration),
    /// A connection is cut once some number of bytes below this has passed, in either direction:
    /// in the middle of a request, after it but before its answer, or in the middle of a watch.
    Cutting(u64),
    /// Requests are answered with this status and do not reach the server.
    Failing(u16),
    /// No byte passes. Half of the connections are cut when that ends, the others go on.
    Silent,
}

/// What happens in a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The weather changes.
    Turn(Weather),
    /// The operator is killed, and started again.
    Kill,
}

/// Returns the events of a storm, each with its time since the beginning. The weather is fair at
/// the end.
pub fn storm(seed: u64, lasts: Duration) -> Vec<(Duration, Event)> {
    let mut events = weather(&mut Numbers::new(seed), lasts);
    events.extend(kills(&mut Numbers::new(!seed), lasts));
    events.sort_by_key(|(at, _)| *at);
    events.push((lasts, Event::Turn(Weather::Fair)));
    events
}

fn weather(numbers: &mut Numbers, lasts: Duration) -> Vec<(Duration, Event)> {
    let (mut at, mut events) = (Duration::ZERO, Vec::new());
    // Each kind comes once before any comes again, so that a short storm has all of them.
    let mut kinds = Vec::new();
    while at < lasts {
        if kinds.is_empty() {
            kinds = vec![0, 1, 2, 3];
        }
        let index = usize::try_from(numbers.below(kinds.len() as u64)).unwrap_or_default();
        let (turn, milliseconds) = match kinds.swap_remove(index) {
            0 => {
                let delay = Duration::from_millis(numbers.between(20, 400));
                (Weather::Slow(delay), numbers.between(1000, 5000))
            }
            1 => (
                Weather::Cutting(numbers.between(100, MOST_BYTES)),
                numbers.between(1000, 6000),
            ),
            2 => {
                let status = usize::try_from(numbers.below(STATUSES.len() as u64)).unwrap_or_default();
                let status = STATUSES.get(status).copied().unwrap_or(503);
                (Weather::Failing(status), numbers.between(500, 4000))
            }
            _ => (Weather::Silent, numbers.between(1000, 8000)),
        };
        events.push((at, Event::Turn(turn)));
        at += Duration::from_millis(milliseconds);
        events.push((at, Event::Turn(Weather::Fair)));
        at += Duration::from_millis(numbers.between(500, 3000));
    }
    events.retain(|(at, _)| *at < lasts);
    events
}

fn kills(numbers: &mut Numbers, lasts: Duration) -> Vec<(Duration, Event)> {
    let (mut at, mut events) = (Duration::ZERO, Vec::new());
    loop {
        at += Duration::from_millis(numbers.between(1000, 12_000));
        if at >= lasts {
            return events;
        }
        events.push((at, Event::Kill));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_secs(60);

    #[test]
    fn a_seed_always_makes_the_same_storm() {
        assert_eq!(storm(7, LASTS), storm(7, LASTS));
        assert_ne!(storm(7, LASTS), storm(8, LASTS));
    }

    #[test]
    fn a_storm_has_every_weather_and_kills_and_ends_fair() {
        for seed in 0..20 {
            let events = storm(seed, LASTS);
            let has = |is: fn(&Event) -> bool| events.iter().any(|(_, event)| is(event));
            assert!(has(|event| matches!(event, Event::Kill)), "{seed}");
            assert!(has(|event| matches!(event, Event::Turn(Weather::Slow(_)))), "{seed}");
            assert!(has(|event| matches!(event, Event::Turn(Weather::Cutting(_)))), "{seed}");
            assert!(has(|event| matches!(event, Event::Turn(Weather::Failing(_)))), "{seed}");
            assert!(has(|event| matches!(event, Event::Turn(Weather::Silent))), "{seed}");
            assert!(events.iter().is_sorted_by_key(|(at, _)| *at), "{seed}");
            assert_eq!(events.last(), Some(&(LASTS, Event::Turn(Weather::Fair))), "{seed}");
        }
    }
}
