//! What pods may not have without the grant `privileged`.
//!
//! It is the baseline of the Pod Security Standards with two differences: host networks and host
//! ports are allowed, because Fluid's runtimes use them by default and the host hands out the
//! ports; and an explicit `allowPrivilegeEscalation` is refused.

use serde_json::Value;

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
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// A pod's specification somewhere in an object.
pub struct PodSpec<'a> {
    path: String,
    spec: &'a Value,
}

/// All of them, of whatever kind the object is: custom resources have pod templates as well.
pub fn find(data: &Value) -> Vec<PodSpec<'_>> {
    let mut found = Vec::new();
    walk(data, "", &mut found);
    found
}

fn walk<'a>(value: &'a Value, path: &str, found: &mut Vec<PodSpec<'a>>) {
    match value {
        Value::Object(fields) => {
            if CONTAINERS
                .iter()
                .any(|field| fields.get(*field).is_some_and(Value::is_array))
            {
                found.push(PodSpec {
                    path: path.to_owned(),
                    spec: value,
                });
            }
            // What is below may be another one: a list of this name next to a template does not
            // make the template harmless.
            for (key, inner) in fields {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                walk(inner, &path, found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                walk(inner, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

impl<'a> PodSpec<'a> {
    /// The specification itself.
    pub fn spec(&self) -> &'a Value {
        self.spec
    }
}

impl PodSpec<'_> {
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

    /// Whether its pods have no powers over their node.
    pub fn check(&self) -> Result<(), Problem> {
        for field in ["hostPID", "hostIPC"] {
            self.refuse(&self.spec[field] == true, field, || "true".to_owned())?;
        }
        for (index, volume) in list(self.spec, "volumes").enumerate() {
            let path = || volume["hostPath"]["path"].as_str().unwrap_or_default().to_owned();
            self.refuse(
                volume.get("hostPath").is_some_and(|source| !source.is_null()),
                &format!("volumes[{index}].hostPath"),
                path,
            )?;
        }
        self.check_context(&self.spec["securityContext"], "securityContext")?;
        for (index, sysctl) in list(&self.spec["securityContext"], "sysctls").enumerate() {
            let name = sysctl["name"].as_str().unwrap_or_default();
            self.refuse(
                !HARMLESS_SYSCTLS.contains(&name),
                &format!("securityContext.sysctls[{index}]"),
                || name.to_owned(),
            )?;
        }
        for field in CONTAINERS {
            for (index, container) in list(self.spec, field).enumerate() {
                self.check_container(
                    &container["securityContext"],
                    &format!("{field}[{index}].securityContext"),
                )?;
            }
        }
        Ok(())
    }

    fn check_container(&self, context: &Value, path: &str) -> Result<(), Problem> {
        for field in ["privileged", "allowPrivilegeEscalation"] {
            self.refuse(context[field] == true, &format!("{path}.{field}"), || "true".to_owned())?;
        }
        let mount = context["procMount"].as_str().unwrap_or("Default");
        self.refuse(mount != "Default", &format!("{path}.procMount"), || mount.to_owned())?;
        for capability in list(&context["capabilities"], "add") {
            let name = capability.as_str().unwrap_or_default();
            self.refuse(
                !HARMLESS_CAPABILITIES.contains(&name),
                &format!("{path}.capabilities.add"),
                || name.to_owned(),
            )?;
        }
        self.check_context(context, path)
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
            Err(Problem::Privileged {
                field: format!("{}.{field}", self.path),
                value: value(),
            })
        } else {
            Ok(())
        }
    }
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}
