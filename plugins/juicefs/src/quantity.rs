//! Sizes: as Kubernetes writes them (`1Gi`, `40960`, `1.5G`), and as JuiceFS does.

use serde_json::Value;
use wasser_api::quantity;

/// The bytes of a quantity as it stands in an object; none where it is not one, or is negative.
pub fn bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => parse(&number.to_string()),
        Value::String(text) => parse(text),
        _ => None,
    }
}

/// The bytes of a quantity written as text, in the same way.
pub fn parse(text: &str) -> Option<u64> {
    quantity::parse(text.trim()).ok().and_then(|bytes| u64::try_from(bytes).ok())
}

/// The bytes of a JuiceFS option such as `cache-size`, a number of MiB unless one letter after it says otherwise: `1024`, `10G`.
/// None where JuiceFS would not take it.
pub fn juicefs(text: &str) -> Option<u64> {
    let last = text.chars().last()?;
    let (number, unit) = if last.is_ascii_digit() {
        (text, 'M')
    } else {
        (text.strip_suffix(last)?, last)
    };
    let shift = match unit.to_ascii_uppercase() {
        'B' if unit == 'B' => 0,
        'K' => 10,
        'M' => 20,
        'G' => 30,
        'T' => 40,
        'P' => 50,
        'E' => 60,
        _ => return None,
    };
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    let value: f64 = number.chars().all(plain).then(|| number.parse().ok())??;
    // Beyond 64 bits the conversion stays at the largest number.
    Some((value * (1u64 << shift) as f64) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!(40960), Some(40_960))]
    #[case(json!("40960"), Some(40_960))]
    #[case(json!("1Gi"), Some(1 << 30))]
    #[case(json!("1.5G"), Some(1_500_000_000))]
    #[case(json!(" 2Ki "), Some(2_048))]
    #[case(json!("100m"), Some(1))]
    #[case(json!("0"), Some(0))]
    #[case(json!("-1Gi"), None)]
    #[case(json!("1GiB"), None)]
    #[case(json!("lots"), None)]
    #[case(json!(""), None)]
    #[case(json!(null), None)]
    #[case(json!(["1"]), None)]
    fn quantities_of_kubernetes(#[case] value: serde_json::Value, #[case] bytes: Option<u64>) {
        assert_eq!(super::bytes(&value), bytes);
    }

    #[rstest]
    #[case("1024", Some(1 << 30))]
    #[case("10G", Some(10 << 30))]
    #[case("10g", Some(10 << 30))]
    #[case("1.5k", Some(1_536))]
    #[case("7B", Some(7))]
    #[case("0", Some(0))]
    #[case("100000E", Some(u64::MAX))]
    #[case("10GiB", None)]
    #[case("7b", None)]
    #[case("-1", None)]
    #[case("1e3", None)]
    #[case("inf", None)]
    #[case("G", None)]
    #[case("", None)]
    #[case("十", None)]
    fn sizes_of_juicefs(#[case] text: &str, #[case] bytes: Option<u64>) {
        assert_eq!(super::juicefs(text), bytes);
    }

    proptest! {
        #[test]
        fn any_text_is_a_size_or_none(text in "\\PC*") {
            let _ = (super::juicefs(&text), super::parse(&text));
        }

        #[test]
        fn units_only_scale(number in 0u64..1 << 20) {
            prop_assert_eq!(super::juicefs(&format!("{number}G")), super::juicefs(&format!("{}M", number << 10)));
            prop_assert_eq!(super::juicefs(&number.to_string()), Some(number << 20));
            prop_assert_eq!(super::parse(&format!("{number}Ki")), Some(number << 10));
        }
    }
}
