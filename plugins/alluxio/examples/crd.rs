//! Prints the CRD of AlluxioRuntime. With `--json`, as one line of JSON: the form that a plugin
//! package carries.

use wasser_alluxio::spec;
use wasser_api::crd::example;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", example(&[spec::crd()], "wasser-alluxio")?);
    Ok(())
}
