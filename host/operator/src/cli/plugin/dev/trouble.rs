//! Why a build is not registered.

use wasser_pack::TooLarge;

use crate::cli::plugin::installed::error::ChangeError;

/// Why a build is not registered.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is none. The compiler has said why.
    #[error("{0:#}")]
    Build(anyhow::Error),
    /// It has to go through a registry.
    #[error(
        "the package has {} bytes, which is more than a ConfigMap takes; give `--push REGISTRY/REPOSITORY`, from where the \
         operator pulls it", .0.size
    )]
    TooLarge(#[from] TooLarge),
    /// The cluster, the registry or the user is in its way.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Trouble {
    /// Returns whether no change of the directory helps.
    pub fn needs_another_command(&self) -> bool {
        match self {
            Self::Build(_) => false,
            Self::TooLarge(_) => true,
            Self::Change(error) => !matches!(
                error,
                ChangeError::Artifact { .. } | ChangeError::NoProposal(_) | ChangeError::Grant(_)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cli::plugin::installed::yaml_error::YamlError;

    fn artifact() -> ChangeError {
        ChangeError::of_artifact(&"demo", YamlError::Unknown("hooks".to_owned()))
    }

    #[rstest]
    #[case(Trouble::Build(anyhow::anyhow!("no")), false)]
    #[case(artifact().into(), false)]
    #[case(ChangeError::NoConsent { what: String::new() }.into(), true)]
    #[case(ChangeError::Declined { what: String::new() }.into(), true)]
    #[case(ChangeError::KindTaken { kind: String::new(), owner: String::new() }.into(), true)]
    #[case(TooLarge { size: 1 }.into(), true)]
    fn what_no_change_of_the_directory_helps_with_ends_the_command(#[case] trouble: Trouble, #[case] ends: bool) {
        assert_eq!(trouble.needs_another_command(), ends);
    }
}
