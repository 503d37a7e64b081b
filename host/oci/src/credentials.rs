//! Who somebody is to a registry, from the configuration of Docker and of pull Secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

/// The key of Docker Hub in such files.
const HUB: &str = "https://index.docker.io/v1/";

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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
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

    /// Returns those for a registry in a configuration, if there are any. `origin` says in messages
    /// where it is from.
    ///
    /// # Errors
    /// It cannot be read, or has something that cannot be used.
    pub fn find(
        config: &[u8],
        registry: &str,
        helpers: Helpers,
        origin: &str,
    ) -> Result<Option<Self>, CredentialsError> {
        let config: Config = serde_json::from_slice(config).map_err(|error| CredentialsError::Unreadable {
            origin: origin.to_owned(),
            // serde_json quotes values in some messages; where it is, says enough.
            reason: format!("line {}, column {}", error.line(), error.column()),
        })?;
        if helpers == Helpers::Start {
            let helper = config.cred_helpers.get(registry).or(config.creds_store.as_ref());
            if let Some(helper) = helper.filter(|helper| !helper.is_empty()) {
                return asked(helper, registry, origin).map(Some);
            }
        }
        let Some((_, entry)) = config.auths.iter().find(|(key, _)| is_for(key, registry)) else {
            return Ok(None);
        };
        if entry.identitytoken.as_ref().is_some_and(|token| !token.is_empty()) {
            return Err(CredentialsError::IdentityToken {
                origin: origin.to_owned(),
                registry: registry.to_owned(),
            });
        }
        if let (Some(name), Some(password)) = (&entry.username, &entry.password) {
            return Ok(Some(Self::user(name, password)));
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
        Ok(Some(Self::user(name, password)))
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

/// Whether the key of an entry is that of a registry. Docker writes `https://index.docker.io/v1/`
/// for its own, and older versions write addresses for others.
fn is_for(key: &str, registry: &str) -> bool {
    if key == HUB {
        return registry == "docker.io";
    }
    let host = key.trim_start_matches("https://").trim_start_matches("http://");
    host.split('/').next() == Some(registry)
}

/// Asks the program `docker-credential-…`.
fn asked(helper: &str, registry: &str, origin: &str) -> Result<Credentials, CredentialsError> {
    let program = format!("docker-credential-{helper}");
    let failed = |reason: String| CredentialsError::Helper {
        origin: origin.to_owned(),
        program: program.clone(),
        registry: registry.to_owned(),
        reason,
    };
    let asks = if registry == "docker.io" { HUB } else { registry };
    let run = || -> std::io::Result<_> {
        let mut child = Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(asks.as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = run().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|_| failed("its answer".to_owned()))?;
    Ok(Credentials::user(&answer.username, &answer.secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(config: &str, registry: &str) -> Result<Option<Credentials>, String> {
        Credentials::find(config.as_bytes(), registry, Helpers::Ignore, "config.json")
            .map_err(|error| error.to_string())
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
    fn nothing_of_them_is_shown() {
        assert_eq!(format!("{:?}", Credentials::user("me", "secret")), "the user me");
        for config in [r#"{"auths": {"x.io": {"auth": "secret!"}}}"#, r#"{"auths": "secret"}"#] {
            let refused = find(config, "x.io").unwrap_err();
            assert!(
                refused.starts_with("config.json is not") && !refused.contains("secret"),
                "{refused}"
            );
        }
        let token = find(r#"{"auths": {"x.io": {"identitytoken": "secret"}}}"#, "x.io").unwrap_err();
        assert!(
            token.contains("identity token for x.io") && !token.contains("secret"),
            "{token}"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let config = br#"{"credHelpers": {"x.io": "not-there"}}"#;
        let refused = Credentials::find(config, "x.io", Helpers::Start, "config.json")
            .unwrap_err()
            .to_string();
        assert!(
            refused.starts_with("the program docker-credential-not-there that config.json names"),
            "{refused}"
        );
    }
}
