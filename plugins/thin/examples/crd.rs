//! Prints the CRDs of ThinRuntime and ThinRuntimeProfile. With `--json`, as lines of JSON: the form that a plugin package carries.

use kube::CustomResourceExt;
use wasser_api::crd::{example, structural};
use wasser_thin::spec::{ThinRuntime, ThinRuntimeProfile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!(
        "{}",
        example(
            &[structural(ThinRuntime::crd()), structural(ThinRuntimeProfile::crd())],
            "wasser-thin"
        )?
    );
    Ok(())
}
