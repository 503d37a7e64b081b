//! Records that are small as objects, and as large as they can be made otherwise.

use std::io::Write as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::record::{self, Author};
use super::release::Release;
use super::status::Status;
use super::tests::entry;

/// Says to the test that it is the process whose memory is measured.
const MEASURED: &str = "WASSER_MEASURED";
/// What a process may take that has read hostile records, in KiB. One has some 20 MiB before it.
const MAX_MEMORY: u64 = 160 << 10;
const MIB: usize = 1 << 20;

fn read(record: &Value, author: Author) -> Result<Release, String> {
    let text = record::encode(record).unwrap();
    assert!(text.len() < MIB, "an object cannot have it");
    Release::read(&entry(&text), author, "ns").map_err(|error| error.to_string())
}

/// A record as the charts of Fluid make them, with this number of objects.
fn of_chart(objects: usize) -> Value {
    let set = "---\n# Source: chart/templates/set.yaml\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  \
        name: set-N\n  labels: &labels\n    app: cache\n    release: data\nspec:\n  replicas: 1\n  selector:\n    \
        matchLabels: *labels\n  template:\n    metadata:\n      labels: *labels\n    spec:\n      containers:\n"
        .to_owned()
        + &"        - name: main\n          image: example/cache:release-2.9.0\n          env:\n            \
            - {name: A, value: \"-Da.b=c -Dd.e=f\"}\n          ports: [{containerPort: 20000, name: rpc}]\n"
            .repeat(4);
    let manifest: String = (0..objects)
        .map(|number| set.replace('N', &number.to_string()))
        .collect();
    let values: Vec<Value> = (0..objects * 10)
        .map(|number| json!({"name": format!("option-{number}"), "value": "true"}))
        .collect();
    let template = json!({"name": "templates/a.yaml", "data": "QUJDRA==".repeat(objects * 20)});
    json!({"info": {"status": "deployed"}, "config": {"values": values}, "manifest": manifest,
        "chart": {"metadata": {"name": "cache", "version": "0.9.15"}, "templates": vec![template; 10]}})
}

#[test]
fn records_of_normal_and_of_large_charts_are_read_whoever_has_written_them() {
    for (objects, author) in [
        (1, Author::Other),
        (20, Author::Other),
        (300, Author::Other),
        (300, Author::Own),
    ] {
        let record = of_chart(objects);
        let release = read(&record, author).unwrap();
        assert_eq!(release.objects().len(), objects);
        assert_eq!(release.values(), &record["config"]);
        assert_eq!(release.is_signed(), author == Author::Own);
    }
}

#[test]
fn what_is_too_large_of_others_is_read_where_this_installation_has_written_it() {
    let record = json!({"info": {"status": "deployed"}, "config": {"text": "a".repeat(8 * MIB)}});
    assert_eq!(read(&record, Author::Own).unwrap().status, Status::Deployed);
    let problem = read(&record, Author::Other).unwrap_err();
    assert!(
        problem.contains("unpacks to more than") && problem.contains("delete it"),
        "{problem}"
    );
    let many = of_chart(501);
    assert_eq!(read(&many, Author::Own).unwrap().objects().len(), 501);
    let problem = read(&many, Author::Other).unwrap_err();
    assert!(problem.contains("it has 501 objects, and 500 are allowed"), "{problem}");
}

/// The record of a text whose parts come so many times.
fn packed(parts: &[(&str, usize)]) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for (part, count) in parts {
        let many = part.repeat(*count.min(&4096));
        for _ in 0..count.div_ceil(4096) {
            gzip.write_all(many.as_bytes()).unwrap();
        }
    }
    STANDARD.encode(gzip.finish().unwrap())
}

/// In a process of its own, since the peak is that of all tests otherwise.
#[test]
fn a_small_record_takes_little_memory_whatever_it_unpacks_to() {
    if std::env::var_os(MEASURED).is_none() {
        let test = "releases::tests_of_size::a_small_record_takes_little_memory_whatever_it_unpacks_to";
        let measured = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(MEASURED, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&measured.stdout) + String::from_utf8_lossy(&measured.stderr);
        assert!(measured.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let (config, manifest) = (
        r#"{"info": {"status": "deployed"}, "config": "#,
        r#"{"info": {}, "manifest": ""#,
    );
    let aliases = [
        ("a: &a [", 1),
        ("0,", 10_000),
        (r"0]\nb: [", 1),
        ("*a,", 10_000),
        (r#"0]"}"#, 1),
    ];
    let in_spec = r"apiVersion: v1\nkind: A\nmetadata: {name: a}\nspec: {a: &a [";
    let of_object = [
        (in_spec, 1),
        ("0,", 10_000),
        ("0], b: [", 1),
        ("*a,", 10_000),
        (r#"0]}"}"#, 1),
    ];
    let hostile = [
        [(config, 1), ("[", 1), ("0,", 30 * MIB), ("0]}", 1)].to_vec(),
        [(config, 1), ("[", 1), ("0,", MIB), ("0]}", 1)].to_vec(),
        [(config, 1), ("[", 1), ("{},", MIB), ("0]}", 1)].to_vec(),
        [(config, 1), ("{", 1), (r#""a":0,"#, MIB / 2), (r#""b":0}}"#, 1)].to_vec(),
        [(manifest, 1), ("a: [", 1), ("0,", MIB), (r#"0]"}"#, 1)].to_vec(),
        [(manifest, 1), (r"-\n", MIB), (r#""}"#, 1)].to_vec(),
        [(manifest, 1)].into_iter().chain(aliases).collect(),
        [(manifest, 1)].into_iter().chain(of_object).collect(),
    ];
    for parts in hostile {
        let text = packed(&parts);
        assert!(text.len() < MIB, "an object cannot have {parts:?}");
        assert!(Release::read(&entry(&text), Author::Other, "ns").is_err(), "{parts:?}");
        let restated = record::restate(text.as_bytes(), Author::Other, Status::Failed);
        assert!(restated.is_err() || parts[0].0 == manifest, "{parts:?}");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < MAX_MEMORY, "{peak} KiB");
}
