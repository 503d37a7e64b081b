//! Names of operations: `dataload/warm`, as kubectl writes them, and those that are made up.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use wasser_api::operations::OperationKind;

/// The longest name of a release of Helm.
const RELEASE: usize = 53;
/// The letters of made-up names: those of Kubernetes, which form no words.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many of them a name gets.
const SUFFIX: usize = 5;

/// An operation by its kind and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The kind.
    pub kind: OperationKind,
    /// The name.
    pub name: String,
}

impl Named {
    /// Returns the name with the group of the kind, as `kubectl -o name` prints it.
    pub fn qualified(&self) -> String {
        format!("{}.{}/{}", singular(self.kind), wasser_api::GROUP, self.name)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", singular(self.kind), self.name)
    }
}

impl FromStr for Named {
    type Err = String;

    /// Reads `dataload/warm`; the kind may be its plural, its short name, or as in a manifest.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once('/').unwrap_or(("", text));
        let word = kind.to_ascii_lowercase();
        let word = word.strip_suffix(&format!(".{}", wasser_api::GROUP)).unwrap_or(&word);
        let is_it = |known: &OperationKind| {
            let singular = singular(*known);
            word == known.plural() || word == singular || singular.strip_prefix("data") == Some(word)
        };
        let kind = OperationKind::ALL.into_iter().find(is_it);
        match kind {
            Some(kind) if !name.is_empty() => Ok(Self {
                kind,
                name: name.to_owned(),
            }),
            _ => Err(
                "it is KIND/NAME, where KIND is dataload, datamigrate, databackup or dataprocess, as `data list` \
                 shows them"
                    .to_owned(),
            ),
        }
    }
}

/// Returns the name of a kind as kubectl has it: `dataload`.
pub fn singular(kind: OperationKind) -> String {
    kind.as_str().to_ascii_lowercase()
}

/// Makes a name for an operation on a Dataset: `load-demo-x7k2p`, short enough for its Helm release.
pub fn made_up(kind: OperationKind, dataset: &str, random: u64) -> String {
    let singular = singular(kind);
    let verb = singular.strip_prefix("data").unwrap_or(&singular);
    let room = RELEASE.saturating_sub(kind.release("").len() + SUFFIX + 1);
    let stem: String = format!("{verb}-{dataset}").chars().take(room).collect();
    let stem = stem.trim_end_matches(['-', '.']);
    let mut rest = random;
    let letter = |_| {
        let count = LETTERS.len() as u64;
        let at = usize::try_from(rest % count).unwrap_or_default();
        rest /= count;
        char::from(LETTERS.get(at).copied().unwrap_or(b'x'))
    };
    let suffix: String = (0..SUFFIX).map(letter).collect();
    format!("{stem}-{suffix}")
}

/// Returns a number that differs from run to run; it need not be hard to guess.
pub fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("dataload/warm", OperationKind::DataLoad)]
    #[case("load/warm", OperationKind::DataLoad)]
    #[case("DataMigrate/warm", OperationKind::DataMigrate)]
    #[case("databackups/warm", OperationKind::DataBackup)]
    #[case("dataprocesses.data.fluid.io/warm", OperationKind::DataProcess)]
    #[case("dataprocess.data.fluid.io/warm", OperationKind::DataProcess)]
    fn operations_are_named_as_for_kubectl(#[case] text: &str, #[case] kind: OperationKind) {
        let named: Named = text.parse().unwrap();
        assert_eq!((named.kind, named.name.as_str()), (kind, "warm"));
        assert_eq!(named.to_string().parse(), Ok(named.clone()));
        assert_eq!(named.qualified().parse(), Ok(named));
    }

    #[rstest]
    #[case("warm")]
    #[case("dataset/warm")]
    #[case("dataload/")]
    #[case("/warm")]
    fn other_names_are_refused(#[case] text: &str) {
        assert!(text.parse::<Named>().unwrap_err().contains("KIND/NAME"));
    }

    #[test]
    fn made_up_names_fit_into_the_name_of_a_release() {
        let name = made_up(OperationKind::DataLoad, "demo", 7);
        assert_eq!(name, "load-demo-kbbbb");
        assert_ne!(name, made_up(OperationKind::DataLoad, "demo", 8));
        for kind in OperationKind::ALL {
            let name = made_up(kind, &"long-".repeat(20), u64::MAX);
            assert!(kind.release(&name).len() <= RELEASE, "{name}");
            assert!(!name.contains("--"), "{name}");
        }
        assert_ne!(random(), random());
    }
}
