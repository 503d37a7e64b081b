//! Names of the objects that belong to a Dataset and its runtime, and the rule that names must
//! follow.

use std::fmt;

/// The CSI driver of the node plugin.
pub const CSI_DRIVER: &str = "fuse.csi.fluid.io";

/// The longest name that a DNS label may have.
const MAX_LENGTH: usize = 63;

/// The longest name that a release of Helm may have.
const HELM_RELEASE: usize = 53;

/// The longest name that a StatefulSet may have: its pods have a label whose value is the name, a
/// hyphen and up to ten characters.
const STATEFUL_SET: usize = MAX_LENGTH - 11;

/// A name that the objects made from it can carry: an RFC 1035 label.
///
/// Services, and with them the pods' host names, take their names from the Dataset's, so it must
/// start with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dns1035Name(String);

/// Why a name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name {name:?} cannot be used: it must be at most 63 characters of a-z, 0-9 and '-', start with a letter and \
        end with a letter or digit; \
     create the object under another name"
)]
pub struct InvalidName {
    /// The name as the user wrote it.
    pub name: String,
}

impl Dns1035Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Dns1035Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for Dns1035Name {
    type Error = InvalidName;

    fn try_from(name: &str) -> Result<Self, InvalidName> {
        if is_dns1035(name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidName { name: name.to_owned() })
        }
    }
}

/// Whether a name is an RFC 1035 label: at most 63 of `a-z0-9-`, a letter first, no hyphen last.
pub fn is_dns1035(name: &str) -> bool {
    name.len() <= MAX_LENGTH
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A name for what is in a pod, such as a volume, that is made of what users have named. One of up to
/// 63 characters is itself; of a longer one, the end is exchanged for a digest of the whole.
pub fn within_label(name: &str) -> String {
    if name.len() <= MAX_LENGTH {
        return name.to_owned();
    }
    let digest = format!("-{}", digest(name));
    let kept: String = name.chars().take(MAX_LENGTH - digest.len()).collect();
    kept.trim_end_matches('-').to_owned() + &digest
}

/// A digest of 16 characters that stays the same from build to build. It tells texts apart, but not
/// those of somebody who wants two to be taken for one.
pub fn digest(text: &str) -> String {
    format!("{:016x}", fnv1a(text))
}

/// The digest FNV-1a of 64 bits.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Checks a name. Same as `Dns1035Name::try_from`, where only the verdict is wanted.
///
/// # Errors
/// The name is not an RFC 1035 label.
pub fn check_dns1035(name: &str) -> Result<(), InvalidName> {
    Dns1035Name::try_from(name).map(drop)
}

/// The name is too long for the workloads that are made of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {name:?} has {} characters, and names of workloads that are made of it only allow {longest}; \
    create the object under another name", name.len())]
pub struct TooLongName {
    /// The name as the user wrote it.
    pub name: String,
    /// The number of characters that it may have.
    pub longest: usize,
}

/// Returns how long the name of a runtime may be whose workloads have names of this kind and with
/// this suffix: `("StatefulSet", "-worker")`. The runtime is also a release of Helm.
pub fn longest_for<'a>(workloads: impl IntoIterator<Item = (&'a str, &'a str)>) -> usize {
    // Pods of DaemonSets and Deployments have hashes without a name as labels, and their own names
    // are cut where they are too long.
    let sets = workloads.into_iter().filter(|(kind, _)| *kind == "StatefulSet");
    let longest = sets.map(|(_, suffix)| STATEFUL_SET.saturating_sub(suffix.len()));
    longest.fold(HELM_RELEASE, usize::min)
}

/// Checks the length of a runtime's name; see [`longest_for`].
///
/// # Errors
/// The name is longer.
pub fn check_length(name: &str, longest: usize) -> Result<(), TooLongName> {
    if name.len() <= longest {
        return Ok(());
    }
    Err(TooLongName {
        name: name.to_owned(),
        longest,
    })
}

/// The PersistentVolume of a Dataset, which is also its volume handle: `<namespace>-<name>`.
///
/// Datasets `b` in `a-x` and `x-b` in `a` share this name: see [`splits`].
pub fn persistent_volume(namespace: &str, name: &str) -> String {
    format!("{namespace}-{name}")
}

/// The namespaces and names of all Datasets whose volume would be called so, whether or not they
/// exist.
///
/// ```
/// let splits: Vec<_> = wasser_api::names::splits("team-a-data").collect();
/// assert_eq!(splits, [("team", "a-data"), ("team-a", "data")]);
/// ```
pub fn splits(volume: &str) -> impl Iterator<Item = (&str, &str)> {
    volume
        .match_indices('-')
        .filter_map(|(at, _)| Some((volume.get(..at)?, volume.get(at + 1..)?)))
        .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
}

/// The PersistentVolumeClaim of a Dataset, in its namespace: the Dataset's own name.
pub fn persistent_volume_claim(name: &str) -> String {
    name.to_owned()
}

/// The ConfigMap with the installed chart values: `<name>-<engine>-values`. Its name is recorded in
/// the runtime's `valueFile`.
pub fn values_config_map(name: &str, engine: &str) -> String {
    format!("{name}-{engine}-values")
}

/// How the API server serves the runtimes of a type, as Datasets record it in `status.runtimes`:
/// `juicefs` is `juicefsruntimes`.
#[cfg(feature = "schema")]
pub fn runtime_resource(runtime_type: &str) -> kube::core::ApiResource {
    let kind = format!("{runtime_type}runtime");
    let gvk = kube::core::GroupVersionKind::gvk(crate::GROUP, crate::VERSION, &kind);
    kube::core::ApiResource::from_gvk_with_plural(&gvk, &format!("{kind}s"))
}

/// The workload of a role: the runtime's name and the role's suffix (`-worker`).
pub fn workload(name: &str, suffix: &str) -> String {
    format!("{name}{suffix}")
}

/// Whether runtimes of a kind have this type: the kind without `Runtime`, in lower case.
pub fn is_of_type(kind: &str, runtime_type: &str) -> bool {
    kind.eq_ignore_ascii_case(&format!("{runtime_type}runtime"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a", true)]
    #[case("demo-1", true)]
    #[case("1demo", false)]
    #[case("demo-", false)]
    #[case("-demo", false)]
    #[case("Demo", false)]
    #[case("de.mo", false)]
    #[case("de_mo", false)]
    #[case("", false)]
    #[case("dätä", false)]
    fn the_dns_rule(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(is_dns1035(name), valid);
        assert_eq!(check_dns1035(name).is_ok(), valid);
    }

    #[test]
    fn a_longer_name_ends_with_a_digest() {
        let long = "a".repeat(64);
        for (name, expected) in [
            ("a".repeat(63), "a".repeat(63)),
            (long.clone(), format!("{}-{:016x}", "a".repeat(46), fnv1a(&long))),
            (format!("{}---{long}", "a".repeat(44)), {
                let whole = format!("{}---{long}", "a".repeat(44));
                format!("{}-{:016x}", "a".repeat(44), fnv1a(&whole))
            }),
        ] {
            assert_eq!(within_label(&name), expected);
        }
        assert_ne!(within_label(&format!("{long}b")), within_label(&format!("{long}c")));
        assert!(within_label(&"ä".repeat(64)).chars().count() <= 63);
    }

    #[test]
    fn the_digest_is_that_of_its_authors() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[rstest]
    #[case::none(&[], 53)]
    #[case::juicefs(&[("StatefulSet", "-worker"), ("DaemonSet", "-fuse")], 45)]
    #[case::jindo(&[("StatefulSet", "-jindofs-master"), ("StatefulSet", "-jindofs-worker"), ("DaemonSet",
        "-jindofs-fuse")], 37)]
    #[case::clients_only(&[("DaemonSet", "-a-rather-long-suffix-for-clients")], 53)]
    #[case::absurd(&[("StatefulSet", "-a-suffix-that-is-longer-than-any-name-of-a-stateful-set-may-be")], 0)]
    fn the_longest_suffix_decides(#[case] workloads: &[(&str, &str)], #[case] longest: usize) {
        assert_eq!(longest_for(workloads.iter().copied()), longest);
        let name = "a".repeat(longest);
        assert_eq!(check_length(&name, longest), Ok(()));
        let refused = check_length(&format!("{name}b"), longest).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("has {} characters", longest + 1)),
            "{refused}"
        );
        assert!(refused.contains(&format!("only allow {longest}; ")), "{refused}");
        // A revision of a StatefulSet: its name and up to ten characters, as a label of the pods.
        for (_, suffix) in workloads
            .iter()
            .filter(|(kind, _)| *kind == "StatefulSet" && longest > 0)
        {
            assert!(format!("{name}{suffix}-0123456789").len() <= MAX_LENGTH);
        }
    }

    #[test]
    fn the_dns_rule_ends_at_63_characters() {
        assert!(is_dns1035(&"a".repeat(63)));
        assert!(!is_dns1035(&"a".repeat(64)));
    }

    proptest! {
        #[test]
        fn what_the_rule_describes_is_accepted(name in "[a-z]([a-z0-9-]{0,61}[a-z0-9])?") {
            prop_assert_eq!(Dns1035Name::try_from(name.as_str()).map(|name| name.to_string()), Ok(name));
        }
    }
}
