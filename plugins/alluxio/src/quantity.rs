//! Sizes as Kubernetes writes them: `1Gi`, `40960`, `1.5G`.

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

    proptest! {
        #[test]
        fn any_text_is_a_size_or_none(text in "\\PC*") {
            let _ = super::parse(&text);
        }

        #[test]
        fn units_only_scale(number in 0u64..1 << 20) {
            prop_assert_eq!(super::parse(&format!("{number}Ki")), Some(number << 10));
        }
    }
}
