//! The CRDs of ThinRuntime and ThinRuntimeProfile: what they say, and that the committed files are what the types generate.
#![cfg(feature = "crd")]

use kube::CustomResourceExt;
use wasser_testkit::crd;
use wasser_thin::spec::{ThinRuntime, ThinRuntimeProfile};

#[test]
fn the_kinds_have_every_field_of_the_api_and_no_other() {
    crd::expect_fields(ThinRuntime::crd(), include_str!("runtime.tsv"));
    crd::expect_fields(ThinRuntimeProfile::crd(), include_str!("profile.tsv"));
}

#[test]
fn the_committed_files_are_what_the_types_generate() {
    crd::expect_committed(ThinRuntime::crd(), "wasser-thin");
    crd::expect_committed(ThinRuntimeProfile::crd(), "wasser-thin");
}
