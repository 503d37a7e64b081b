//! The data source: the Dataset's first mount, read and checked.

use wasser_api::quantity;
use wasser_sdk::{Context, DatasetSpec, Error, Mount, Result};

use crate::edition::Edition;
use crate::input::Spec;
use crate::options::{self, EXTRA_OPTIONS, Known, Options, Origin};
use crate::secrets::Secrets;
use crate::shell;

/// Where the mount is found in the Dataset. JuiceFS has one file system per runtime, so only the
/// first mount counts.
const MOUNT: &str = "Dataset.spec.mounts[0]";
const SHARED_OPTIONS: &str = "Dataset.spec.sharedOptions";
const GIB: u64 = 1 << 30;

/// A file system of JuiceFS, or a directory in it.
#[derive(Debug, Clone)]
pub struct Source {
    /// The edition.
    pub edition: Edition,
    /// The name of the file system.
    pub name: String,
    /// The directory to mount, `/` for all; without a slash at the end.
    pub directory: String,
    /// The limit of the directory, in GiB.
    pub quota: Option<u64>,
    /// The kind of the object storage.
    pub storage: Option<String>,
    /// The address of the object storage.
    pub bucket: Option<String>,
    /// All options of the mount, shared ones included.
    pub options: Options,
    /// References to the Secrets.
    pub secrets: Secrets,
}

impl Source {
    /// Reads the Dataset of `ctx`.
    pub fn of(ctx: &Context<Spec>) -> Result<Self> {
        let dataset = ctx.dataset()?;
        let mount = dataset.mounts.first().ok_or_else(|| {
            Error::invalid(
                "Dataset.spec.mounts",
                "is empty; add a mount whose mountPoint is `juicefs:///` and whose name is the file system's",
            )
        })?;
        check_access_modes(dataset)?;
        let encrypt_options = dataset.encrypt_options_of(mount);
        let edition = Edition::of(&encrypt_options);
        let known = Known::new(edition, ctx.settings.get(EXTRA_OPTIONS));
        known.check(SHARED_OPTIONS, Origin::Dataset, &dataset.shared_options)?;
        known.check(&format!("{MOUNT}.options"), Origin::Dataset, &mount.options)?;
        let options = dataset.options_of(mount);
        let field = |name: &str| encrypt_field(mount, name);
        let secrets = Secrets::of(&encrypt_options, &field)?;
        check_encrypt_options(edition, &secrets, &field)?;
        let directory = directory(mount)?;
        Ok(Source {
            quota: quota(&options, &directory)?,
            storage: non_empty(&options, "storage"),
            bucket: non_empty(&options, "bucket"),
            name: name(edition, mount)?,
            edition,
            directory,
            options,
            secrets,
        })
    }

    /// Reports whether the Dataset says where to make the file system if there is none: by both the
    /// kind and the address of an object storage.
    pub fn may_be_made(&self) -> bool {
        let secret = |name: &str| {
            self.secrets
                .encrypt_env_options
                .iter()
                .any(|option| option.name == name)
        };
        (self.storage.is_some() || secret("storage")) && (self.bucket.is_some() || secret("bucket"))
    }

    /// Returns the directory that holds the blocks, if the object storage is one of directories.
    pub fn local_bucket(&self) -> Option<&str> {
        let local = self.edition == Edition::Community && self.storage.as_deref() == Some("file");
        self.bucket.as_deref().filter(|_| local)
    }

    /// Returns how the values name the file system.
    pub fn reference(&self) -> String {
        match self.edition {
            Edition::Community => "${METAURL}".into(),
            Edition::Enterprise => self.name.clone(),
        }
    }

    /// What the commands name the file system by, as a word of the shell.
    pub fn address(&self) -> String {
        match self.edition {
            Edition::Community => shell::variable("METAURL"),
            Edition::Enterprise => shell::word(&self.name),
        }
    }
}

fn check_access_modes(dataset: &DatasetSpec) -> Result<()> {
    const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    match dataset
        .access_modes
        .iter()
        .position(|mode| !MODES.contains(&mode.as_str()))
    {
        None => Ok(()),
        Some(at) => Err(Error::invalid(
            format!("Dataset.spec.accessModes[{at}]"),
            format!("is none of {}", MODES.join(", ")),
        )),
    }
}

/// `juicefs:///` and `juicefs://` are the whole file system, `juicefs:///sub` is a directory.
fn directory(mount: &Mount) -> Result<String> {
    let field = format!("{MOUNT}.mountPoint");
    let Some(path) = mount.mount_point.strip_prefix("juicefs://") else {
        let message = format!(
            "`{}` does not begin with `juicefs://`; write `juicefs:///` or `juicefs:///<directory>`",
            mount.mount_point.escape_debug()
        );
        return Err(Error::invalid(field, message));
    };
    shell::check_text(&field, path)?;
    let path = path.trim_matches('/');
    if path.split('/').any(|part| part == "..") {
        return Err(Error::invalid(
            field,
            "leads out of the file system with `..`; name the directory from the root",
        ));
    }
    if path.contains(',') {
        return Err(Error::invalid(
            field,
            "contains a comma, which separates mount options; rename the directory",
        ));
    }
    Ok(format!("/{path}"))
}

fn name(edition: Edition, mount: &Mount) -> Result<String> {
    let field = format!("{MOUNT}.name");
    let name = mount.name.as_str();
    if name.is_empty() {
        return Err(Error::invalid(
            field,
            "is empty; give the name of the JuiceFS file system",
        ));
    }
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = match edition {
        // What `juicefs format` accepts.
        Edition::Community => {
            (3..=63).contains(&name.len())
                && name.chars().all(|c| edge(c) || c == '-')
                && name.starts_with(edge)
                && name.ends_with(edge)
        }
        Edition::Enterprise => {
            name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) && !name.starts_with(['.', '-'])
        }
    };
    match (fits, edition) {
        (true, _) => Ok(name.to_string()),
        (false, Edition::Community) => Err(Error::invalid(
            field,
            "is not a name of a JuiceFS file system; use 3 to 63 small letters, digits and `-`, without a `-` at the \
             ends",
        )),
        (false, Edition::Enterprise) => Err(Error::invalid(
            field,
            "is not a name of a JuiceFS file system; use letters, digits, `-`, `_` and `.`",
        )),
    }
}

/// Returns the path of a secret option: in the mount, or among the options that all mounts share.
fn encrypt_field(mount: &Mount, name: &str) -> String {
    match mount.encrypt_options.iter().position(|option| option.name == name) {
        Some(at) => format!("{MOUNT}.encryptOptions[{at}]"),
        None => "Dataset.spec.sharedEncryptOptions".into(),
    }
}

/// In the community edition, a secret option becomes an option of `juicefs format`, which fails
/// with one that it does not know.
fn check_encrypt_options(edition: Edition, secrets: &Secrets, field: &dyn Fn(&str) -> String) -> Result<()> {
    let unknown = |name: &str| edition == Edition::Community && !options::is_format_option(name);
    match secrets.encrypt_env_options.iter().find(|option| unknown(&option.name)) {
        None => Ok(()),
        Some(option) => Err(Error::invalid(
            field(&option.name),
            format!(
                "`juicefs format` has no option `{}`; for a variable of the pods use spec.worker.env and spec.fuse.env",
                option.name
            ),
        )),
    }
}

fn quota(options: &Options, directory: &str) -> Result<Option<u64>> {
    let field = format!("{MOUNT}.options.quota");
    let Some(text) = non_empty(options, "quota") else {
        return Ok(None);
    };
    let bytes = quantity::bytes_of(&text).ok_or_else(|| {
        Error::invalid(
            &field,
            format!("`{}` is not a quantity; write for instance `10Gi`", text.escape_debug()),
        )
    })?;
    if directory == "/" {
        return Err(Error::invalid(
            field,
            "needs a directory to limit; write mountPoint: juicefs:///<directory>",
        ));
    }
    if bytes < GIB {
        return Err(Error::invalid(
            field,
            format!("`{text}` is less than 1Gi, the smallest quota of JuiceFS"),
        ));
    }
    Ok(Some(bytes / GIB))
}

fn non_empty(options: &Options, name: &str) -> Option<String> {
    options.get(name).filter(|value| !value.is_empty()).cloned()
}
