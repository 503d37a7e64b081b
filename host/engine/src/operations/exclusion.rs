//! Which operations do not run at the same time on one Dataset. `docs/data-operations.md` has the
//! same table.

use wasser_api::operations::OperationKind::{self, DataBackup, DataMigrate, DataProcess};

/// Whether two operations on one Dataset have to run one after the other.
///
/// A migration changes the files that are loaded, copied or saved. A backup of metadata is one of a
/// moment, and two at a time write the same file. The programs of users are the user's business.
pub fn excludes(one: OperationKind, other: OperationKind) -> bool {
    match (one, other) {
        (DataProcess, _) | (_, DataProcess) => false,
        (DataMigrate, _) | (_, DataMigrate) => true,
        (one, other) => one == DataBackup && other == DataBackup,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusion_is_mutual_and_leaves_loads_and_programs_alone() {
        for one in OperationKind::ALL {
            for other in OperationKind::ALL {
                assert_eq!(excludes(one, other), excludes(other, one));
            }
            assert!(!excludes(one, DataProcess));
            assert_eq!(excludes(one, DataMigrate), one != DataProcess);
        }
        assert!(!excludes(OperationKind::DataLoad, OperationKind::DataLoad));
        assert!(excludes(DataBackup, DataBackup));
    }
}
