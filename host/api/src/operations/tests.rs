use rstest::rstest;

use super::*;

#[rstest]
#[case(OperationKind::DataLoad, "warm-loader", "warm-loader-job")]
#[case(OperationKind::DataMigrate, "warm-migrate", "warm-migrate-migrate")]
#[case(OperationKind::DataBackup, "warm-charts", "warm-pod")]
#[case(OperationKind::DataProcess, "warm-processor", "warm-processor-job")]
fn names_are_those_that_users_of_fluid_know(#[case] kind: OperationKind, #[case] release: &str, #[case] job: &str) {
    assert_eq!(
        (kind.release("warm").as_str(), kind.job("warm").as_str()),
        (release, job)
    );
    assert_eq!(
        kind.finalizer(),
        format!("fluid-{}-controller-finalizer", kind.as_str().to_lowercase())
    );
}

#[test]
fn a_status_always_has_the_fields_that_the_schema_requires() {
    let status = serde_json::to_value(OperationStatus::default()).unwrap();
    assert_eq!(
        status,
        serde_json::json!({"phase": "", "duration": "", "conditions": []})
    );
}
