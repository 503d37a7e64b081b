//! Kubernetes quantities: `10Gi`, `1500m`, `2e3`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The form that the CRDs ask of a quantity; the same as Kubernetes' own.
pub const PATTERN: &str = concat!(
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))",
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
);

/// A quantity as the user wrote it. A bare number in the object is taken as its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a quantity that fits 63 bits: write a number and a unit, like 512Mi or 10G")]
pub struct InvalidQuantity {
    /// The text as it was read.
    pub text: String,
}

impl Quantity {
    /// The value in units, a fraction rounded away from zero as Kubernetes does it. For sizes:
    /// bytes.
    ///
    /// # Errors
    /// The text is not a quantity, or its value does not fit 63 bits.
    pub fn value(&self) -> Result<i64, InvalidQuantity> {
        parse(&self.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum IntOrString {
            Int(serde_json::Number),
            String(String),
        }
        Ok(Self(match IntOrString::deserialize(deserializer)? {
            IntOrString::Int(number) => number.to_string(),
            IntOrString::String(text) => text,
        }))
    }
}

/// Reads a quantity exactly; see [`Quantity::value`].
///
/// # Errors
/// The text is not a quantity, or its value does not fit 63 bits.
pub fn parse(text: &str) -> Result<i64, InvalidQuantity> {
    read(text).ok_or_else(|| InvalidQuantity { text: text.to_owned() })
}

/// The bytes of a quantity as it stands in an object; none where it is not one, or is negative.
pub fn bytes(value: &serde_json::Value) -> Option<u64> {
    match value {
        serde_json::Value::Number(number) => bytes_of(&number.to_string()),
        serde_json::Value::String(text) => bytes_of(text),
        _ => None,
    }
}

/// The bytes of a quantity written as text, in the same way.
pub fn bytes_of(text: &str) -> Option<u64> {
    parse(text.trim()).ok().and_then(|bytes| u64::try_from(bytes).ok())
}

/// A quantity with the largest unit that does not round.
pub fn of_bytes(bytes: u64) -> String {
    let units = [(30, "Gi"), (20, "Mi"), (10, "Ki")];
    let fits = units
        .iter()
        .find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1u64 << shift));
    fits.map_or_else(
        || bytes.to_string(),
        |(shift, unit)| format!("{}{unit}", bytes >> shift),
    )
}

/// A number of bytes with the unit of these that makes it the smallest number and does not round;
/// none where each would.
///
/// Cache systems read `G` as `GB`, as steps of 1024, and quotas are handed to them as they are
/// written, as Fluid does: `100G` has the shortest form `100G` and `100Gi` has `100GB`.
pub fn shortest(bytes: u64, units: &[(u64, &str)]) -> Option<String> {
    let fits = units
        .iter()
        .filter(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    fits.min_by_key(|(unit, _)| bytes / unit)
        .map(|(unit, name)| format!("{}{name}", bytes / unit))
}

/// The bytes that cache systems make of a size with a unit, each step of which is 1024 to them.
pub fn in_binary_steps(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let steps = match unit.chars().next().map(|c| c.to_ascii_lowercase()) {
        None | Some('b') => 0,
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some('p') => 5,
        Some(_) => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1024u64.pow(steps))
}

/// The size of an ephemeral directory on disk for so many bytes of cache: directories, blocks that
/// are begun and rounding come on top, and a pod whose directory is above its limit is evicted.
pub fn with_slack(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 10)
}

fn read(text: &str) -> Option<i64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let (multiplier, exponent) = unit(suffix)?;
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = digits.checked_mul(multiplier)?;
    let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = |exponent: i32| 10i128.checked_pow(exponent.unsigned_abs());
    let magnitude = match exponent {
        0.. => scaled.checked_mul(if scaled == 0 { 1 } else { power(exponent)? })?,
        // A divisor beyond all bounds leaves a fraction, and every fraction is rounded away from
        // zero.
        _ => power(exponent).map_or_else(
            || scaled.signum(),
            |divisor| scaled / divisor + i128::from(scaled % divisor != 0),
        ),
    };
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// What a suffix multiplies by, and the power of ten that comes on top.
fn unit(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            (1, all_digits.then(|| exponent.parse().ok())??)
        }
    })
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Quantity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"x-kubernetes-int-or-string": true, "pattern": PATTERN})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("10Gi", 10 << 30)]
    #[case("1.5Gi", 3 << 29)]
    #[case("10G", 10_000_000_000)]
    #[case("1500m", 2)]
    #[case("1m", 1)]
    #[case("-1500m", -2)]
    #[case("1n", 1)]
    #[case("0.1", 1)]
    #[case(".5", 1)]
    #[case("5.", 5)]
    #[case("+5", 5)]
    #[case("2e3", 2000)]
    #[case("2E-3", 1)]
    #[case("1e-400", 1)]
    #[case("0e400", 0)]
    #[case("7Ei", 7 << 60)]
    #[case("1E", 1_000_000_000_000_000_000)]
    #[case("1.000000001Ki", 1025)]
    fn quantities_are_read(#[case] text: &str, #[case] value: i64) {
        assert_eq!(parse(text), Ok(value));
    }

    #[rstest]
    #[case("7", Some(7))]
    #[case("7B", Some(7))]
    #[case("2G", Some(2 << 30))]
    #[case("2GB", Some(2 << 30))]
    #[case("2g", Some(2 << 30))]
    #[case("3k", Some(3 << 10))]
    #[case("1PB", Some(1 << 50))]
    #[case("9999999999999PB", None)]
    #[case("G", None)]
    #[case("2x", None)]
    fn every_unit_is_a_step_of_1024_to_a_cache_system(#[case] text: &str, #[case] bytes: Option<u64>) {
        assert_eq!(in_binary_steps(text), bytes);
    }

    #[rstest]
    #[case("")]
    #[case("Gi")]
    #[case(".")]
    #[case("1.2.3")]
    #[case("1 Gi")]
    #[case("10GB")]
    #[case("1K")]
    #[case("1e")]
    #[case("1e+-3")]
    #[case("--1")]
    #[case("8Ei")]
    #[case("1e30")]
    #[case("1é")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert_eq!(parse(text), Err(InvalidQuantity { text: text.to_owned() }));
    }

    #[test]
    fn a_number_in_the_object_is_a_quantity_too() {
        assert_eq!(
            serde_json::from_str::<Vec<Quantity>>(r#"[2, "2Gi"]"#).unwrap(),
            [Quantity("2".to_owned()), Quantity("2Gi".to_owned())]
        );
    }

    proptest! {
        #[test]
        fn reading_never_fails_in_another_way(text in "\\PC{0,12}") {
            let _ = parse(&text);
        }

        #[test]
        fn whole_numbers_of_bytes_are_exact(value in any::<i64>()) {
            prop_assert_eq!(parse(&value.to_string()), Ok(value));
        }
    }

    #[rstest]
    #[case(serde_json::json!(40960), Some(40_960))]
    #[case(serde_json::json!("40960"), Some(40_960))]
    #[case(serde_json::json!("1Gi"), Some(1 << 30))]
    #[case(serde_json::json!("1.5G"), Some(1_500_000_000))]
    #[case(serde_json::json!(" 2Ki "), Some(2_048))]
    #[case(serde_json::json!("100m"), Some(1))]
    #[case(serde_json::json!("0"), Some(0))]
    #[case(serde_json::json!("-1Gi"), None)]
    #[case(serde_json::json!("1GiB"), None)]
    #[case(serde_json::json!("lots"), None)]
    #[case(serde_json::json!(""), None)]
    #[case(serde_json::json!(null), None)]
    #[case(serde_json::json!(["1"]), None)]
    fn quantities_of_kubernetes(#[case] value: serde_json::Value, #[case] bytes: Option<u64>) {
        assert_eq!(super::bytes(&value), bytes);
    }

    proptest! {
        #[test]
        fn any_text_has_bytes_or_none(text in "\\PC*") {
            let _ = super::bytes_of(&text);
        }

        #[test]
        fn units_only_scale(number in 0u64..1 << 20) {
            prop_assert_eq!(super::bytes_of(&format!("{number}Ki")), Some(number << 10));
            prop_assert_eq!(super::bytes_of(&super::of_bytes(number)), Some(number));
        }
    }
}
