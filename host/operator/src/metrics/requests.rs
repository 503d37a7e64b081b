//! Requests to the API server, and what comes back: bytes, most of them JSON that is parsed, and the
//! events of watches.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    verb: &'static str,
    resource: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Watch {
    resource: String,
}

/// The metrics of all requests.
pub struct Requests {
    sent: Family<Request, Counter>,
    bytes: Family<Request, Counter>,
    events: Family<Watch, Counter>,
}

impl Requests {
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            sent: Family::default(),
            bytes: Family::default(),
            events: Family::default(),
        };
        registry.register(
            "wasser_api_requests",
            "Requests to the API server; a watch counts when it begins",
            metrics.sent.clone(),
        );
        registry.register(
            "wasser_api_response_bytes",
            "Bytes of the API server's answers, those of watches as they come",
            metrics.bytes.clone(),
        );
        registry.register(
            "wasser_watch_events",
            "Events of watches, with those that say how far a watch is",
            metrics.events.clone(),
        );
        metrics
    }

    /// A request is sent. Returns what counts its answer.
    pub(super) fn sent(&self, verb: &'static str, resource: &str) -> Answer {
        let resource = resource.to_owned();
        let events = (verb == "watch").then(|| {
            let resource = resource.clone();
            self.events.get_or_create_owned(&Watch { resource })
        });
        let request = Request { verb, resource };
        self.sent.get_or_create(&request).inc();
        Answer {
            bytes: self.bytes.get_or_create_owned(&request),
            events,
        }
    }
}

/// Counts the answer to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    bytes: Counter,
    events: Option<Counter>,
}

impl Answer {
    /// A part of its body has come.
    pub fn read(&self, part: &[u8]) {
        self.bytes.inc_by(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if let Some(events) = &self.events {
            // Each event is a line, and no line ends within one: JSON escapes them.
            let lines = part.iter().filter(|byte| **byte == b'\n').count();
            events.inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn answers_are_counted_as_they_come() {
        let mut registry = Registry::default();
        let requests = Requests::new(&mut registry);
        let list = requests.sent("list", "pods");
        list.read(b"{\n}\n");
        let watch = requests.sent("watch", "pods");
        for part in ["{\"type\": ", "\"ADDED\"}\n{}", "\n"] {
            watch.read(part.as_bytes());
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"wasser_api_requests_total{verb="watch",resource="pods"} 1"#,
            r#"wasser_api_response_bytes_total{verb="list",resource="pods"} 4"#,
            r#"wasser_api_response_bytes_total{verb="watch",resource="pods"} 21"#,
            r#"wasser_watch_events_total{resource="pods"} 2"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in {text}");
        }
        assert_eq!(text.matches("wasser_watch_events_total{").count(), 1);
    }
}
