//! Prints the CRD of JuiceFSRuntime. With `--json`, as one line of JSON: the form that a plugin package carries.

use kube::CustomResourceExt;
use wasser_api::crd::{example, structural};
use wasser_juicefs::spec::JuiceFSRuntime;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", example(&[structural(JuiceFSRuntime::crd())], "wasser-juicefs")?);
    Ok(())
}
