//! Two registrations for one kind: the older wins, the newer is told why not.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The claim of a ConfigMap on a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The kind.
    pub kind: String,
    /// When the ConfigMap was created. One without a time (a file on the command line) is older than all others.
    pub created: Option<Time>,
    /// The ConfigMap's name, which decides between equal times.
    pub name: String,
}

/// Who serves what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// The ConfigMap that serves each kind.
    pub winners: BTreeMap<String, String>,
    /// ConfigMaps that lost, each with the one that serves its kind.
    pub losers: BTreeMap<String, String>,
}

/// Settles the claims. The result does not depend on the order in which they are given.
pub fn settle(claims: &[Claim]) -> Settlement {
    let mut sorted: Vec<&Claim> = claims.iter().collect();
    sorted.sort();
    let mut settlement = Settlement::default();
    for claim in sorted {
        match settlement.winners.get(&claim.kind) {
            Some(winner) => drop(settlement.losers.insert(claim.name.clone(), winner.clone())),
            None => drop(settlement.winners.insert(claim.kind.clone(), claim.name.clone())),
        }
    }
    settlement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(kind: &str, name: &str, at: i64) -> Claim {
        let time = k8s_openapi::jiff::Timestamp::from_second(at).unwrap();
        Claim {
            kind: kind.to_owned(),
            created: Some(Time(time)),
            name: name.to_owned(),
        }
    }

    #[test]
    fn the_older_claim_wins_and_then_the_smaller_name() {
        let mut claims = vec![claim("A", "new", 20), claim("A", "old", 10), claim("B", "z", 5), claim("B", "y", 5)];
        let settled = settle(&claims);
        assert_eq!(settled.winners["A"], "old");
        assert_eq!(settled.winners["B"], "y");
        assert_eq!(
            settled.losers,
            BTreeMap::from([("new".to_owned(), "old".to_owned()), ("z".to_owned(), "y".to_owned())])
        );
        claims.reverse();
        assert_eq!(settle(&claims), settled);
    }

    #[test]
    fn when_the_winner_goes_the_next_takes_its_place() {
        assert_eq!(settle(&[claim("A", "new", 20)]).winners["A"], "new");
    }
}
