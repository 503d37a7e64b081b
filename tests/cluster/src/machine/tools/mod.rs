//! Programs that the cluster consists of, built from Go modules once and cached by what they were
//! built from.

mod build;
mod installed;
mod java;
mod javascript;
mod python;

use std::path::PathBuf;

use anyhow::Result;

use build::Recipe;
pub use java::Java;
pub use javascript::packages as javascript_packages;
pub use python::environment as python_environment;

/// A program from a Go module below `tests/cluster/programs/`, whose go.mod and go.sum fix every
/// version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// etcd, API server, controller manager, scheduler, kubelet, kube-proxy and kubectl: the first
    /// argument says which.
    Kubernetes,
    /// Nodes without containers.
    Kwok,
    /// Helm's command line, to look at what was installed.
    Helm,
    /// The JuiceFS client, static.
    JuiceFs,
    /// The test suite of the CSI project.
    CsiSanity,
    /// A server that speaks S3's protocol, over a directory.
    VersityGw,
}

/// The metadata engines, object stores and services that are left out of JuiceFS. `netgo` and
/// `osusergo` because static glibc cannot look up names in an image without its configuration.
const JUICEFS_TAGS: &str = "nogateway,nowebdav,nocos,nobos,nohdfs,noibmcos,noobs,nooss,noqingstor,nosftp,\
                            noswift,noazure,nogs,noufile,nob2,nonfs,\
                            nodragonfly,nofdb,notikv,noetcd,nobadger,nomysql,nopg,netgo,osusergo";
/// As its releases are linked: templates see these versions.
const HELM_LDFLAGS: &str = "-X helm.sh/helm/v3/internal/version.version=v3.18.6 \
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 \
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=33";
/// Without these, the API server calls itself v0.0.0. The same version as in go.mod.
const KUBERNETES_LDFLAGS: &str = "-X k8s.io/component-base/version.gitVersion=v1.35.4 \
                                  -X k8s.io/component-base/version.gitMajor=1 \
                                  -X k8s.io/component-base/version.gitMinor=35";

impl Tool {
    /// All, in the order in which they are built.
    pub const ALL: [Self; 6] = [
        Self::Kubernetes,
        Self::Kwok,
        Self::Helm,
        Self::JuiceFs,
        Self::CsiSanity,
        Self::VersityGw,
    ];

    /// Returns the program, and builds it if it is not in the cache. An interrupted build continues
    /// from Go's own cache.
    pub fn ensure(self) -> Result<PathBuf> {
        build::ensure(&self.recipe())
    }

    /// Returns the name of the file.
    pub fn name(self) -> &'static str {
        self.recipe().name
    }

    fn recipe(self) -> Recipe {
        let go = Recipe {
            name: "",
            package: ".",
            cgo: false,
            tags: "",
            ldflags: "",
            minutes: 0,
            packages: 0,
        };
        match self {
            Self::Kubernetes => Recipe {
                name: "kubernetes",
                ldflags: KUBERNETES_LDFLAGS,
                minutes: 6,
                packages: 2100,
                ..go
            },
            Self::Kwok => Recipe {
                name: "kwok",
                package: "sigs.k8s.io/kwok/cmd/kwok",
                minutes: 2,
                packages: 900,
                ..go
            },
            Self::Helm => Recipe {
                name: "helm",
                package: "helm.sh/helm/v3/cmd/helm",
                ldflags: HELM_LDFLAGS,
                minutes: 2,
                packages: 1000,
                ..go
            },
            Self::JuiceFs => Recipe {
                name: "juicefs",
                package: "github.com/juicedata/juicefs",
                cgo: true,
                tags: JUICEFS_TAGS,
                ldflags: "-linkmode external -extldflags -static",
                minutes: 3,
                packages: 700,
            },
            Self::CsiSanity => Recipe {
                name: "csi-sanity",
                package: "github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity",
                minutes: 1,
                packages: 250,
                ..go
            },
            Self::VersityGw => Recipe {
                name: "versitygw",
                package: "github.com/versity/versitygw/cmd/versitygw",
                minutes: 2,
                packages: 600,
                ..go
            },
        }
    }
}
