//! Settles which registration serves which kind, and under which names.
//!
//! Of several registrations for one kind, the oldest serves it. The names in a plugin's
//! description, which appear in objects, finalizers and mount paths of its runtimes, belong to one
//! kind only. A registration that serves under a name keeps it; otherwise the older registration
//! gets it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::bindings::types::Description;

/// The names that a plugin claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedNames {
    /// The kind: `JuiceFSRuntime`.
    pub kind: String,
    /// Its plural: `juicefsruntimes`.
    pub plural: String,
    /// The type in finalizers, statuses and mount paths: `juicefs`.
    pub runtime_type: String,
    /// The type in labels of nodes and names of ConfigMaps; usually the same.
    pub implementation: String,
    /// The last element of mount paths: `juicefs-fuse`.
    pub directory: String,
}

impl ClaimedNames {
    /// Returns the names in a description.
    pub fn of(description: &Description) -> Self {
        Self {
            kind: description.kind.clone(),
            plural: description.plural.clone(),
            runtime_type: description.engine.clone(),
            implementation: description
                .implementation
                .clone()
                .unwrap_or_else(|| description.engine.clone()),
            directory: description.fuse.directory.clone(),
        }
    }

    /// Returns the first of these names that the other plugin also claims: the field of `describe`,
    /// and its value.
    fn shared_with(&self, other: &Self) -> Option<(&'static str, &str)> {
        let is_system = |name: &String| *name == other.runtime_type || *name == other.implementation;
        [
            // The API server accepts two kinds that differ only in case, but statuses of Datasets
            // do not distinguish them.
            ("kind", &self.kind, self.kind.eq_ignore_ascii_case(&other.kind)),
            ("plural", &self.plural, self.plural == other.plural),
            ("engine", &self.runtime_type, is_system(&self.runtime_type)),
            ("implementation", &self.implementation, is_system(&self.implementation)),
            ("fuse.directory", &self.directory, self.directory == other.directory),
        ]
        .into_iter()
        .find_map(|(field, name, shared)| shared.then_some((field, name.as_str())))
    }
}

/// The claim of a ConfigMap on a kind and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The ConfigMap's name, which decides between equal times.
    pub registration: String,
    /// When the ConfigMap was created. A claim without a time, from a file on the command line, is
    /// older than all others.
    pub created: Option<Time>,
    /// The kind and the names.
    pub names: ClaimedNames,
    /// Whether the registration already serves under exactly these names.
    pub held: bool,
}

impl Claim {
    fn age(&self) -> (&Option<Time>, &str) {
        (&self.created, &self.registration)
    }
}

/// Why a claim was lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LostClaim {
    /// An older registration serves the kind.
    #[error("{kind} is served by the older registration {winner}; this one takes over when that one is removed")]
    Kind {
        /// The kind.
        kind: String,
        /// The other registration.
        winner: String,
    },
    /// A registration of another kind has one of the names.
    #[error(
        "`{field}: {name}` of the plugin's `describe` belongs to {kind}, which the registration {winner} serves; let \
         `describe` return another name, or remove that registration"
    )]
    Name {
        /// The field of `describe`.
        field: &'static str,
        /// The name.
        name: String,
        /// The kind of the other registration.
        kind: String,
        /// The other registration.
        winner: String,
    },
}

/// Settles all claims. Returns the reason for each registration that loses; the others win.
///
/// The result does not depend on the order of the claims.
pub fn settle(claims: &[Claim]) -> BTreeMap<String, LostClaim> {
    let mut sorted: Vec<&Claim> = claims.iter().collect();
    sorted.sort_by_key(|claim| claim.age());
    let mut losers = BTreeMap::new();
    // Each round removes one claim that shares a name with a better one. This can leave its kind to
    // the next claim.
    loop {
        let mut of_kinds = BTreeMap::<&str, &Claim>::new();
        for claim in sorted.iter().filter(|claim| !losers.contains_key(&claim.registration)) {
            of_kinds.entry(&claim.names.kind).or_insert(claim);
        }
        let mut ranked: Vec<&Claim> = of_kinds.values().copied().collect();
        ranked.sort_by_key(|claim| (!claim.held, claim.age()));
        match ranked
            .iter()
            .enumerate()
            .find_map(|(rank, claim)| lost_name(claim, ranked.get(..rank)?))
        {
            Some((registration, loss)) => drop(losers.insert(registration, loss)),
            None => {
                for claim in &sorted {
                    let winner = of_kinds
                        .get(claim.names.kind.as_str())
                        .map(|winner| &winner.registration);
                    if let Some(winner) = winner.filter(|winner| **winner != claim.registration) {
                        losers
                            .entry(claim.registration.clone())
                            .or_insert_with(|| LostClaim::Kind {
                                kind: claim.names.kind.clone(),
                                winner: winner.clone(),
                            });
                    }
                }
                return losers;
            }
        }
    }
}

/// Returns the loss of a claim that shares a name with a better one.
fn lost_name(claim: &Claim, better: &[&Claim]) -> Option<(String, LostClaim)> {
    better.iter().find_map(|winner| {
        let (field, name) = claim.names.shared_with(&winner.names)?;
        let loss = LostClaim::Name {
            field,
            name: name.to_owned(),
            kind: winner.names.kind.clone(),
            winner: winner.registration.clone(),
        };
        Some((claim.registration.clone(), loss))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(system: &str, registration: &str, at: i64) -> Claim {
        let time = k8s_openapi::jiff::Timestamp::from_second(at).unwrap();
        Claim {
            registration: registration.to_owned(),
            created: Some(Time(time)),
            names: ClaimedNames {
                kind: format!("{system}Runtime"),
                plural: format!("{}runtimes", system.to_lowercase()),
                runtime_type: system.to_lowercase(),
                implementation: system.to_lowercase(),
                directory: format!("{}-fuse", system.to_lowercase()),
            },
            held: false,
        }
    }

    fn losers(claims: &[Claim]) -> Vec<(String, String)> {
        let mut reversed = claims.to_vec();
        reversed.reverse();
        assert_eq!(settle(claims), settle(&reversed));
        settle(claims)
            .into_iter()
            .map(|(name, loss)| (name, loss.to_string()))
            .collect()
    }

    #[test]
    fn the_older_claim_on_a_kind_wins_and_then_the_smaller_name() {
        let lost = losers(&[
            claim("A", "new", 20),
            claim("A", "old", 10),
            claim("B", "z", 5),
            claim("B", "y", 5),
        ]);
        assert_eq!(
            lost.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["new", "z"]
        );
        assert_eq!(
            lost[0].1,
            "ARuntime is served by the older registration old; this one takes over when that one is removed"
        );
        assert!(losers(&[claim("A", "new", 20)]).is_empty());
    }

    type Change = fn(&mut ClaimedNames);

    #[rstest::rstest]
    #[case::plural(|n: &mut ClaimedNames| n.plural = "goodruntimes".to_owned(), "`plural: goodruntimes`")]
    #[case::engine(|n: &mut ClaimedNames| n.runtime_type = "good".to_owned(), "`engine: good`")]
    #[case::engine_as_implementation(
        |n: &mut ClaimedNames| n.runtime_type = "good-one".to_owned(),
        "`engine: good-one`",
    )]
    #[case::implementation(
        |n: &mut ClaimedNames| n.implementation = "good-one".to_owned(),
        "`implementation: good-one`",
    )]
    #[case::implementation_as_engine(
        |n: &mut ClaimedNames| n.implementation = "good".to_owned(),
        "`implementation: good`",
    )]
    #[case::directory(|n: &mut ClaimedNames| n.directory = "good-fuse".to_owned(), "`fuse.directory: good-fuse`")]
    #[case::kind_in_another_case(|n: &mut ClaimedNames| n.kind = "GOODRuntime".to_owned(), "`kind: GOODRuntime`")]
    fn a_name_of_another_kind_is_not_given_twice(#[case] change: Change, #[case] says: &str) {
        let mut good = claim("Good", "good", 10);
        good.names.implementation = "good-one".to_owned();
        let mut evil = claim("Evil", "evil", 20);
        change(&mut evil.names);
        let lost = losers(&[good.clone(), evil.clone()]);
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].0, "evil");
        let message = &lost[0].1;
        assert!(message.starts_with(says), "{lost:?}");
        assert!(
            message.contains("belongs to GoodRuntime, which the registration good serves"),
            "{lost:?}"
        );
        assert!(
            losers(&[evil.clone()]).is_empty(),
            "it gets the name when nobody else has it"
        );

        // The older claim gets the name, unless the other one already serves under it.
        evil.created = None;
        assert_eq!(losers(&[good.clone(), evil.clone()])[0].0, "good");
        good.held = true;
        assert_eq!(losers(&[good, evil])[0].0, "evil");
    }

    #[test]
    fn a_claim_that_loses_a_name_leaves_its_kind_to_the_next() {
        let mut first = claim("Demo", "first", 20);
        first.names.runtime_type = "good".to_owned();
        let lost = losers(&[
            claim("Good", "good", 10),
            first,
            claim("Demo", "second", 30),
            claim("Demo", "third", 40),
        ]);
        assert_eq!(
            lost.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["first", "third"]
        );
        assert!(
            lost[1].1.contains("served by the older registration second"),
            "{lost:?}"
        );
    }
}
