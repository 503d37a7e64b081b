//! Strings with known values, and texts that are fit to be shown.

use std::borrow::Cow;

/// The most bytes that a condition, an event or a field of a log line has. The API server refuses
/// events with a longer note.
pub const LONGEST: usize = 1024;

/// Stands for the part of a text that was cut out.
const CUT: &str = " … ";

/// Returns a text of at most `limit` bytes, and so of at most as many characters.
///
/// A longer text loses its middle: messages begin with the object that they are about and end with
/// the remedy.
///
/// ```
/// use wasser_api::text::bounded;
/// assert_eq!(bounded("Dataset.spec.mounts: is empty; name one", 33), "Dataset.spec.m … mpty; name one");
/// assert_eq!(bounded("short", 33), "short");
/// ```
pub fn bounded(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let Some(kept) = limit.checked_sub(CUT.len()) else {
        return Cow::Borrowed(text.get(..text.floor_char_boundary(limit)).unwrap_or_default());
    };
    let head = text.floor_char_boundary(kept.div_ceil(2));
    let tail = text.ceil_char_boundary(text.len() - kept / 2);
    let (head, tail) = (
        text.get(..head).unwrap_or_default(),
        text.get(tail..).unwrap_or_default(),
    );
    Cow::Owned(format!("{head}{CUT}{tail}"))
}

/// Returns a text on one line: its line breaks become spaces.
pub fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Returns a text as conditions and events have it: [`masked`], and [`bounded`] to [`LONGEST`].
pub fn shown(text: &str) -> String {
    bounded(&masked(text), LONGEST).into_owned()
}

/// Returns a text in which the passwords of addresses such as `redis://user:password@host` are
/// masked.
///
/// A password may contain anything but white space and quotes. Where it cannot be known where one
/// ends, more is masked than has to be.
///
/// ```
/// use wasser_api::text::masked;
/// assert_eq!(masked("dial redis://:secret@db:6379/1: timeout"), "dial redis://:****@db:6379/1: timeout");
/// ```
pub fn masked(text: &str) -> Cow<'_, str> {
    const SCHEME: &str = "://";
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(SCHEME) {
        let (before, address) = rest.split_at(at + SCHEME.len());
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
        let end = address.find(ends).unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        shown.push_str(before);
        match address.rfind('@').map(|at| address.split_at(at)) {
            Some((user, host)) if user.contains(':') => {
                shown.push_str(user.split(':').next().unwrap_or_default());
                shown.push_str(":****");
                shown.push_str(host);
            }
            _ => shown.push_str(address),
        }
        rest = after;
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Defines an enum of known strings that keeps unknown ones as `Other`, so that an object written
/// by a later version can still be read and written back unchanged. `listed` puts the known values
/// into the CRD schema, `any` leaves the check to the reader.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident,
        $schema:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// A value that this version does not know.
            Other(String),
        }

        impl $name {
            /// The value as it stands in the object.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }

            /// Whether the field is empty or absent.
            pub fn is_unset(&self) -> bool {
                self.as_str().is_empty()
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Other(text),
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                open_enum!(@schema $schema [$($text),+])
            }
        }
    };
    (@schema any [$($text:literal),+]) => { schemars::json_schema!({"type": "string"}) };
    (@schema listed [$($text:literal),+]) => { schemars::json_schema!({"type": "string", "enum": [$($text),+]}) };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_remedy() {
        let long = format!(
            "JuiceFSRuntime.spec.options: {} is unknown; remove it",
            "x".repeat(200_000)
        );
        let shown = bounded(&long, LONGEST);
        assert_eq!(shown.len(), LONGEST);
        assert!(shown.starts_with("JuiceFSRuntime.spec.options: x") && shown.ends_with("x is unknown; remove it"));
        assert!(shown.contains("x … x"));
    }

    #[rstest]
    #[case::nothing("", "")]
    #[case::no_address("user:password@host", "user:password@host")]
    #[case::no_user("https://host:80/path", "https://host:80/path")]
    #[case::no_password("ssh://git@host", "ssh://git@host")]
    #[case::a_user("mysql://root:pw@(db:3306)/jfs", "mysql://root:****@(db:3306)/jfs")]
    #[case::no_name("redis://:a$&(b)@db", "redis://:****@db")]
    #[case::separators("redis://u:a/b@c:d@db/1", "redis://u:****@db/1")]
    #[case::several("redis://:a@one redis://:b@two", "redis://:****@one redis://:****@two")]
    #[case::a_list("redis://:a@one,redis://:b@two", "redis://:****@two")]
    #[case::quoted(
        "\"redis://:a@one\" and 'http://b:c@d'",
        "\"redis://:****@one\" and 'http://b:****@d'"
    )]
    fn passwords_of_addresses_are_masked(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(masked(text), shown);
    }

    proptest! {
        #[test]
        fn no_text_is_longer_than_its_limit(text in ".{0,80}", limit in 0_usize..40) {
            let shown = bounded(&text, limit);
            prop_assert!(shown.len() <= limit);
            prop_assert!(text.len() > limit || shown == text);
        }

        #[test]
        fn no_password_is_shown(before in "[a-z ]{0,9}", secret in "[A-Z0-9:/@$&%é]{3,12}", after in "[a-z ]{0,9}") {
            let text = format!("{before} redis://user:{secret}@db/1 {after}");
            prop_assert_eq!(masked(&text), format!("{before} redis://user:****@db/1 {after}"));
        }
    }
}
