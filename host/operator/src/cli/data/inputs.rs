//! What users write for options. Whatever may be a secret is taken as it is and checked here: a
//! refusal by the parser of the command line would print the value.

use std::collections::BTreeMap;
use std::time::Duration;

use wasser_api::dataset::{EncryptOption, EncryptOptionSource, SecretKeySelector};

use super::problem::Problem;
use crate::cli::options;

/// Parts of names of options whose values are secrets.
const SECRETS: [&str; 8] = [
    "accesskey",
    "apikey",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
];

/// Why a value is refused that may be a secret.
const WHY: &str = "the value of a secret does not belong on a command line, where other users of the machine and the \
                   history of the shell show it";

/// Reads options of the form `key=value`.
///
/// # Errors
/// One has another form, comes twice, or is named like a secret.
pub fn options(flag: &'static str, given: &[String]) -> Result<BTreeMap<String, String>, Problem> {
    let mut all = BTreeMap::new();
    for text in given {
        let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Problem::usage(format!("{flag} has the form KEY=VALUE")));
        };
        let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        if SECRETS.iter().any(|secret| plain.contains(secret)) {
            return Err(Problem::usage(format!(
                "{flag} {key}=…: {WHY}; put it into a Secret, and name that by `data migrate --secret-option \
                 {key}=SECRET/KEY`"
            )));
        }
        if all.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Problem::usage(format!(
                "{flag} {key}=… is given twice; leave one of them out"
            )));
        }
    }
    Ok(all)
}

/// Reads options of the form `name=SECRET/KEY`, each of which refers to a key of a Secret.
///
/// # Errors
/// One is not a reference, as the value of a secret is not.
pub fn secret_options(given: &[String]) -> Result<Vec<EncryptOption>, Problem> {
    let read = |text: &String| {
        let (name, reference) = text.split_once('=').unwrap_or((text, ""));
        let (secret, key) = reference.split_once('/').unwrap_or((reference, ""));
        if !is_name_of_secret(secret) || !is_key(key) {
            let shown = if text.contains('=') { name } else { "NAME" };
            return Err(Problem::usage(format!(
                "--secret-option {shown}=… is not a reference of the form {shown}=SECRET/KEY; {WHY}. Put it into a \
                 Secret: kubectl create secret generic SECRET --from-file=KEY=FILE"
            )));
        }
        Ok(EncryptOption {
            name: name.to_owned(),
            value_from: EncryptOptionSource {
                secret_key_ref: SecretKeySelector {
                    name: secret.to_owned(),
                    key: key.to_owned(),
                },
            },
        })
    };
    given.iter().map(read).collect()
}

/// Checks that an address has no keys in it.
///
/// # Errors
/// It has.
pub fn address(flag: &str, uri: &str) -> Result<(), Problem> {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return Ok(());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A secret key may have a slash in it.
    if authority.contains('@') || rest.split('?').next().is_some_and(has_keys) {
        return Err(Problem::usage(format!(
            "{flag} {scheme}://…@…: {WHY}; leave the keys out of the address, and name them by --secret-option \
             access-key=SECRET/KEY and secret-key=SECRET/KEY"
        )));
    }
    Ok(())
}

/// Whether this may begin with `ACCESS_KEY:SECRET_KEY@`.
fn has_keys(rest: &str) -> bool {
    rest.split_once('@')
        .is_some_and(|(before, _)| before.split_once(':').is_some())
}

/// A name of a Secret, as Kubernetes has it; few secret values are one.
fn is_name_of_secret(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|byte| is_part(byte) || byte == b'-' || byte == b'.')
        && text.bytes().next().is_some_and(is_part)
        && text.bytes().last().is_some_and(is_part)
}

/// A key of a Secret, as Kubernetes has it.
fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Reads how long an operation is kept: whole seconds.
pub fn ttl(text: &str) -> Result<i32, String> {
    let kept = options::duration(text)?;
    i32::try_from(kept.as_secs())
        .ok()
        .filter(|seconds| Duration::from_secs(seconds.unsigned_abs().into()) == kept)
        .ok_or_else(|| "it is in whole seconds, and not more than 2^31 of them".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn given(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn options_are_pairs() {
        let found = options("--option", &given(&["threads=32", "exclude=a=b", "empty="])).unwrap();
        assert_eq!(found["threads"], "32");
        assert_eq!((found["exclude"].as_str(), found["empty"].as_str()), ("a=b", ""));
        for (bad, words) in [
            (vec!["threads"], "KEY=VALUE"),
            (vec!["=x"], "KEY=VALUE"),
            (vec!["a=1", "a=2"], "given twice"),
        ] {
            let problem = options("--option", &given(&bad)).unwrap_err().to_string();
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[rstest]
    #[case("access-key")]
    #[case("SECRET_KEY")]
    #[case("session-token")]
    #[case("dbPassword")]
    fn an_option_with_the_name_of_a_secret_is_refused_without_its_value(#[case] name: &str) {
        let problem = options("--option", &given(&[&format!("{name}=hunter2")]))
            .unwrap_err()
            .to_string();
        assert!(problem.contains("history of the shell"), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }

    #[rstest]
    #[case("secret-key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
    #[case("access-key=AKIAIOSFODNN7EXAMPLE")]
    #[case("access-key=hunter2")]
    #[case("wJalrXUtnFEMI/K7MDENG")]
    #[case("token=keys/a b")]
    fn a_secret_in_place_of_a_reference_is_refused_and_not_printed(#[case] text: &str) {
        let problem = secret_options(&given(&[text])).unwrap_err().to_string();
        assert!(problem.contains("SECRET/KEY"), "{problem}");
        let value = text.split_once('=').map_or(text, |(_, value)| value);
        assert!(!problem.contains(value), "{problem}");
    }

    #[test]
    fn a_reference_names_secret_and_key() {
        let found = secret_options(&given(&["access-key=photos-keys/id"])).unwrap();
        let reference = &found[0].value_from.secret_key_ref;
        assert_eq!(
            (found[0].name.as_str(), reference.name.as_str(), reference.key.as_str()),
            ("access-key", "photos-keys", "id")
        );
    }

    #[rstest]
    #[case("s3://bucket.endpoint/a@b", true)]
    #[case("pvc://claim/dir", true)]
    #[case("s3://AK:SK@bucket.endpoint/x", false)]
    #[case("s3://AK:S/K@bucket.endpoint/x", false)]
    fn addresses_have_no_keys(#[case] uri: &str, #[case] fine: bool) {
        let outcome = address("--from", uri);
        assert_eq!(outcome.is_ok(), fine, "{outcome:?}");
        if let Err(problem) = outcome {
            assert!(!problem.to_string().contains("AK:"), "{problem}");
        }
    }

    #[rstest]
    #[case("1h", Ok(3600))]
    #[case("0", Ok(0))]
    #[case("1m30s", Ok(90))]
    #[case("1500ms", Err("whole seconds"))]
    #[case("999999h", Err("2^31"))]
    #[case("soon", Err("not a duration"))]
    fn times_are_in_whole_seconds(#[case] text: &str, #[case] seconds: Result<i32, &str>) {
        match (ttl(text), seconds) {
            (found, Ok(wanted)) => assert_eq!(found, Ok(wanted)),
            (found, Err(words)) => assert!(found.unwrap_err().contains(words)),
        }
    }
}
