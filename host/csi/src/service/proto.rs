//! The protocols, generated from `proto/`.

/// CSI v1, which the kubelet speaks with a node plugin.
pub mod csi {
    #![allow(missing_docs, clippy::all)]
    tonic::include_proto!("csi.v1");
}

/// The protocol by which a driver is announced to the kubelet.
pub mod registration {
    #![allow(missing_docs, clippy::all)]
    tonic::include_proto!("pluginregistration");
}
