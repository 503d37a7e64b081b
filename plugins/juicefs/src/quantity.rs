//! Sizes as JuiceFS writes them.

/// Returns the bytes of a JuiceFS option such as `cache-size`, a number of MiB unless a letter
/// follows: `1024`, `10G`. `None` if JuiceFS would not take it.
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
            let _ = super::juicefs(&text);
        }

        #[test]
        fn units_only_scale(number in 0u64..1 << 20) {
            prop_assert_eq!(super::juicefs(&format!("{number}G")), super::juicefs(&format!("{}M", number << 10)));
            prop_assert_eq!(super::juicefs(&number.to_string()), Some(number << 20));
        }
    }
}
