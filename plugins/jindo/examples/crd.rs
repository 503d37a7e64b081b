//! Prints the CRD of JindoRuntime. With `--json`, as one line of JSON: the form that a plugin package carries.

use kube::CustomResourceExt;
use wasser_api::crd::{example, structural};
use wasser_jindo::spec::JindoRuntime;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", example(&[structural(JindoRuntime::crd())], "wasser-jindo")?);
    Ok(())
}
