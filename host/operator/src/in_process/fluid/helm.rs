//! What Helm leaves of a release, as Fluid runs it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::{Driver, Left, THEN};

impl Left {
    /// The labels of a part of the release.
    fn labels(&self, part: &str) -> Map<String, Value> {
        let (role, chart) = (self.word("role"), self.word("chart"));
        let app = chart.rsplit_once('-').unwrap().0;
        let all = json!({
            "app": app, "chart": chart, "release": self.name, "heritage": "Helm", "role": format!("{role}-{part}"),
            "app.kubernetes.io/name": app, "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/managed-by": "Helm", "fluid.io/managed-by": "fluid", "fluid.io/dataset-id": self.id(),
        });
        all.as_object().unwrap().clone()
    }

    fn object(&self, api_version: &str, kind: &str, name: &str, part: &str) -> Value {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {
            "name": name, "namespace": "default", "labels": self.labels(part), "ownerReferences": [self.owner],
            "annotations": {"meta.helm.sh/release-name": self.name, "meta.helm.sh/release-namespace": "default"},
        }})
    }

    fn workload_of(&self, part: &str, is: &Value) -> Value {
        let kind = if part == "fuse" { "DaemonSet" } else { "StatefulSet" };
        let name = self.workload(&format!("-{part}"));
        let mut object = self.object("apps/v1", kind, &name, part);
        let mut labels = self.labels(part);
        if part == "master" {
            labels.insert("name".to_owned(), json!(name));
        }
        if part == "worker" {
            labels.insert("fluid.io/dataset".to_owned(), json!(self.id()));
            labels.insert("fluid.io/dataset-placement".to_owned(), json!("Shared"));
        }
        labels.extend(is["labels"].as_object().cloned().into_iter().flatten());
        let keys = self.case["selectors"][part].as_array().unwrap();
        let selector: Map<String, Value> = keys
            .iter()
            .map(|key| (key.as_str().unwrap().to_owned(), labels[key.as_str().unwrap()].clone()))
            .collect();
        if let Some(generation) = is["generation"].as_str() {
            labels.insert("fuse.runtime.fluid.io/generation".to_owned(), json!(generation));
        }
        let ports: Vec<Value> = is["ports"].as_array().unwrap().iter().map(port).collect();
        let mut pod = json!({"hostNetwork": true, "containers": [{"name": format!("{}-{part}", self.word("role")),
            "image": is["image"], "ports": ports}]});
        if let Some(args) = self.case["values"][part]["args"].as_array() {
            pod["containers"][0]["args"] = json!(args);
        }
        object["spec"] = json!({"updateStrategy": {"type": "OnDelete"}, "selector": {"matchLabels": selector}});
        if kind == "DaemonSet" {
            pod["containers"][0]["securityContext"] = json!({"privileged": true});
            pod["nodeSelector"] = json!({format!("fluid.io/f-{}", self.id()): "true"});
        } else {
            let service = is["service"].as_str().unwrap_or(&name);
            object["spec"]["serviceName"] = json!(service);
            object["spec"]["podManagementPolicy"] = json!("Parallel");
            object["spec"]["replicas"] = json!(is["rendered"].as_u64().unwrap_or(0));
        }
        object["spec"]["template"] = json!({"metadata": {"labels": labels}, "spec": pod});
        object
    }

    /// Installs as Helm does.
    pub(super) async fn install(&mut self) {
        let (mut all, mut hooks) = (Vec::new(), Vec::new());
        for (name, key) in self.case["configMaps"].as_object().into_iter().flatten() {
            let mut map = self.object("v1", "ConfigMap", name, "config");
            map["data"] = json!({key.as_str().unwrap(): "what Fluid has written"});
            all.push(map);
        }
        for other in self.case["others"].as_array().into_iter().flatten() {
            let (kind, name) = other.as_str().unwrap().split_once(' ').unwrap();
            let of_roles = kind.starts_with("Role");
            let version = if of_roles { "rbac.authorization.k8s.io/v1" } else { "v1" };
            let mut object = self.object(version, kind, name, "master");
            if kind == "RoleBinding" {
                object["roleRef"] = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
            }
            if kind == "Service" {
                object["spec"] = json!({"clusterIP": "None", "ports": [{"name": "rpc", "port": 22189}],
                    "selector": {"role": "master", "release": self.name}});
            }
            all.push(object);
        }
        for (part, is) in self.case["workloads"].as_object().unwrap() {
            let set = self.workload_of(part, is);
            self.create(set.clone(), "helm").await;
            let wanted = &is["replicas"];
            if part == "worker" && !wanted.is_null() {
                let term = json!({"weight": 100, "preference": {"matchExpressions": [
                    {"key": format!("fluid.io/f-{}", self.id()), "operator": "In", "values": ["true"]}]}});
                let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}});
                let scaled = json!({"spec": {"replicas": wanted, "template": {"spec": {"affinity": affinity}}}});
                self.patch(&set, scaled, self.word("manager")).await;
            }
            all.push(set);
        }
        for object in all
            .iter()
            .filter(|object| !object["kind"].as_str().unwrap().ends_with("Set"))
        {
            self.create(object.clone(), "helm").await;
        }
        for (name, key) in self.case["hooks"].as_object().into_iter().flatten() {
            let mut map = self.object("v1", "ConfigMap", name, "config");
            map["metadata"]["annotations"] =
                json!({"helm.sh/hook": "pre-install", "helm.sh/hook-delete-policy": "before-hook-creation"});
            map["data"] = json!({key.as_str().unwrap(): "what Fluid has written"});
            self.create(map.clone(), "helm").await;
            hooks.push(
                json!({"name": name, "kind": "ConfigMap", "path": "config", "manifest": map.to_string(),
                "events": ["pre-install"], "delete_policies": ["before-hook-creation"], "last_run": {}}),
            );
        }
        let manifest = all.iter().map(|object| format!("---\n{object}\n")).collect();
        self.installed = (self.config(), manifest, json!(hooks));
    }

    /// The values of the release.
    fn config(&self) -> Value {
        let mut config = self.case["values"].clone();
        let owner = json!({"enabled": true, "apiVersion": "data.fluid.io/v1alpha1", "kind": self.kind,
            "name": self.name, "uid": self.owner["uid"], "controller": true, "blockOwnerDeletion": false});
        for (key, value) in [
            ("owner", owner),
            ("ownerDatasetId", json!(self.id())),
            ("placement", json!("Shared")),
            ("runtimeIdentity", json!({"namespace": "default", "name": self.name})),
            ("fullnameOverride", json!(self.name)),
        ] {
            config.as_object_mut().unwrap().entry(key).or_insert(value);
        }
        config
    }

    /// Writes Helm's record, and the ConfigMap that shows the values.
    pub(super) async fn record(&self, driver: Driver) {
        let status = self.case["recorded"].as_str().unwrap_or("deployed");
        self.write_record(driver, 1, status).await;
        let text = yaml_serde::to_string(&self.installed.0).unwrap();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"data": text}, "metadata": {
            "name": format!("{}-{}-values", self.name, self.word("engine")), "namespace": "default",
            "labels": {"fluid.io/dataset-id": self.id()}}});
        self.create(map, self.word("manager")).await;
    }

    /// Writes a record of Helm's.
    pub async fn write_record(&self, driver: Driver, revision: u32, status: &str) {
        let (config, manifest, hooks) = &self.installed;
        let (chart, version) = self.word("chart").rsplit_once('-').unwrap();
        let release = json!({
            "name": self.name, "namespace": "default", "version": revision, "config": config, "manifest": manifest,
            "hooks": hooks, "chart": {"metadata": {"name": chart, "version": version}},
            "info": {"first_deployed": THEN, "last_deployed": THEN, "deleted": "", "description": "", "status": status},
        });
        let text = encoded(&release);
        let mut record = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"release": text}, "metadata": {
            "name": format!("sh.helm.release.v1.{}.v{revision}", self.name), "namespace": "default",
            "labels": {"name": self.name, "owner": "helm", "status": status, "version": revision.to_string(),
                "modifiedAt": "1795824780"}}});
        if driver == Driver::Secret {
            record["kind"] = json!("Secret");
            record["type"] = json!("helm.sh/release.v1");
            record["data"] = json!({"release": STANDARD.encode(text)});
        }
        self.create(record, "Helm").await;
    }
}

/// The content of a record as Helm writes it.
pub fn encoded(release: &Value) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut gzip, release.to_string().as_bytes()).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

fn port(number: &Value) -> Value {
    json!({"containerPort": number, "name": format!("p{number}"), "protocol": "TCP"})
}
