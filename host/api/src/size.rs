//! Sizes for people: `1.50GiB`. Every unit counts in steps of 1024, whatever it is called.

const UNITS: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
const LETTERS: &str = "kmgtp";

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a size: write a number and a unit up to P, like 512MB or 1.5 GiB")]
pub struct InvalidSize {
    /// The text as it was read.
    pub text: String,
}

/// Reads a size: a number, at most one space, and perhaps a unit of `k m g t p` with `i`, `b` or
/// both, in either case. Fractions of a byte are dropped.
///
/// # Errors
/// The text has another form, or the size does not fit 63 bits.
pub fn parse(text: &str) -> Result<i64, InvalidSize> {
    read(text).ok_or_else(|| InvalidSize { text: text.to_owned() })
}

fn read(text: &str) -> Option<i64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    // What `f64` would read beyond digits with digits on both sides of a point: `.5`, `5.`.
    if number.split('.').any(str::is_empty) {
        return None;
    }
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let letter = unit.chars().next().and_then(|letter| LETTERS.find(letter));
    let rest = if letter.is_some() { unit.get(1..)? } else { &unit };
    if !matches!(rest, "" | "i" | "b" | "ib") {
        return None;
    }
    let power = letter.map_or(0, |index| index + 1);
    let bytes = number.parse::<f64>().ok()? * 1024f64.powi(i32::try_from(power).ok()?);
    // 2^63 itself is the first float that does not fit.
    (bytes < 9_223_372_036_854_775_808.0).then_some(bytes as i64)
}

/// Writes a size with two digits after the point: `1.50GiB`, `100.00B`. This is how statuses show
/// sizes.
pub fn format(bytes: u64) -> String {
    let (value, unit) = scale(bytes);
    format!("{value:.2}{unit}")
}

/// Writes a size with four digits and no trailing zeros: `10GiB`, `1.5GiB`, `0B`. This is how node
/// labels show sizes.
pub fn format_short(bytes: u64) -> String {
    let (value, unit) = scale(bytes);
    let decimals = match value {
        _ if value < 10.0 => 3,
        _ if value < 100.0 => 2,
        _ if value < 1000.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{unit}")
}

/// Writes a share in percent with one digit after the point: `12.5%`; `0.0%` of nothing.
pub fn format_percent(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.1}%", part / whole * 100.0)
    } else {
        "0.0%".to_owned()
    }
}

fn scale(bytes: u64) -> (f64, &'static str) {
    let mut value = bytes as f64;
    let mut unit = UNITS[0];
    for larger in UNITS.iter().skip(1) {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    (value, unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("32", 32)]
    #[case("32b", 32)]
    #[case("32 B", 32)]
    #[case("1k", 1024)]
    #[case("1KB", 1024)]
    #[case("1KiB", 1024)]
    #[case("1Ki", 1024)]
    #[case("1 gIb", 1 << 30)]
    #[case("19.07MB", 19_996_344)]
    #[case("250.38GB", 268_843_477_893)]
    #[case("1.5 PiB", 3 << 49)]
    #[case("5i", 5)]
    #[case("0.9", 0)]
    fn sizes_are_read(#[case] text: &str, #[case] bytes: i64) {
        assert_eq!(parse(text), Ok(bytes));
    }

    #[rstest]
    #[case("")]
    #[case(" 1")]
    #[case("1  k")]
    #[case("-1")]
    #[case("+1")]
    #[case("1e3")]
    #[case(".5k")]
    #[case("5.k")]
    #[case("1.2.3")]
    #[case("1E")]
    #[case("1kk")]
    #[case("1bi")]
    #[case("inf")]
    #[case("1k ")]
    #[case("9000P ")]
    #[case("8192P")]
    #[case("1é")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert_eq!(parse(text), Err(InvalidSize { text: text.to_owned() }));
    }

    #[rstest]
    #[case(0, "0.00B", "0B")]
    #[case(100, "100.00B", "100B")]
    #[case(1023, "1023.00B", "1023B")]
    #[case(1024, "1.00KiB", "1KiB")]
    #[case(10 << 30, "10.00GiB", "10GiB")]
    #[case(3 << 29, "1.50GiB", "1.5GiB")]
    #[case(40_757_435_762, "37.96GiB", "37.96GiB")]
    #[case(1 << 60, "1.00EiB", "1EiB")]
    #[case(u64::MAX, "16.00EiB", "16EiB")]
    fn sizes_are_written(#[case] bytes: u64, #[case] long: &str, #[case] short: &str) {
        assert_eq!(format(bytes), long);
        assert_eq!(format_short(bytes), short);
    }

    #[rstest]
    #[case(1.0, 8.0, "12.5%")]
    #[case(0.0, 8.0, "0.0%")]
    #[case(1.0, 0.0, "0.0%")]
    fn shares_are_written(#[case] part: f64, #[case] whole: f64, #[case] expected: &str) {
        assert_eq!(format_percent(part, whole), expected);
    }

    proptest! {
        #[test]
        fn reading_never_fails_in_another_way(text in "\\PC{0,12}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_back_within_its_precision(bytes in 0..(1u64 << 59)) {
            let back = parse(&format(bytes)).unwrap() as f64;
            prop_assert!((back - bytes as f64).abs() <= bytes as f64 * 0.006 + 1.0);
        }

        #[test]
        fn the_short_form_has_four_digits(bytes in any::<u64>()) {
            let digits = format_short(bytes).bytes().filter(u8::is_ascii_digit).count();
            prop_assert!((1..=4).contains(&digits) );
        }
    }
}
