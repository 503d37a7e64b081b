//! Waits for the operator's verdict on a registration that was written.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use wasser_plugin::{
    Registration, State, VERDICT_ANNOTATION, VERDICT_MESSAGE_ANNOTATION, VERDICT_REASON_ANNOTATION, Verdict,
};

use super::desk::Desk;
use super::error::ChangeError;
use crate::cli::data::problem::Problem;
use crate::cli::data::screen::Screen;
use crate::cli::data::state::plain;

/// The annotation with the digest of the component that serves.
const DIGEST: &str = "wasser.fluid.io/digest";

/// How a command ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The registration serves; with the operator's words.
    Serves(String),
    /// It does not, and will not unless something changes; with the operator's words.
    Refused(String),
    /// There is no such verdict in time; with the last words, if there are any.
    NotInTime(Duration, Option<String>),
    /// Nothing was to be done, or written.
    Nothing,
}

/// What the annotations of a ConfigMap say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing yet.
    Nothing,
    /// Something that does not stay so.
    Soon(String),
    /// The verdict.
    Verdict(Ending),
}

impl Ending {
    /// Returns the exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Serves(_) | Self::Nothing => 0,
            Self::Refused(_) => 1,
            Self::NotInTime(..) => 3,
        }
    }

    /// Tells the user, with what to do if the plugin does not serve.
    pub fn report(&self, desk: &Desk, name: &str, remedy: &str, screen: &mut Screen) {
        match self {
            Self::Serves(message) => screen.say(&format!("{name} {message}")),
            Self::Refused(message) => {
                screen.complain(&format!("Error: the operator refuses {name}: {message}\n{remedy}"));
            }
            Self::NotInTime(limit, last) => {
                let (seconds, namespace) = (limit.as_secs_f64(), &desk.namespace);
                let last = last.clone().unwrap_or_else(|| {
                    format!("no operator has looked at it; is Wasser in the namespace {namespace}, and running?")
                });
                screen.complain(&format!(
                    "Error: {name} does not serve after {seconds} s: {last}\nIt stays registered; what becomes of it: {}\n\
                     {remedy}",
                    desk.command("list")
                ));
            }
            Self::Nothing => {}
        }
    }
}

/// Returns what the operator has said of a registration.
pub fn said(map: &ConfigMap) -> Said {
    let annotation = |key: &str| map.annotations().get(key).map(|text| plain(text));
    let Some(word) = annotation(VERDICT_ANNOTATION) else {
        return Said::Nothing;
    };
    let message = annotation(VERDICT_MESSAGE_ANNOTATION).unwrap_or_else(|| word.clone());
    let reason = annotation(VERDICT_REASON_ANNOTATION).unwrap_or_default();
    if word == State::Loaded.word() {
        Said::Verdict(Ending::Serves(message))
    } else if Verdict::is_on_its_way(&reason) {
        Said::Soon(message)
    } else {
        Said::Verdict(Ending::Refused(message))
    }
}

/// Waits for the verdict on a ConfigMap in this state. One that was written just now has none yet.
///
/// # Errors
/// Somebody else has changed it meanwhile, or this account may not follow it.
pub async fn wait(
    desk: &Desk,
    written: &ConfigMap,
    limit: Duration,
    screen: &mut Screen,
) -> Result<Ending, ChangeError> {
    let (name, started) = (written.name_any(), Instant::now());
    let changed = || ChangeError::Changed(name.clone());
    let is_written = |map: &ConfigMap| (&map.metadata.uid, &map.data) == (&written.metadata.uid, &written.data);
    let digest = Registration::parse(written)
        .map(|registration| registration.digest.to_string())
        .ok();
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = pin!(watcher(desk.maps(), config).default_backoff());
    let mut over = pin!(tokio::time::sleep(limit));
    let (mut last, mut is_listed) = (None, false);
    screen.show(&format!("{name}  waits for the operator"), started.elapsed());
    loop {
        let event = tokio::select! {
            biased;
            event = events.next() => event,
            () = &mut over => return Ok(Ending::NotInTime(limit, last)),
        };
        match event {
            Some(Ok(Event::Apply(map) | Event::InitApply(map))) => {
                is_listed = true;
                if !is_written(&map) {
                    return Err(changed());
                }
                match said(&map) {
                    // The operator may just have written its verdict on the state before.
                    Said::Verdict(Ending::Serves(_)) if map.annotations().get(DIGEST) != digest.as_ref() => {}
                    Said::Nothing => {}
                    Said::Soon(message) => {
                        screen.show(&format!("{name}  {message}"), started.elapsed());
                        last = Some(message);
                    }
                    Said::Verdict(ending) => return Ok(ending),
                }
            }
            Some(Ok(Event::Init)) => is_listed = false,
            Some(Ok(Event::InitDone)) if is_listed => {}
            Some(Ok(Event::InitDone | Event::Delete(_))) | None => return Err(changed()),
            Some(Err(error)) => {
                let attempt = desk.attempt("watch", format!("following the ConfigMap {name}"));
                if let Some(reason) = Problem::of_watch(&error, &attempt) {
                    let (reason, look) = (reason.to_string(), desk.command("list"));
                    return Err(ChangeError::Unfollowed { name, reason, look });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("loaded", "PluginLoaded", Said::Verdict(Ending::Serves("says so".to_owned())))]
    #[case("refused", "PluginRefused", Said::Verdict(Ending::Refused("says so".to_owned())))]
    #[case("last-good", "PluginChangeRefused", Said::Verdict(Ending::Refused("says so".to_owned())))]
    #[case("waiting", "PluginKindTaken", Said::Verdict(Ending::Refused("says so".to_owned())))]
    #[case("waiting", "PluginNameTaken", Said::Verdict(Ending::Refused("says so".to_owned())))]
    #[case("waiting", "PluginCannotBePulled", Said::Verdict(Ending::Refused("says so".to_owned())))]
    #[case("waiting", "PluginWaitsForCRD", Said::Soon("says so".to_owned()))]
    #[case("waiting", "PluginIsPulled", Said::Soon("says so".to_owned()))]
    #[case("last-good", "PluginIsPulled", Said::Soon("says so".to_owned()))]
    fn a_verdict_counts_unless_something_is_on_its_way(#[case] word: &str, #[case] reason: &str, #[case] means: Said) {
        let annotations = json!({
            "wasser.fluid.io/verdict": word, "wasser.fluid.io/reason": reason, "wasser.fluid.io/message": "says\nso",
        });
        let map = serde_json::from_value(json!({"metadata": {"annotations": annotations}})).unwrap();
        assert_eq!(said(&map), means);
    }

    #[test]
    fn without_annotations_nothing_is_said() {
        assert_eq!(said(&ConfigMap::default()), Said::Nothing);
    }

    #[test]
    fn exit_codes_tell_the_endings_apart() {
        let limit = Duration::from_secs(1);
        let endings = [
            Ending::Serves(String::new()),
            Ending::Nothing,
            Ending::Refused(String::new()),
            Ending::NotInTime(limit, None),
        ];
        assert_eq!(endings.map(|ending| ending.code()), [0, 0, 1, 3]);
    }
}
