//! Compiles the two protocols that the kubelet speaks with a node plugin.
//!
//! `protox` reads them in Rust, so that no `protoc` has to be installed; the generated code is not
//! checked in, so that it cannot drift.

use std::error::Error;

/// The prefixes of the messages in the offered services. The rest of CSI is left out, because it
/// would be compiled and never used.
const USED: [&str; 11] = [
    "ControllerGetCapabilities",
    "ControllerServiceCapability",
    "GetPlugin",
    "PluginCapability",
    "Probe",
    "Node",
    "VolumeCapability",
    "VolumeUsage",
    "VolumeCondition",
    "Topology",
    "CapacityRange",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut files = protox::compile(["csi.proto", "pluginregistration.proto"], ["proto"])?;
    for file in files.file.iter_mut().filter(|file| file.package() == "csi.v1") {
        file.service
            .retain(|service| matches!(service.name(), "Identity" | "Node" | "Controller"));
        // No controller is offered. CSI's own test suite asks one for its capabilities, so the
        // tests have one without any.
        for controller in file.service.iter_mut().filter(|service| service.name() == "Controller") {
            controller
                .method
                .retain(|method| method.name() == "ControllerGetCapabilities");
        }
        file.message_type
            .retain(|message| USED.iter().any(|used| message.name().starts_with(used)));
        file.enum_type.clear();
        // Comments refer to positions in the file, which have just changed.
        file.source_code_info = None;
    }
    // Clients are for the tests, which bring their own connection. Other methods answer that they
    // are not implemented.
    tonic_prost_build::configure()
        .build_transport(false)
        .generate_default_stubs(true)
        .compile_fds(files)?;
    Ok(())
}
