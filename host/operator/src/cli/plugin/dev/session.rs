//! Builds a project again and again, and registers each build.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use tokio_util::sync::CancellationToken;
use wasser_oci::{Credentials, Reference, Registry};
use wasser_pack::Registered;
use wasser_pack::oci::artifact::Artifact;
use wasser_plugin::{PluginHost, State, VERDICT_ANNOTATION};

use super::changes::Changes;
use super::register::{Begun, Deed, register};
use super::told::{Times, goes_on, line};
use super::trouble::Trouble;
use crate::cli::data::screen::Screen;
use crate::cli::plugin::installed::consent::Consent;
use crate::cli::plugin::installed::desk::Desk;
use crate::cli::plugin::installed::error::ChangeError;
use crate::cli::plugin::installed::offer::{Built, Offer};
use crate::cli::plugin::installed::revision::Revision;
use crate::cli::plugin::installed::terms::Terms;
use crate::cli::plugin::installed::verdict::Ending;

/// Builds the artifact of a project.
pub type Build = Arc<dyn Fn() -> anyhow::Result<Artifact> + Send + Sync>;

/// Where builds go that no ConfigMap takes.
pub struct Push {
    /// The way to the registry.
    pub registry: Registry,
    /// The repository, with the tag.
    pub reference: Reference,
    /// The credentials for it.
    pub credentials: Credentials,
}

/// What a session works with.
pub struct Bench {
    /// The cluster.
    pub desk: Desk,
    /// Loads plugins as the operator does.
    pub host: PluginHost,
    /// Builds the project.
    pub build: Build,
    /// Where builds go; into the ConfigMap if it is not said.
    pub push: Option<Push>,
    /// The name of the registration, if it is not that of the plugin.
    pub name: Option<String>,
    /// What `build` builds.
    pub built: Built,
    /// On which terms builds are registered.
    pub terms: Terms,
    /// Who agrees to them.
    pub consent: Consent,
    /// Where the author looks.
    pub screen: Screen,
}

/// An author at work.
pub struct Session {
    bench: Bench,
    /// The registration, once there is a verdict on one.
    last: Option<Last>,
    /// The registration on which there is none yet.
    begun: Option<Begun>,
}

/// What was registered last.
struct Last {
    name: String,
    /// The digest of its artifact.
    digest: String,
    /// Whether that serves.
    is_served: bool,
    /// Whether that or a build before it serves.
    any_is_served: bool,
    /// The revision before the first build, if there is one.
    back: Option<Revision>,
}

impl Session {
    /// Begins.
    pub fn new(bench: Bench) -> Self {
        Self {
            bench,
            last: None,
            begun: None,
        }
    }

    /// Builds and registers once.
    ///
    /// # Errors
    /// There is no build, or it is not registered.
    pub async fn once(&mut self) -> Result<Ending, Trouble> {
        self.round().await
    }

    /// Builds and registers now and after each change, until it is stopped.
    ///
    /// # Errors
    /// Nothing was registered yet, and no change of the directory helps with that.
    pub async fn run(&mut self, mut changes: Changes, stop: CancellationToken) -> Result<(), Trouble> {
        let mut is_first = true;
        loop {
            let round = tokio::select! {
                round = self.round() => round,
                () = stop.cancelled() => break,
            };
            match round {
                // Who is asked and ends the command has said nothing.
                _ if stop.is_cancelled() => break,
                Ok(_) => {}
                Err(trouble) if self.last.is_none() && trouble.needs_another_command() => return Err(trouble),
                Err(trouble) => {
                    let (name, serves) = match (&self.last, &self.begun) {
                        (Some(last), _) => (Some(last.name.as_str()), last.any_is_served),
                        (None, Some(begun)) => (Some(begun.name.as_str()), false),
                        (None, None) => (None, false),
                    };
                    let goes_on = goes_on(name, serves);
                    self.bench.screen.complain(&format!("Error: {trouble}\n{goes_on}"));
                }
            }
            changes.built();
            if std::mem::take(&mut is_first) {
                let watches = format!("{} is watched; Ctrl-C ends that", self.bench.built.directory);
                self.bench.screen.say(&watches);
            }
            tokio::select! {
                more = changes.next() => if !more { break },
                () = stop.cancelled() => break,
            }
        }
        self.leave();
        Ok(())
    }

    async fn round(&mut self) -> Result<Ending, Trouble> {
        let begin = Instant::now();
        let build = self.bench.build.clone();
        let built = tokio::task::spawn_blocking(move || build()).await;
        let artifact = built.map_err(anyhow::Error::from).flatten().map_err(Trouble::Build)?;
        let build = begin.elapsed();
        let digest = artifact.digest();
        if let Some(last) = self
            .last
            .as_ref()
            .filter(|last| last.is_served && last.digest == digest)
        {
            let times = Times {
                build,
                push: None,
                serving: None,
            };
            let same = format!("the build has the same digest, {}", short(&digest));
            self.bench.screen.say(&line(&last.name, Deed::Unchanged, &same, times));
            return Ok(Ending::Nothing);
        }
        let begin = Instant::now();
        let Bench { host, push, built, .. } = &self.bench;
        let (offer, pushed) = offer(host, push.as_ref(), built.clone(), artifact).await?;
        let loaded = begin.elapsed();
        self.register(&offer, digest, [build, loaded], pushed).await
    }

    async fn register(
        &mut self,
        offer: &Offer,
        digest: String,
        [build, loaded]: [Duration; 2],
        push: Option<Duration>,
    ) -> Result<Ending, Trouble> {
        let Bench {
            desk,
            name,
            terms,
            consent,
            screen,
            ..
        } = &mut self.bench;
        let name = name.as_ref().unwrap_or(&offer.plugin.description.name).clone();
        let registered = register(desk, offer, &name, terms, consent, screen, &mut self.begun).await?;
        // What is named is given, once. Later builds may ask for less or more.
        terms.grants.clear();
        let is_served = matches!(registered.ending, Ending::Serves(_));
        let times = Times {
            build,
            push,
            serving: Some(loaded.saturating_sub(push.unwrap_or_default()) + registered.took),
        };
        let any_is_served = match &registered.ending {
            Ending::Serves(_) => true,
            Ending::Refused(_) => is_last_good(desk, &name).await?,
            Ending::NotInTime(..) | Ending::Nothing => self.last.as_ref().is_some_and(|last| last.any_is_served),
        };
        match &registered.ending {
            Ending::Serves(message) => screen.say(&line(&name, registered.deed, message, times)),
            ending => ending.report(desk, &name, &goes_on(Some(&name), any_is_served), screen),
        }
        self.begun = None;
        self.last = Some(Last {
            name,
            digest,
            is_served,
            any_is_served,
            back: registered.back,
        });
        Ok(registered.ending)
    }

    /// Says what stays.
    fn leave(&mut self) {
        let Bench { desk, screen, .. } = &mut self.bench;
        let (name, back, what) = match (&self.begun, &self.last) {
            (Some(Begun { name, back }), _) => (name, back, "is registered, and there is no verdict yet"),
            (None, Some(last)) => (&last.name, &last.back, "stays registered"),
            (None, None) => {
                screen.say("Nothing was registered");
                return;
            }
        };
        let remove = desk.command(&format!("remove {name}"));
        screen.say(&format!("{name} {what}. To remove it: {remove}"));
        if let Some(back) = back {
            let command = desk.command(&format!("rollback {name} --to {}", back.revision));
            screen.say(&format!("To go back to {}: {command}", back.shown()));
        }
    }
}

/// Loads a build, and pushes it meanwhile. Returns how long the latter took.
async fn offer(
    host: &PluginHost,
    push: Option<&Push>,
    built: Built,
    artifact: Artifact,
) -> Result<(Offer, Option<Duration>), Trouble> {
    let Some(push) = push else {
        let text = artifact.plugin_yaml().unwrap_or_default();
        wasser_pack::fits(&[text.len(), artifact.component().len(), artifact.chart().len()])?;
        return Ok((Offer::built(host, artifact, Registered::Inline, built).await?, None));
    };
    let from = Registered::Oci(push.reference.at(&artifact.digest()).to_string());
    let pushing = async {
        let begin = Instant::now();
        let pushed = push.registry.push(&push.reference, &artifact, &push.credentials).await;
        pushed.map(|_| begin.elapsed()).map_err(ChangeError::from)
    };
    let loading = Offer::built(host, artifact.clone(), from, built);
    let (offer, pushed) = tokio::try_join!(loading, pushing)?;
    Ok((offer, Some(pushed)))
}

/// Returns whether a build serves that was registered before the one that is now.
async fn is_last_good(desk: &Desk, name: &str) -> Result<bool, ChangeError> {
    let map = desk.look(name).await?;
    let verdict = map.as_ref().and_then(|map| map.annotations().get(VERDICT_ANNOTATION));
    Ok(verdict.is_some_and(|word| word == State::LastGood.word()))
}

/// Returns the begin of a digest.
fn short(digest: &str) -> &str {
    digest.get(..SHOWN).unwrap_or(digest)
}

/// How much of a digest is shown: its algorithm, and twelve digits.
const SHOWN: usize = "sha256:".len() + 12;
