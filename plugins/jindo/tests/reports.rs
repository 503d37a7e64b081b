//! Conversations with the master: what is run, and what is made of the answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_jindo::{Jindo, reports};
use wasser_sdk::testing::{FakeHost, converse, exit, ok};
use wasser_sdk::{Context, Error, Implement};

const REPORT: &str = include_str!("reports/report.txt");
const CACHE_SETS: &str = include_str!("reports/list-cacheset.txt");
const NO_CACHE_SETS: &str = include_str!("reports/list-cacheset-no.txt");
const COUNT: &str = include_str!("reports/fs-count.txt");

fn pods() -> FakeHost {
    FakeHost::new().pod("master", "demo-jindofs-master-0", true)
}

fn context(runtime: Value, settings: &[(&str, &str)]) -> Context<support::Spec> {
    let mut raw = support::KIT.raw(&support::pair(json!({}), json!({}), runtime));
    raw.settings = settings.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Context::parse(raw).unwrap()
}

#[rstest]
#[case::recorded_disk(REPORT, false, Some((268_843_477_893, 12_584_254_177)))]
#[case::recorded_memory(REPORT, true, Some((268_843_477_893, 12_584_254_177)))]
#[case::other_unit("Total Disk Capacity: 1MiB\nUsed Disk Capacity: 512 kb", false, Some((1 << 20, 512 << 10)))]
#[case::bytes("Total MEM Capacity: 0\nUsed MEM Capacity: 7B", true, Some((0, 7)))]
#[case::truncated("Total Disk Capacity: 250.38GB\nUsed Di", false, None)]
#[case::no_number("Total Disk Capacity: lots\nUsed Disk Capacity: 1GB", false, None)]
#[case::unknown_unit("Total Disk Capacity: 1XB\nUsed Disk Capacity: 1GB", false, None)]
#[case::another_version("Total Disk Capacity (GB): 250.38\nUsed Disk Capacity (GB): 11.72", false, None)]
#[case::nothing("", false, None)]
fn the_report_says_what_is_cached(#[case] text: &str, #[case] memory: bool, #[case] expected: Option<(u64, u64)>) {
    assert_eq!(reports::report(text, memory), expected);
}

#[rstest]
#[case::recorded(include_str!("reports/mount-list.txt"), &["/test/mount", "/other/mount"])]
#[case::short_lines(include_str!("reports/mount-list-malformed.txt"), &[])]
fn mounts_are_third_fields(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(reports::mounts(text), expected);
}

#[rstest]
#[case::recorded(COUNT, Some((1, 108)))]
#[case::short(include_str!("reports/fs-count-short.txt"), None)]
#[case::words("a b c d", None)]
#[case::in_units("1 1 108.0M jindo:///", None)]
#[case::another_version("DIR_COUNT FILE_COUNT CONTENT_SIZE PATHNAME\n1 1 108 jindo:///", None)]
fn counts_are_files_and_bytes(#[case] text: &str, #[case] expected: Option<(u64, u64)>) {
    assert_eq!(reports::count(text), expected);
}

#[test]
fn cache_states_are_of_the_medium() {
    let host = pods().on_exec(|_, _| ok(REPORT));
    let disk = json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a"}]}});
    let states = converse(&host, |host| Jindo::cache_states(&context(disk.clone(), &[]), host)).unwrap();
    let expected = [("cacheCapacity", "250.38GiB"), ("cached", "11.72GiB")];
    let shown = states.iter().map(|(name, value)| (name.as_str(), value.to_string()));
    assert_eq!(shown.collect::<Vec<_>>(), expected.map(|(k, v)| (k, v.to_string())));
}

#[test]
fn totals_are_counted_unless_that_is_not_wanted() {
    let host = pods().on_exec(|_, argv| if argv[0] == "jindo" { ok(COUNT) } else { ok(REPORT) });
    let ctx = context(json!({}), &[("query-ufs-total", "false")]);
    assert!(matches!(
        converse(&host, |host| Jindo::storage_stats(&ctx, host)),
        Err(Error::NotSupported)
    ));
    for settings in [&[][..], &[("query-ufs-total", "true")]] {
        let stats = converse(&host, |host| Jindo::storage_stats(&context(json!({}), settings), host)).unwrap();
        assert_eq!((stats.total, stats.total_files), (108, 1));
    }
}

#[rstest]
#[case::half("1.00GiB", Some("50.0%"))]
#[case::more_than_there_is("108.00B", Some("100.0%"))]
#[case::nothing("0.00B", Some("0.0%"))]
#[case::not_known_yet("[Calculating]", None)]
#[case::not_counted("", None)]
fn the_share_that_is_cached_is_of_what_the_dataset_shows(#[case] total: &str, #[case] expected: Option<&str>) {
    let mut documents = support::pair(json!({}), json!({}), json!({}));
    documents[0]["status"] = json!({"ufsTotal": total});
    let host = pods().on_exec(|_, _| ok("Total MEM Capacity: 2.00GB\nUsed MEM Capacity: 0.50GB"));
    let states = converse(&host, |host| {
        Jindo::cache_states(&support::KIT.context(&documents).unwrap(), host)
    })
    .unwrap();
    let shown = states
        .iter()
        .find(|(name, _)| name == "cachedPercentage")
        .map(|(_, value)| value.to_string());
    assert_eq!(shown.as_deref(), expected);
    assert_eq!(host.calls().len(), 1, "nothing is counted for it: {:?}", host.calls());
}

#[rstest]
#[case::new("", NO_CACHE_SETS, &["jindocache -report", "jindocache -mount",
    "jindocache -mount /files oss://bucket/files", "jindocache -listCacheSet",
    "sh -c file=${TMPDIR:-/tmp}/cacheset.xml; head -c \"$1\" > \"$file\" && exec jindocache \
     -refreshCacheSet -path \"$file\" sh 400"])]
#[case::there("oss://bucket on /files rw", CACHE_SETS, &["jindocache -report", "jindocache -mount",
    "jindocache -listCacheSet"])]
fn what_is_missing_is_mounted(#[case] listed: &'static str, #[case] sets: &'static str, #[case] expected: &[&str]) {
    let host = pods().on_exec(move |_, argv| match argv {
        [_, "-mount"] => ok(listed),
        [_, "-listCacheSet"] => ok(sets),
        _ => ok(""),
    });
    converse(&host, |host| Jindo::prepare_ufs(&context(json!({}), &[]), host)).unwrap();
    let expected: Vec<String> = expected
        .iter()
        .map(|args| format!("exec demo-jindofs-master-0 {args}"))
        .collect();
    assert_eq!(
        host.calls()
            .into_iter()
            .filter(|call| call.starts_with("exec"))
            .collect::<Vec<_>>(),
        expected
    );
}

#[rstest]
#[case::raced("Mount point already exists", true)]
#[case::refused("AccessDenied", false)]
fn a_mount_that_fails_is_told(#[case] stderr: &'static str, #[case] fine: bool) {
    let host = pods().on_exec(move |_, argv| {
        if argv.len() == 4 && argv[1] == "-mount" {
            exit(1, stderr)
        } else {
            ok(CACHE_SETS)
        }
    });
    let done = converse(&host, |host| Jindo::prepare_ufs(&context(json!({}), &[]), host));
    assert_eq!(done.is_ok(), fine);
    if let Err(error) = done {
        assert!(
            error.to_string().contains("oss://bucket/files at /files: AccessDenied"),
            "{error}"
        );
    }
}

#[test]
fn without_a_master_there_is_nothing_to_clean_and_nothing_to_ask() {
    let ctx = context(json!({}), &[]);
    Jindo::shutdown(&ctx, &FakeHost::new()).unwrap();
    let host = FakeHost::new().pod("master", "demo-jindofs-master-0", false);
    let error = converse(&host, |host| Jindo::shutdown(&ctx, host))
        .unwrap_err()
        .to_string();
    assert_eq!(error, "the cache was not emptied: no master pod is ready");
    let waits = |error| matches!(error, Error::RetryAfter { .. });
    assert!(waits(
        converse(&host, |host| Jindo::prepare_ufs(&ctx, host)).unwrap_err()
    ));
    assert!(waits(
        converse(&host, |host| Jindo::cache_states(&ctx, host)).unwrap_err()
    ));
}

#[test]
fn the_cache_is_emptied() {
    let host = pods().on_exec(|_, _| ok(""));
    converse(&host, |host| Jindo::shutdown(&context(json!({}), &[]), host)).unwrap();
    assert!(
        host.calls()
            .contains(&"exec demo-jindofs-master-0 jindocache -formatCache".to_string())
    );
    let refusing = pods().on_exec(|_, _| exit(1, "busy"));
    assert!(converse(&refusing, |host| Jindo::shutdown(&context(json!({}), &[]), host)).is_err());
}

#[test]
fn no_report_is_too_odd() {
    let documents = support::pair(json!({}), json!({}), json!({}));
    support::KIT.expect_odd_answers(&documents, pods, &[REPORT, CACHE_SETS, NO_CACHE_SETS, COUNT]);
}
