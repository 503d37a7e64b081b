//! Values of options: durations as Go writes them, addresses, and the namespace of a pod.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Where a pod finds the namespace that it runs in.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// A duration as Go writes it: `15s`, `1m30s`, `1.5h`, `500ms`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("`{text}` is not a duration such as 15s, 1m30s or 500ms");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(digits);
        let unit_length = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(invalid()),
        };
        seconds += number.parse::<f64>().map_err(|_| invalid())? * factor;
        rest = tail;
    }
    if text.is_empty() {
        Err(invalid())
    } else {
        Duration::try_from_secs_f64(seconds).map_err(|_| invalid())
    }
}

/// Like [`duration`], but not nothing.
pub fn period(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|period| {
        if period.is_zero() {
            Err("it must be longer than nothing".to_owned())
        } else {
            Ok(period)
        }
    })
}

/// An address to listen on, or none for `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

/// `host:port`, `:port` for all interfaces, or `0` for none.
pub fn listen(text: &str) -> Result<Listen, String> {
    if text == "0" {
        return Ok(Listen(None));
    }
    let address = match text.strip_prefix(':') {
        Some(port) => port
            .parse()
            .ok()
            .map(|port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))),
        None => text.parse().ok(),
    };
    address
        .map(|address| Listen(Some(address)))
        .ok_or_else(|| format!("`{text}` is not an address such as 127.0.0.1:8080 or :8080, nor 0 for none"))
}

/// The operator's namespace: the option, else that of the pod, else Fluid's.
pub fn namespace(option: Option<String>) -> String {
    let file = || std::fs::read_to_string(NAMESPACE_FILE).ok();
    let variable = || {
        std::env::var("POD_NAMESPACE")
            .or_else(|_| std::env::var("MY_POD_NAMESPACE"))
            .ok()
    };
    let named = |name: String| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    option
        .and_then(named)
        .or_else(|| file().and_then(named))
        .or_else(|| variable().and_then(named))
        .unwrap_or_else(|| "fluid-system".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("15s", 15_000)]
    #[case("1m30s", 90_000)]
    #[case("1.5h", 5_400_000)]
    #[case("500ms", 500)]
    #[case("2h45m0.5s", 9_900_500)]
    #[case("0", 0)]
    fn durations_are_gos(#[case] text: &str, #[case] milliseconds: u64) {
        assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
    }

    #[rstest]
    #[case("")]
    #[case("15")]
    #[case("s")]
    #[case("-3s")]
    #[case("1d")]
    #[case("1.2.3s")]
    #[case("99999999999999999999h")]
    fn others_are_refused(#[case] text: &str) {
        assert!(duration(text).unwrap_err().contains("is not a duration"));
    }

    #[rstest]
    #[case(":8080", Some("[::]:8080"))]
    #[case("127.0.0.1:9", Some("127.0.0.1:9"))]
    #[case("0", None)]
    fn addresses(#[case] text: &str, #[case] address: Option<&str>) {
        assert_eq!(
            listen(text).unwrap().0.map(|address| address.to_string()).as_deref(),
            address
        );
    }

    #[test]
    fn what_is_no_address_and_no_period_says_so() {
        assert!(listen("localhost").unwrap_err().contains("127.0.0.1:8080"));
        assert!(period("0").unwrap_err().contains("longer"));
    }
}
