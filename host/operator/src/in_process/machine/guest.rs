//! A plugin that follows its runtime: values from the spec, and mounts that come and go.

use serde_json::Value;

use crate::in_process::common::{Guest, RETURNED, Role, WORKER};
use crate::in_process::scene::{chart, crd, registration};

const KINDS: &str = "StatefulSet, DaemonSet, ConfigMap";

const MASTER: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-master}
spec:
  replicas: 1
  serviceName: {{ .Release.Name }}-master
  selector: {matchLabels: {app: {{ .Release.Name }}, role: master}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}, role: master, fluid.io/dataset-id: default-{{ .Release.Name }}}}
    spec: {containers: [{name: demo, image: demo}]}
";

const WORKERS: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-worker}
spec:
  replicas: 0
  serviceName: {{ .Release.Name }}-worker
  selector: {matchLabels: {app: {{ .Release.Name }}, role: worker}}
  template:
    metadata:
      labels:
        app: {{ .Release.Name }}
        role: worker
        fluid.io/dataset-id: default-{{ .Release.Name }}
        fluid.io/dataset: default-{{ .Release.Name }}
    spec: {containers: [{name: demo, image: demo, env: [{name: MODE, value: {{ .Values.mode | quote }}}]}]}
";

const FUSE: &str = "apiVersion: apps/v1
kind: DaemonSet
metadata: {name: {{ .Release.Name }}-fuse}
spec:
  selector: {matchLabels: {app: {{ .Release.Name }}, role: fuse}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}, role: fuse, fluid.io/dataset-id: default-{{ .Release.Name }}}}
    spec:
      nodeSelector: {fluid.io/f-default-{{ .Release.Name }}: \"true\"}
      containers: [{name: demo, image: demo}]
";

const CONFIG: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-config}
data: {mode: {{ .Values.mode | quote }}}
";

/// The addresses of the answers, where nothing else is and everything is zero: values, a change of
/// mounts, and its outcome.
const VALUES: u32 = 2048;
const CHANGE: u32 = 2176;
const UPDATE: u32 = 2240;

/// Finds a text in memory: its end, or 0.
const FIND: &str = r"(func $find (param $at i32) (param $end i32) (param $text i32) (param $length i32) (result i32)
  (local $i i32)
  (loop $next
    (if (i32.gt_u (i32.add (local.get $at) (local.get $length)) (local.get $end)) (then (return (i32.const 0))))
    (local.set $i (i32.const 0))
    (block $differs
      (loop $same
        (br_if $differs (i32.ne
          (i32.load8_u (i32.add (local.get $at) (local.get $i)))
          (i32.load8_u (i32.add (local.get $text) (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $same (i32.lt_u (local.get $i) (local.get $length))))
      (return (i32.add (local.get $at) (local.get $length))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (br $next))
  (unreachable))";

/// The objects that a server needs to serve the plugin.
///
/// `desired` returns the object `spec.values` of the runtime, which has no inner ones. `should-update-ufs` finds a change where the Dataset names mounts an odd number of
/// times in spec and status together.
pub fn objects() -> [Value; 2] {
    objects_with(&[])
}

/// The same with more templates in the chart.
pub fn objects_with(templates: &[(&str, &str)]) -> [Value; 2] {
    let wants: [(&str, &[&str]); 2] = [
        ("exec", &["worker"]),
        ("kinds", &["StatefulSet", "DaemonSet", "ConfigMap"]),
    ];
    let role = |name, workload, needed| Role {
        name,
        workload,
        needed,
        starts_at_zero: false,
        replicas: None,
    };
    let roles = [
        role("master", "StatefulSet", true),
        WORKER,
        role("fuse", "DaemonSet", false),
    ];
    let mut guest = Guest::default()
        .with_roles(&roles, &wants)
        .fact("runtime")
        .fact("dataset")
        .function(FIND);
    let (values, values_length) = guest.bytes(b"\"values\":");
    let (brace, _) = guest.bytes(b"}");
    let (mount, mount_length) = guest.bytes(b"\"mountPoint\"");
    let (path, path_length) = guest.bytes(b"/changed");
    let (spec, spec_length) = guest.bytes(b"{}");
    let mount_words = [path, path_length, spec, spec_length].map(u32::to_le_bytes);
    let (list, _) = guest.bytes(&mount_words.concat());
    let found = format!(
        "(call $runtime (local.get $ctx) (i32.const {RETURNED}))
         (local.set $at (i32.load (i32.const {RETURNED})))
         (local.set $end (i32.add (local.get $at) (i32.load offset=4 (i32.const {RETURNED}))))
         (local.set $at (call $find (local.get $at) (local.get $end)
           (i32.const {values}) (i32.const {values_length})))
         (local.set $end (call $find (local.get $at) (local.get $end) (i32.const {brace}) (i32.const 1)))"
    );
    let desired = format!(
        "(local $at i32) (local $end i32) {found}
         (i32.store offset=4 (i32.const {VALUES}) (local.get $at))
         (i32.store offset=8 (i32.const {VALUES}) (i32.sub (local.get $end) (local.get $at)))
         (i32.const {VALUES})"
    );
    // An optional text is where it is and how long, after a word.
    let changed = format!(
        "(local $at i32) (local $end i32) (local $count i32)
         (call $dataset (local.get $ctx) (i32.const {RETURNED}))
         (local.set $at (i32.load offset=4 (i32.const {RETURNED})))
         (local.set $end (i32.add (local.get $at) (i32.load offset=8 (i32.const {RETURNED}))))
         (loop $next
           (local.set $at (call $find (local.get $at) (local.get $end) (i32.const {mount}) (i32.const {mount_length})))
           (if (local.get $at) (then
             (local.set $count (i32.add (local.get $count) (i32.const 1)))
             (br $next))))
         (i32.store offset=4 (i32.const {CHANGE}) (i32.const {list}))
         (i32.store offset=8 (i32.const {CHANGE}) (i32.and (local.get $count) (i32.const 1)))
         (i32.const {CHANGE})"
    );
    let updated = format!("(i32.store8 offset=4 (i32.const {UPDATE}) (i32.const 1)) (i32.const {UPDATE})");
    let guest = guest
        .method("desired", &desired)
        .method("should-update-ufs", &changed)
        .method("update-ufs", &updated);
    let own = [
        ("master.yaml", MASTER),
        ("worker.yaml", WORKERS),
        ("fuse.yaml", FUSE),
        ("config.yaml", CONFIG),
    ];
    let templates = [&own, templates].concat();
    let registered = registration(
        &guest.build(),
        &chart(&templates),
        &format!("exec: [worker], kinds: [{KINDS}]"),
        "{dataset-references: \"true\"}",
    );
    [crd(), registered]
}
