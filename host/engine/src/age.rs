//! How long ago something was.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// The time since then, to the second, as the API server writes times. Zero where there is none, or
/// where clocks differ and it is to come.
pub fn age(since: Option<&Time>) -> Duration {
    let seconds = since.map_or(0, |since| Timestamp::now().as_second() - since.0.as_second());
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_come_has_no_age() {
        let at = |ago: i64| Time(Timestamp::from_second(Timestamp::now().as_second() - ago).unwrap());
        assert!((90..100).contains(&age(Some(&at(90))).as_secs()));
        assert_eq!(age(Some(&at(-90))), Duration::ZERO);
        assert_eq!(age(None), Duration::ZERO);
    }
}
