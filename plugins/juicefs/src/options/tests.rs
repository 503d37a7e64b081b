use super::*;
use rstest::rstest;

fn one(name: &str, value: &str) -> Options {
    Options::from([(name.to_string(), value.to_string())])
}

fn community(origin: Origin, name: &str, value: &str) -> Result<()> {
    Known::new(Edition::Community, None).check("f", origin, &one(name, value))
}

#[rstest]
#[case("verbos", "did you mean `verbose`?")]
#[case("cache_size", "did you mean `cache-size`?")]
#[case("cachesize", "did you mean `cache-size`?")]
#[case("teleport", "has no option `teleport`; If your image")]
fn an_unknown_option_is_refused_with_a_hint(#[case] name: &str, #[case] hint: &str) {
    for origin in [Origin::Dataset, Origin::Component] {
        let refused = community(origin, name, "").unwrap_err();
        assert!(refused.to_string().contains(hint), "{refused}");
        let extra = format!("other, {name}");
        Known::new(Edition::Community, Some(&extra))
            .check("f", origin, &one(name, ""))
            .unwrap();
        Known::new(Edition::Enterprise, None)
            .check("f", origin, &one(name, ""))
            .unwrap();
    }
}

#[rstest]
#[case::number("cache-size", "1024", None)]
#[case::no_value("cache-size", "", Some("f.cache-size: needs a value"))]
#[case::flag("writeback", "", None)]
#[case::flag_set("writeback", "true", None)]
#[case::flag_with_nonsense("writeback", "yes", Some("f.writeback: `yes` is neither true nor false"))]
#[case::comma("cache-dir", "/a,/b", Some("f.cache-dir: contains a comma"))]
#[case::control("log", "/tmp/a\nreboot", Some("f.log: contains the control character '\\n'"))]
#[case::of_fuse("allow_other", "", None)]
#[case::endpoint("bucket", "http://minio:9000/b", None)]
#[case::of_format(
    "trash-days",
    "1",
    Some("f.trash-days: belongs to the file system; put it into Dataset.spec.mounts[0].options.trash-days")
)]
#[case::quota("quota", "1Gi", Some("f.quota: belongs to the file system"))]
#[case::no_name("a b", "", Some("f.a b: `a b` is not an option name"))]
#[case::leading_dashes("--verbose", "", Some("is not an option name"))]
fn options_of_a_component_are_checked(#[case] name: &str, #[case] value: &str, #[case] expected: Option<&str>) {
    let error = community(Origin::Component, name, value).err().map(|e| e.to_string());
    match (error, expected) {
        (None, None) => {}
        (Some(error), Some(expected)) => assert!(error.contains(expected), "{error}"),
        (error, expected) => panic!("{error:?} instead of {expected:?}"),
    }
}

#[test]
fn a_comma_is_no_harm_where_it_does_not_reach_the_mount() {
    community(Origin::Dataset, "ranger-rest-url", "http://a,http://b").unwrap();
    community(Origin::Dataset, "bucket", "").unwrap();
    community(Origin::Dataset, "cache-dir", "/a,/b").unwrap_err();
    Known::new(Edition::Enterprise, None)
        .check("f", Origin::Dataset, &one("ranger-rest-url", "a,b"))
        .unwrap_err();
}

#[rstest]
#[case("trash-days=0", true)]
#[case("trash-days 0", true)]
#[case("no-update", true)]
#[case("cache-size=1", false)]
#[case("--trash-days=0", false)]
#[case("", false)]
fn items_of_configs_are_options_of_format(#[case] item: &str, #[case] accepted: bool) {
    let known = Known::new(Edition::Community, None);
    assert_eq!(known.check_config("f", item).is_ok(), accepted);
}

#[test]
fn each_option_goes_where_juicefs_has_it() {
    let all = Options::from(
        ["trash-days", "storage-class", "cache-size", "bucket", "quota"].map(|k| (k.to_string(), "1".to_string())),
    );
    assert_eq!(
        join(&for_mount(Edition::Community, &all)),
        "cache-size=1,storage-class=1"
    );
    assert_eq!(
        join(&for_mount(Edition::Enterprise, &all)),
        "cache-size=1,storage-class=1,trash-days=1"
    );
}
