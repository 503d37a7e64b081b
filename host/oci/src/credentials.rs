//! Who somebody is to a registry, from the configuration of Docker and of pull Secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

use crate::helper;
use crate::reference::Reference;

/// The key of Docker Hub in such files.
const HUB: &str = "https://index.docker.io/v1/";

/// The name of the user whose password is an identity token.
const TOKEN_USER: &str = "<token>";

/// Who somebody is to one registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: Option<(String, String)>,
}

/// Why credentials cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file is not what Docker writes.
    #[error("{origin} is not a configuration as Docker writes it: {reason}")]
    Unreadable {
        /// The file or Secret.
        origin: String,
        /// The reason, which quotes nothing.
        reason: String,
    },
    /// A program that keeps credentials does not give them.
    #[error("the program {program} that {origin} names gives no credentials for {registry}: {reason}")]
    Helper {
        /// The file.
        origin: String,
        /// The program.
        program: String,
        /// The registry.
        registry: String,
        /// The reason.
        reason: String,
    },
    /// A kind of credentials that cannot be used.
    #[error(
        "{origin} has an identity token for {registry}, which is not supported; log in there with a user name and \
         a password or access token"
    )]
    IdentityToken {
        /// The file or Secret.
        origin: String,
        /// The registry.
        registry: String,
    },
}

/// Whether the programs that a configuration names may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helpers {
    /// They may: it is the configuration of the user who asks.
    Start,
    /// They are ignored: somebody else has written it.
    Ignore,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl Credentials {
    /// Returns those of nobody in particular.
    pub fn anonymous() -> Self {
        Self { user: None }
    }

    /// Returns those of a user.
    pub fn user(name: &str, password: &str) -> Self {
        Self {
            user: Some((name.to_owned(), password.to_owned())),
        }
    }

    /// Returns those for an artifact in a configuration, if there are any: those of the longest path
    /// that leads to it. `origin` says in messages where it is from.
    ///
    /// # Errors
    /// It cannot be read, or has something that cannot be used.
    pub fn find(
        config: &[u8],
        reference: &Reference,
        helpers: Helpers,
        origin: &str,
    ) -> Result<Option<Self>, CredentialsError> {
        Self::choose(config, reference, origin, |helper| match helpers {
            Helpers::Start => {
                let registry = reference.registry();
                let found = helper::ask(helper, if registry == "docker.io" { HUB } else { registry });
                let found = found.map_err(|reason| CredentialsError::Helper {
                    origin: origin.to_owned(),
                    program: helper::program(helper),
                    registry: registry.to_owned(),
                    reason,
                })?;
                Ok(found.map(|login| Self::user(&login.username, &login.secret)))
            }
            Helpers::Ignore => Ok(None),
        })
    }

    /// Returns what a program has, or else what the file has.
    fn choose(
        config: &[u8],
        reference: &Reference,
        origin: &str,
        ask: impl FnOnce(&str) -> Result<Option<Self>, CredentialsError>,
    ) -> Result<Option<Self>, CredentialsError> {
        let config: Config = serde_json::from_slice(config).map_err(|error| CredentialsError::Unreadable {
            origin: origin.to_owned(),
            // serde_json quotes values in some messages; where it is, says enough.
            reason: format!("line {}, column {}", error.line(), error.column()),
        })?;
        let registry = reference.registry();
        let no_token = |user: Self| match &user.user {
            Some((name, _)) if name == TOKEN_USER => Err(CredentialsError::IdentityToken {
                origin: origin.to_owned(),
                registry: registry.to_owned(),
            }),
            _ => Ok(Some(user)),
        };
        let helper = config.cred_helpers.get(registry).or(config.creds_store.as_ref());
        if let Some(helper) = helper.filter(|helper| !helper.is_empty())
            && let Some(found) = ask(helper)?
        {
            return no_token(found);
        }
        let entries = config.auths.iter();
        let leading = entries.filter_map(|(key, entry)| Some((reach(key, reference)?, entry)));
        let Some((_, entry)) = leading.max_by_key(|(reach, _)| *reach) else {
            return Ok(None);
        };
        if entry.identitytoken.as_ref().is_some_and(|token| !token.is_empty()) {
            return no_token(Self::user(TOKEN_USER, ""));
        }
        if let (Some(name), Some(password)) = (&entry.username, &entry.password) {
            return no_token(Self::user(name, password));
        }
        let Some(auth) = entry.auth.as_deref().filter(|auth| !auth.is_empty()) else {
            return Ok(None);
        };
        let decoded = STANDARD
            .decode(auth)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = decoded.as_deref().and_then(|pair| pair.split_once(':'));
        let (name, password) = pair.ok_or_else(|| CredentialsError::Unreadable {
            origin: origin.to_owned(),
            reason: format!("`auth` of {registry} is not `user:password` in base64"),
        })?;
        no_token(Self::user(name, password))
    }

    /// Returns the file in which Docker keeps what `docker login` was told.
    pub fn file() -> Option<PathBuf> {
        let set = |key| {
            std::env::var_os(key)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let directory = set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")))?;
        Some(directory.join("config.json"))
    }

    /// Whether they are anybody's.
    pub fn is_anonymous(&self) -> bool {
        self.user.is_none()
    }

    /// Returns whose they are, for messages.
    pub(crate) fn who(&self) -> String {
        match &self.user {
            Some((name, _)) => format!("the user {name}"),
            None => "somebody without credentials".to_owned(),
        }
    }

    pub(crate) fn auth(&self) -> RegistryAuth {
        match &self.user {
            Some((name, password)) => RegistryAuth::Basic(name.clone(), password.clone()),
            None => RegistryAuth::Anonymous,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who())
    }
}

/// Returns how much of an artifact's repository the key of an entry names, if it leads there. Docker
/// writes `https://index.docker.io/v1/` for its own registry, people write less of that, and older
/// versions write such addresses for others.
fn reach(key: &str, reference: &Reference) -> Option<usize> {
    let place = key.trim_start_matches("https://").trim_start_matches("http://");
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let path = path.trim_end_matches('/');
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let host = if host == "index.docker.io" { "docker.io" } else { host };
    if host != reference.registry() {
        return None;
    }
    let repository = reference.repository();
    let rest = repository.strip_prefix(host)?.strip_prefix('/')?.strip_prefix(path)?;
    (path.is_empty() || rest.is_empty() || rest.starts_with('/')).then_some(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(config: &str, place: &str) -> Result<Option<Credentials>, String> {
        found(config, place, Helpers::Ignore)
    }

    fn found(config: &str, place: &str, helpers: Helpers) -> Result<Option<Credentials>, String> {
        let reference = format!("{place}/team/demo:1").parse().unwrap();
        Credentials::find(config.as_bytes(), &reference, helpers, "config.json").map_err(|error| error.to_string())
    }

    #[test]
    fn they_are_found_as_docker_writes_them() {
        let config = r#"{"auths": {"ghcr.io": {"auth": "bWU6c2VjcmV0"}, "https://old.example.com/v1/": {"auth":
            "b2xkOng6eQ=="}, "https://index.docker.io/v1/": {"username": "hub", "password": "p"}, "empty.example.com": {}},
            "credsStore": "never-started"}"#;
        assert_eq!(
            find(config, "ghcr.io").unwrap(),
            Some(Credentials::user("me", "secret"))
        );
        assert_eq!(
            find(config, "old.example.com").unwrap(),
            Some(Credentials::user("old", "x:y"))
        );
        assert_eq!(find(config, "docker.io").unwrap(), Some(Credentials::user("hub", "p")));
        for other in ["evil-ghcr.io", "ghcr.io.example.com", "empty.example.com"] {
            assert_eq!(find(config, other).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn those_of_docker_hub_are_found_under_each_of_its_names() {
        for key in [
            HUB,
            "https://index.docker.io/v1",
            "https://index.docker.io",
            "index.docker.io",
            "docker.io",
        ] {
            let config = format!("{{\"auths\": {{\"{key}\": {{\"username\": \"hub\", \"password\": \"p\"}}}}}}");
            let hub = Some(Credentials::user("hub", "p"));
            assert_eq!(find(&config, "docker.io").unwrap(), hub, "{key}");
            assert_eq!(find(&config, "ghcr.io").unwrap(), None, "{key}");
        }
    }

    #[test]
    fn nothing_of_them_is_shown() {
        assert_eq!(format!("{:?}", Credentials::user("me", "secret")), "the user me");
        for config in [r#"{"auths": {"x.io": {"auth": "secret!"}}}"#, r#"{"auths": "secret"}"#] {
            let refused = find(config, "x.io").unwrap_err();
            assert!(
                refused.starts_with("config.json is not") && !refused.contains("secret"),
                "{refused}"
            );
        }
        for entry in [
            r#"{"identitytoken": "secret", "username": "me", "password": "secret"}"#,
            r#"{"username": "<token>", "password": "secret"}"#,
            r#"{"auth": "PHRva2VuPjpzZWNyZXQ="}"#,
        ] {
            let token = find(&format!("{{\"auths\": {{\"x.io\": {entry}}}}}"), "x.io").unwrap_err();
            assert!(
                token.contains("identity token for x.io") && !token.contains("secret"),
                "{token}"
            );
        }
    }

    #[test]
    fn the_longest_path_that_leads_there_wins() {
        let entry = |user: &str| format!("{{\"username\": \"{user}\", \"password\": \"p\"}}");
        let config = |keys: &[&str]| {
            let entries: Vec<String> = keys.iter().map(|key| format!("\"{key}\": {}", entry(key))).collect();
            format!("{{\"auths\": {{{}}}}}", entries.join(", "))
        };
        let keys = [
            "x.io",
            "x.io/team",
            "x.io/team/demo",
            "x.io/te",
            "x.io/other",
            "y.io/team/demo/more",
        ];
        for (number, wins) in [(3, "x.io/team/demo"), (2, "x.io/team"), (1, "x.io")] {
            let mut there = keys[..number].to_vec();
            there.extend_from_slice(&keys[3..]);
            let user = Credentials::user(wins, "p");
            assert_eq!(find(&config(&there), "x.io").unwrap(), Some(user), "{there:?}");
        }
        assert_eq!(find(&config(&keys[3..]), "x.io").unwrap(), None);
        assert_eq!(find(&config(&["x.io/team/"]), "x.io/sub").unwrap(), None);
    }

    #[test]
    fn a_program_that_has_none_leaves_it_to_the_file() {
        let config = br#"{"credsStore": "keys", "auths": {"x.io": {"auth": "bWU6c2VjcmV0"}}}"#;
        let reference = "x.io/team/demo:1".parse().unwrap();
        let chosen = |kept: Option<Credentials>| {
            Credentials::choose(config, &reference, "config.json", |helper| {
                assert_eq!(helper, "keys");
                Ok(kept)
            })
        };
        let mine = Credentials::user("mine", "x");
        assert_eq!(chosen(Some(mine.clone())).unwrap(), Some(mine));
        assert_eq!(chosen(None).unwrap(), Some(Credentials::user("me", "secret")));
        let token = chosen(Some(Credentials::user("<token>", "x"))).unwrap_err();
        assert!(token.to_string().contains("identity token for x.io"), "{token}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let config = r#"{"credHelpers": {"x.io": "not-there"}}"#;
        let refused = found(config, "x.io", Helpers::Start).unwrap_err();
        assert!(
            refused.starts_with("the program docker-credential-not-there that config.json names"),
            "{refused}"
        );
    }
}
