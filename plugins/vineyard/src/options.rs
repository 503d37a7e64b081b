//! Options of the daemons: those of the workers, and of one in the client.

use wasser_api::quantity;
use wasser_sdk::{Error, Result};

use crate::input::{Spec, Texts};
use crate::text::{check_line, check_word};

/// Options of the workers.
#[derive(Debug)]
pub struct Options {
    /// Whether a daemon takes all of its memory when it starts.
    pub reserve_memory: bool,
    /// What the keys in etcd begin with.
    pub etcd_prefix: String,
    /// How many seconds a daemon waits for etcd.
    pub etcd_timeout: u32,
}

/// Returns the options of the workers: their own, else those of the etcd that is there already, else
/// those of the master. Names that are not known are left alone, as in Fluid.
pub fn of(spec: &Spec) -> Result<Options> {
    let places = [
        ("worker.options", &spec.worker.options),
        ("master.endpoint.options", &spec.master.endpoint.options),
        ("master.options", &spec.master.component.options),
    ];
    let option = |name: &str| {
        places.iter().find_map(|(place, options)| {
            let field = format!("VineyardRuntime.spec.{place}[{name}]");
            options.get(name).map(|text| (field, text.as_str()))
        })
    };
    let reserve_memory = match option("vineyardd.reserve.memory") {
        None | Some((_, "true")) => true,
        Some((_, "false")) => false,
        Some((field, _)) => return Err(Error::invalid(field, "is neither true nor false")),
    };
    let etcd_prefix = match option("etcd.prefix") {
        None => "/vineyard".to_owned(),
        Some((field, text)) => {
            check_word(&field, text)?;
            text.to_owned()
        }
    };
    let etcd_timeout = match option("wait.etcd.timeout") {
        None => 120,
        Some((field, text)) => text
            .parse()
            .map_err(|_| Error::invalid(field, "is not a number of seconds; write for instance \"120\""))?,
    };
    Ok(Options {
        reserve_memory,
        etcd_prefix,
        etcd_timeout,
    })
}

/// Returns the options of the client as variables of its environment, `etcd_prefix` as
/// `ETCD_PREFIX`.
pub fn of_client(spec: &Spec, workers: &Options) -> Result<Texts> {
    let mut variables = Texts::from([
        ("SIZE".to_owned(), "0".to_owned()),
        ("ETCD_PREFIX".to_owned(), workers.etcd_prefix.clone()),
    ]);
    for (name, value) in &spec.fuse.options {
        let field = format!("VineyardRuntime.spec.fuse.options[{}]", name.escape_debug());
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') || !name.chars().all(plain) {
            let message = "is not the name of an option: a letter, then letters, digits and `_.-`";
            return Err(Error::invalid(field, message));
        }
        check_line(&field, value)?;
        variables.insert(name.to_ascii_uppercase().replace(['.', '-'], "_"), value.clone());
    }
    Ok(variables)
}

/// Returns the bytes of the daemon in the client; 0 if there is none.
pub fn client_size(variables: &Texts) -> Result<u64> {
    let size = variables.get("SIZE").map(String::as_str).unwrap_or_default();
    quantity::bytes_of(size).ok_or_else(|| {
        let message = "is not a quantity; write for instance \"1Gi\", or \"0\" for none";
        Error::invalid("VineyardRuntime.spec.fuse.options[size]", message)
    })
}
