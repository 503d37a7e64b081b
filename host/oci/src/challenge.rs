//! Whom a registry names for tokens. User and password are sent there, so they must not be readable on
//! the way.

use http::header::WWW_AUTHENTICATE;
use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use oci_client::errors::OciDistributionError;
use reqwest::Url;

use crate::reference::is_loopback;

/// Returns an address at which a registry would have credentials sent unencrypted, if it names one.
pub(crate) async fn unencrypted(client: &reqwest::Client, root: &str) -> Result<Option<String>, OciDistributionError> {
    let answer = client.get(root).send().await?;
    let said = answer.headers().get_all(WWW_AUTHENTICATE).iter();
    let realms = said.filter_map(|value| value.to_str().ok()).flat_map(realms);
    Ok(realms.into_iter().find(|realm| !is_safe(realm)))
}

/// Returns where to ask for tokens.
fn realms(header: &str) -> Vec<String> {
    let is_bearer = |challenge: &ChallengeRef<'_>| challenge.scheme.eq_ignore_ascii_case("Bearer");
    let challenges = ChallengeParser::new(header).filter_map(Result::ok).filter(is_bearer);
    let realm = |challenge: ChallengeRef<'_>| {
        let mut named = challenge.params.into_iter();
        named.find_map(|(key, value)| key.eq_ignore_ascii_case("realm").then(|| value.to_unescaped()))
    };
    challenges.filter_map(realm).collect()
}

/// Whether nobody on the way can read what is sent to an address. One that is none gets nothing.
fn is_safe(realm: &str) -> bool {
    match Url::parse(realm) {
        Ok(url) if url.scheme() == "http" => url.host_str().is_some_and(is_loopback),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Bearer realm=\"https://auth.example.com/token\",service=\"x\"", &["https://auth.example.com/token"], true)]
    #[case("bearer service=\"x\", REALM=\"HTTP://auth.example.com/token\"", &["HTTP://auth.example.com/token"], false)]
    #[case("Basic realm=\"x\", Bearer realm=\"http://a.example.com\"", &["http://a.example.com"], false)]
    #[case("Bearer realm=\"http://127.0.0.1:5000/token\"", &["http://127.0.0.1:5000/token"], true)]
    #[case("Bearer realm=\"http://[::1]:5000/token\"", &["http://[::1]:5000/token"], true)]
    #[case("Bearer realm=\"http://127.0.0.1.example.com/\"", &["http://127.0.0.1.example.com/"], false)]
    #[case("Bearer realm=\"http://localhost@example.com/\"", &["http://localhost@example.com/"], false)]
    #[case("Bearer realm=\"nowhere\"", &["nowhere"], true)]
    #[case("Basic realm=\"http://x.example.com\"", &[], true)]
    #[case("Bearer", &[], true)]
    fn credentials_go_to_addresses_that_nobody_listens_to(
        #[case] header: &str,
        #[case] named: &[&str],
        #[case] is_allowed: bool,
    ) {
        assert_eq!(realms(header), named);
        assert_eq!(realms(header).iter().all(|realm| is_safe(realm)), is_allowed);
    }
}
