//! What pods may not have without a grant: what is beyond the baseline of the Pod Security Standards.
//! `powers.rs` says which grant gives what. `allowPrivilegeEscalation` is none of it: a container that
//! leaves it out has it, and it gives no power over the node, only that which the container's root has.

use serde_json::Value;

use super::Policy;
use super::fields;
use super::path;
use super::powers::Powers;
use super::problem::Problem;

/// Capabilities that containers have anyway, or could have without power over their node.
const HARMLESS_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
const HARMLESS_SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];
const SELINUX_TYPES: &[&str] = &[
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];
/// The capability by which a container mounts.
const SYS_ADMIN: &str = "SYS_ADMIN";
/// The device of file systems in processes.
pub const DEVICE: &str = "/dev/fuse";
/// How the priority classes begin that Kubernetes has for its own pods.
const OF_THE_SYSTEM: &str = "system-";
/// The smallest grant that lets a container mount.
const MOUNTS: &str = "fuse";
/// How the annotations begin by which pods once chose their profiles; nodes still read them.
const PROFILES: [&str; 3] = [
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
];
/// What a node does for a container, with requests from the node's own network.
const CALLS: [&str; 5] = [
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "postStart",
    "preStop",
];
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// A pod's specification somewhere in an object.
pub struct PodSpec<'a> {
    path: String,
    spec: &'a Value,
    annotations: &'a Value,
}

/// All of them, of whatever kind the object is: custom resources have pod templates as well.
pub fn find(data: &Value) -> Vec<PodSpec<'_>> {
    let mut found = Vec::new();
    walk(data, &Value::Null, "", &mut found);
    found
}

/// Looks at a value, and at what is in it. `around` is the object that it is in.
fn walk<'a>(value: &'a Value, around: &'a Value, path: &str, found: &mut Vec<PodSpec<'a>>) {
    match value {
        Value::Object(content) => {
            if CONTAINERS
                .iter()
                .any(|field| content.get(*field).is_some_and(Value::is_array))
            {
                found.push(PodSpec {
                    path: path.to_owned(),
                    spec: value,
                    annotations: &around["metadata"]["annotations"],
                });
            }
            // What is below may be another one: a list of this name next to a template does not
            // make the template harmless.
            for (key, inner) in content {
                walk(inner, value, &fields::below(path, key), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                walk(inner, around, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// Whether annotations of pods leave their containers without a profile.
pub fn check_annotations<'a>(annotations: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), Problem> {
    let is_profile = |key: &str| PROFILES.iter().any(|prefix| key.starts_with(prefix));
    match annotations
        .into_iter()
        .find(|(key, value)| is_profile(key) && *value == "unconfined")
    {
        Some((key, value)) => Err(Problem::Privileged {
            field: format!("annotation {key}"),
            value: value.to_owned(),
            grant: "privileged",
        }),
        None => Ok(()),
    }
}

impl<'a> PodSpec<'a> {
    /// The specification itself.
    pub fn spec(&self) -> &'a Value {
        self.spec
    }
}

impl PodSpec<'_> {
    /// Where it is in the object.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The account that its pods run under; none for `default`.
    pub fn account(&self) -> Option<&str> {
        let name = |field: &str| {
            self.spec
                .get(field)
                .and_then(Value::as_str)
                .filter(|name| !name.is_empty() && *name != "default")
        };
        name("serviceAccountName").or_else(|| name("serviceAccount"))
    }

    /// Whether its pods have no more of their node than was granted.
    pub fn check(&self, policy: &Policy) -> Result<(), Problem> {
        self.check_network(&policy.powers)?;
        self.check_directories(policy)?;
        self.check_priority(&policy.powers)?;
        if !policy.powers.privileged {
            self.check_powers(policy)?;
        }
        self.check_images(policy)
    }

    fn check_network(&self, powers: &Powers) -> Result<(), Problem> {
        let taken = |field: String, value: &Value| Problem::HostNetwork {
            field: format!("{}.{field}", self.path),
            value: value.to_string(),
        };
        if powers.host_network {
            return Ok(());
        }
        if self.spec["hostNetwork"] == true {
            return Err(taken("hostNetwork".to_owned(), &self.spec["hostNetwork"]));
        }
        for (field, index, container) in self.containers() {
            if let Some((call, host)) = calls(container).find_map(|(call, value)| Some((call, host(value)?))) {
                return Err(taken(format!("{field}[{index}].{call}"), host));
            }
            for (port, content) in list(container, "ports").enumerate() {
                let number = &content["hostPort"];
                if !number.is_null() && *number != 0 {
                    return Err(taken(format!("{field}[{index}].ports[{port}].hostPort"), number));
                }
            }
        }
        Ok(())
    }

    fn check_directories(&self, policy: &Policy) -> Result<(), Problem> {
        for (index, volume) in list(self.spec, "volumes").enumerate() {
            let source = &volume["hostPath"];
            if source.is_null() {
                continue;
            }
            let path = source["path"].as_str().unwrap_or_default();
            let normal = path::normal(path);
            let granted = normal.as_ref().is_some_and(|path| policy.grants_path(path));
            if !granted {
                let of_clients = normal.is_some_and(|path| policy.is_of_clients(&path));
                return Err(Problem::HostPath {
                    field: format!("{}.volumes[{index}].hostPath", self.path),
                    path: path.to_owned(),
                    grant: if of_clients { MOUNTS } else { "host-paths" },
                });
            }
        }
        Ok(())
    }

    /// Whether its pods push others off their node.
    fn check_priority(&self, powers: &Powers) -> Result<(), Problem> {
        let class = self.spec["priorityClassName"].as_str().unwrap_or_default();
        if class.starts_with(OF_THE_SYSTEM) && !powers.system_priority {
            return Err(Problem::Priority {
                field: format!("{}.priorityClassName", self.path),
                class: class.to_owned(),
            });
        }
        Ok(())
    }

    /// What is left to `privileged` and, in part, to `fuse`.
    fn check_powers(&self, policy: &Policy) -> Result<(), Problem> {
        let fuse = policy.powers.fuse;
        let shares_processes = self.spec["hostPID"] == true && !(fuse && policy.named.has_host_pid());
        self.refuse(shares_processes, "hostPID", || "true".to_owned())?;
        self.refuse(self.spec["hostIPC"] == true, "hostIPC", || "true".to_owned())?;
        let annotations = self.annotations.as_object().into_iter().flatten();
        let texts = annotations.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
        check_annotations(texts)?;
        self.check_context(&self.spec["securityContext"], "securityContext")?;
        for (index, sysctl) in list(&self.spec["securityContext"], "sysctls").enumerate() {
            let name = sysctl["name"].as_str().unwrap_or_default();
            self.refuse(
                !HARMLESS_SYSCTLS.contains(&name),
                &format!("securityContext.sysctls[{index}]"),
                || name.to_owned(),
            )?;
        }
        for (field, index, container) in self.containers() {
            let path = format!("{field}[{index}]");
            self.check_container(&container["securityContext"], &format!("{path}.securityContext"), fuse)?;
            self.check_mounts(container, &path, policy)?;
        }
        Ok(())
    }

    fn check_container(&self, context: &Value, path: &str, fuse: bool) -> Result<(), Problem> {
        if context["privileged"] == true && !fuse {
            return Err(self.needs(MOUNTS, &format!("{path}.privileged"), "true"));
        }
        let mount = context["procMount"].as_str().unwrap_or("Default");
        self.refuse(mount != "Default", &format!("{path}.procMount"), || mount.to_owned())?;
        for capability in list(&context["capabilities"], "add") {
            let name = capability.as_str().unwrap_or_default();
            if name == SYS_ADMIN && !fuse {
                return Err(self.needs(MOUNTS, &format!("{path}.capabilities.add"), name));
            }
            self.refuse(
                !HARMLESS_CAPABILITIES.contains(&name) && name != SYS_ADMIN,
                &format!("{path}.capabilities.add"),
                || name.to_owned(),
            )?;
        }
        self.check_context(context, path)
    }

    /// Whether the node sees only mounts in the runtime's own mount directory, and in what users
    /// name.
    fn check_mounts(&self, container: &Value, path: &str, policy: &Policy) -> Result<(), Problem> {
        for (index, mount) in list(container, "volumeMounts").enumerate() {
            if mount["mountPropagation"] != "Bidirectional" {
                continue;
            }
            let volume = list(self.spec, "volumes").find(|volume| volume["name"] == mount["name"]);
            let directory = volume.and_then(|volume| volume["hostPath"]["path"].as_str());
            let shown = directory
                .and_then(path::normal)
                .is_some_and(|directory| policy.is_of_mount(&directory) || policy.named.has_path(&directory));
            self.refuse(
                directory.is_some() && !shown,
                &format!("{path}.volumeMounts[{index}].mountPropagation"),
                || "Bidirectional".to_owned(),
            )?;
        }
        Ok(())
    }

    /// Whether containers with powers run what the registration or a user names.
    fn check_images(&self, policy: &Policy) -> Result<(), Problem> {
        for (field, index, container) in self.powerful() {
            let image = container["image"].as_str().unwrap_or_default();
            if !policy.grants_image(image) {
                return Err(Problem::Image {
                    field: format!("{}.{field}[{index}].image", self.path),
                    image: image.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The images of the containers with powers over their node.
    pub fn powerful_images(&self) -> impl Iterator<Item = &str> {
        self.powerful()
            .filter_map(|(_, _, container)| container["image"].as_str())
    }

    fn powerful(&self) -> impl Iterator<Item = (&'static str, usize, &Value)> {
        self.containers().filter(|(_, _, container)| {
            let context = &container["securityContext"];
            let has = |name: &str| !HARMLESS_CAPABILITIES.contains(&name);
            context["privileged"] == true
                || list(&context["capabilities"], "add").any(|capability| capability.as_str().is_none_or(has))
        })
    }

    fn containers(&self) -> impl Iterator<Item = (&'static str, usize, &Value)> {
        let of = |field| {
            list(self.spec, field)
                .enumerate()
                .map(move |(index, container)| (field, index, container))
        };
        CONTAINERS.into_iter().flat_map(of)
    }

    /// What pods and containers have in common.
    fn check_context(&self, context: &Value, path: &str) -> Result<(), Problem> {
        for profile in ["seccompProfile", "appArmorProfile"] {
            let kind = &context[profile]["type"];
            self.refuse(*kind == "Unconfined", &format!("{path}.{profile}"), || {
                "Unconfined".to_owned()
            })?;
        }
        let options = &context["seLinuxOptions"];
        let text = |field: &str| options[field].as_str().unwrap_or_default();
        let strange = !SELINUX_TYPES.contains(&text("type")) || !text("user").is_empty() || !text("role").is_empty();
        self.refuse(strange, &format!("{path}.seLinuxOptions"), || options.to_string())?;
        let host_process = context["windowsOptions"]["hostProcess"] == true;
        self.refuse(host_process, &format!("{path}.windowsOptions.hostProcess"), || {
            "true".to_owned()
        })
    }

    fn refuse(&self, condition: bool, field: &str, value: impl FnOnce() -> String) -> Result<(), Problem> {
        if condition {
            Err(self.needs("privileged", field, &value()))
        } else {
            Ok(())
        }
    }

    fn needs(&self, grant: &'static str, field: &str, value: &str) -> Problem {
        Problem::Privileged {
            field: format!("{}.{field}", self.path),
            value: value.to_owned(),
            grant,
        }
    }
}

/// The probes and hooks of a container.
fn calls(container: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let of = |call: &'static str| [&container[call], &container["lifecycle"][call]].map(|value| (call, value));
    CALLS.into_iter().flat_map(of)
}

/// The host to which a probe or a hook sends its request, if that is not the pod itself.
fn host(call: &Value) -> Option<&Value> {
    ["httpGet", "tcpSocket"]
        .into_iter()
        .map(|action| &call[action]["host"])
        .find(|host| host.as_str().is_some_and(|host| !host.is_empty()))
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}
