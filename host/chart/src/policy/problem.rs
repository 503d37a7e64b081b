//! The reasons for which an object is refused, each with its remedy.

use super::permission::Permission;
use crate::quote::name as short;

/// What is wrong with an object, and what to do about it. Reads on after the object's kind and
/// name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It says no `apiVersion` or no `kind`.
    #[error("has no apiVersion or no kind; correct the chart")]
    Untyped,
    /// It has no name, so nobody could find it again.
    #[error("has no metadata.name (generateName is not enough); name it in the chart")]
    Unnamed,
    /// Its name or version would be more than one part of a path.
    #[error("is called `{}`; names have letters, digits, `-`, `.`, `_` and `:` only", short(.name))]
    Name {
        /// The name or version.
        name: String,
    },
    /// The chart has it twice.
    #[error("is in the chart twice; remove one")]
    Duplicate,
    /// It is not in the runtime's namespace.
    #[error("is in the namespace `{}`; a chart may only install into that of its runtime, `{expected}`", short(.found))]
    Namespace {
        /// The object's namespace.
        found: String,
        /// The runtime's namespace.
        expected: String,
    },
    /// Its kind has no namespace.
    #[error("is in no namespace but of the whole cluster, which no chart may install; let an administrator create it")]
    ClusterScoped,
    /// Its kind was not granted.
    #[error("is of a kind that is not granted; add `{}` to `grants.kinds` of the plugin's registration, if its \
        plugin wants it", short(.grant))]
    Kind {
        /// What has to be granted.
        grant: String,
    },
    /// Its pods have powers over their node.
    #[error("has pods with powers over their node ({}: {}); grant `{grant}` to the plugin, or render the pods \
        without", short(.field), short(.value))]
    Privileged {
        /// Path of the field.
        field: String,
        /// What it has.
        value: String,
        /// The smallest grant that would allow it.
        grant: &'static str,
    },
    /// It or its pods are in the network of a node.
    #[error("takes the network of a node ({}: {}); grant `host-network` to the plugin, or render it without",
        short(.field), short(.value))]
    HostNetwork {
        /// Path of the field.
        field: String,
        /// What it has.
        value: String,
    },
    /// Its pods have a directory of their node.
    #[error("has pods with `{}` of their node ({}), which neither the runtime nor its Dataset names; grant `{grant}` \
        for it to the plugin, which is to want it, or render the pods without", short(.path), short(.field))]
    HostPath {
        /// Path of the field.
        field: String,
        /// The directory.
        path: String,
        /// The grant that would allow it.
        grant: &'static str,
    },
    /// Its pods have a priority of Kubernetes' own.
    #[error("has pods of the priority class `{}` ({}); grant `system-priority` to the plugin, or render the pods \
        without", short(.class), short(.field))]
    Priority {
        /// Path of the field.
        field: String,
        /// The class.
        class: String,
    },
    /// Its pods have a Secret that nobody has named.
    #[error("has pods with the Secret `{}` ({}), which neither the runtime nor its Dataset names, and which is not the \
        chart's own; name it there, or grant `secrets` to the plugin", short(.name), short(.field))]
    Secret {
        /// Path of the field.
        field: String,
        /// The Secret.
        name: String,
    },
    /// Its pods have a claim that nobody has named.
    #[error("has pods with the claim `{}` ({}), which neither the runtime nor its Dataset names, and which is not the \
        chart's own; name it there, or render the pods without", short(.name), short(.field))]
    Claim {
        /// Path of the field.
        field: String,
        /// The claim, or what its data are taken from.
        name: String,
    },
    /// It brings what is sent to other addresses to its pods.
    #[error("is reached from outside of the cluster ({}: {}), which no chart may install; let an administrator create \
        such a Service", short(.field), short(.value))]
    Outside {
        /// Path of the field.
        field: String,
        /// What it has.
        value: String,
    },
    /// It selects pods that need not be its own.
    #[error("selects pods by `{}`, which pods of others can have as well, and would take them over; select by a label \
        with the name of the release, such as `release`", short(.selector))]
    Selector {
        /// What it selects by.
        selector: String,
    },
    /// It would stay when it is deleted.
    #[error("has the finalizer `{}`, which would keep it from being deleted; render it without", short(.finalizer))]
    Finalizer {
        /// The finalizer.
        finalizer: String,
    },
    /// It has a label or an annotation by which the host finds what is its own.
    #[error("has `{}` among its labels or annotations, which only Wasser itself sets; render it without", short(.key))]
    OfTheHost {
        /// The label or annotation.
        key: String,
    },
    /// It would be taken for Helm's record of a release.
    #[error(
        "is named or labelled as Helm's record of a release, which a chart may not render; rename it, or take the \
        label `owner: helm` off"
    )]
    Record,
    /// A container with powers over its node runs an image that nobody has named.
    #[error("has containers with powers over their node that run the image `{}` ({}); add it to `images` of the \
        plugin's registration, or name it in the runtime", short(.image), short(.field))]
    Image {
        /// Path of the field.
        field: String,
        /// The image.
        image: String,
    },
    /// Its pods run as somebody else.
    #[error("runs its pods under the service account `{}`; only `default` and those of the same chart may be used",
        short(.account))]
    ForeignAccount {
        /// The account.
        account: String,
    },
    /// Something else owns it.
    #[error("names {} `{}` as an owner; only the runtime owns what its chart installs", short(.kind), short(.name))]
    Owner {
        /// Kind of the owner.
        kind: String,
        /// Name of the owner.
        name: String,
    },
    /// A role gives what the pods of a cache system do not need as a rule.
    #[error("gives `{}` in rule {rule}, which is not granted; grant `rbac: [{{apiGroups: [\"{}\"], resources: [{}], \
        verbs: [{}]}}]` in the plugin's registration, if its plugin wants it, or render the Role without",
        short(&.permission.to_string()), short(&.permission.group), short(&.permission.resource),
        short(&.permission.verb))]
    Rule {
        /// Index of the rule.
        rule: usize,
        /// What it gives.
        permission: Box<Permission>,
    },
    /// A rule of a role that is none, or is about URLs.
    #[error("has something in rule {rule} that a Role cannot give; list apiGroups, resources and verbs")]
    NotARule {
        /// Index of the rule.
        rule: usize,
    },
    /// A binding is to a role of somebody else.
    #[error("binds {} `{}`, which is not a Role of the same chart; render the Role with it", short(.kind),
        short(.name))]
    ForeignRole {
        /// Kind that it refers to.
        kind: String,
        /// Name that it refers to.
        name: String,
    },
    /// A binding gives a role to somebody else.
    #[error("gives its role to {} `{}`; only service accounts of the same chart may have it", short(.kind),
        short(.name))]
    ForeignSubject {
        /// Kind of the subject.
        kind: String,
        /// Name of the subject.
        name: String,
    },
    /// A Secret that Kubernetes or Helm would act on.
    #[error("is a Secret of the type `{}`, which a chart may not render: it would give away tokens or forge \
        releases", short(.kind))]
    SecretType {
        /// The type.
        kind: String,
    },
}
