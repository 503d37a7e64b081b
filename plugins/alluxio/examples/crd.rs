//! Prints the CRD of AlluxioRuntime. With `--json`, as one line of JSON: the form that a plugin package carries.

use kube::CustomResourceExt;
use wasser_alluxio::spec::AlluxioRuntime;
use wasser_api::crd::{example, structural};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", example(&[structural(AlluxioRuntime::crd())], "wasser-alluxio")?);
    Ok(())
}
