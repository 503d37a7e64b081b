//! The kinds of Kubernetes that are served.

use k8s_openapi::Resource;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Event, LimitRange, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    ResourceQuota, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::{CSIDriver, StorageClass};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Kind, Scale, Source, View, events};

/// Returns all of them. If two groups have a kind of the same name, that of the core comes first.
pub(super) fn all() -> Vec<Kind> {
    let mut all = core();
    all.extend(workloads());
    all.extend(others());
    let mut view = of::<k8s_openapi::api::events::v1::Event>(&[]).namespaced();
    view.view = Some(View {
        to_core: events::to_core,
        from_core: events::from_core,
        field: events::field_in_core,
    });
    all.push(view);
    all
}

fn core() -> Vec<Kind> {
    vec![
        of::<ConfigMap>(&["cm"]).namespaced(),
        of::<Secret>(&[]).namespaced(),
        of::<Service>(&["svc"]).namespaced().with_status(),
        of::<ServiceAccount>(&["sa"]).namespaced(),
        of::<Endpoints>(&["ep"]).namespaced(),
        of::<Event>(&["ev"]).namespaced(),
        of::<LimitRange>(&["limits"]).namespaced(),
        of::<ResourceQuota>(&["quota"]).namespaced().with_status(),
        of::<PersistentVolumeClaim>(&["pvc"]).namespaced().with_status(),
        of::<Pod>(&["po"]).namespaced().with_status().with_generation(),
        of::<Namespace>(&["ns"]).with_status(),
        of::<Node>(&["no"]).with_status(),
        of::<PersistentVolume>(&["pv"]).with_status(),
    ]
}

fn workloads() -> Vec<Kind> {
    let workload = |kind: Kind| kind.namespaced().with_status().with_generation();
    vec![
        workload(of::<StatefulSet>(&["sts"])).with_scale(),
        workload(of::<DaemonSet>(&["ds"])),
        workload(of::<Deployment>(&["deploy"])).with_scale(),
        workload(of::<ReplicaSet>(&["rs"])).with_scale(),
        of::<ControllerRevision>(&[]).namespaced(),
        workload(of::<Job>(&[])),
        workload(of::<CronJob>(&["cj"])),
        of::<HorizontalPodAutoscaler>(&["hpa"]).namespaced().with_status(),
        workload(of::<PodDisruptionBudget>(&["pdb"])),
    ]
}

fn others() -> Vec<Kind> {
    vec![
        of::<Lease>(&[]).namespaced(),
        of::<EndpointSlice>(&[]).namespaced().with_generation(),
        of::<Ingress>(&["ing"]).namespaced().with_status().with_generation(),
        of::<NetworkPolicy>(&["netpol"]).namespaced().with_generation(),
        of::<Role>(&[]).namespaced(),
        of::<RoleBinding>(&[]).namespaced(),
        of::<ClusterRole>(&[]),
        of::<ClusterRoleBinding>(&[]),
        of::<PriorityClass>(&["pc"]).with_generation(),
        of::<CSIDriver>(&[]),
        of::<StorageClass>(&["sc"]),
        of::<MutatingWebhookConfiguration>(&[]).with_generation(),
        of::<ValidatingWebhookConfiguration>(&[]).with_generation(),
        of::<CustomResourceDefinition>(&["crd"]).with_status().with_generation(),
    ]
}

fn of<K: Resource + DeserializeOwned + Serialize>(short_names: &[&str]) -> Kind {
    Kind {
        group: K::GROUP.to_owned(),
        version: K::VERSION.to_owned(),
        kind: K::KIND.to_owned(),
        plural: K::URL_PATH_SEGMENT.to_owned(),
        singular: K::KIND.to_lowercase(),
        short_names: short_names.iter().map(|name| (*name).to_owned()).collect(),
        categories: Vec::new(),
        namespaced: false,
        has_status: false,
        scale: None,
        has_generation: false,
        shape: Source::BuiltIn(through::<K>),
        view: None,
    }
}

/// Reads an object as a type, and writes it again.
fn through<K: DeserializeOwned + Serialize>(object: Value) -> Result<Value, String> {
    let read: K = serde_json::from_value(object).map_err(|error| error.to_string())?;
    serde_json::to_value(read).map_err(|error| error.to_string())
}

impl Kind {
    fn namespaced(mut self) -> Self {
        self.namespaced = true;
        self
    }

    fn with_status(mut self) -> Self {
        self.has_status = true;
        self
    }

    fn with_generation(mut self) -> Self {
        self.has_generation = true;
        self
    }

    fn with_scale(mut self) -> Self {
        self.scale = Some(Scale {
            spec: "/spec/replicas".to_owned(),
            status: "/status/replicas".to_owned(),
            selector: Some("/spec/selector".to_owned()),
        });
        self
    }
}
