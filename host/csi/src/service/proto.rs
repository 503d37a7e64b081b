//! The protocols, as generated from `proto/`.

/// CSI v1: what the kubelet asks of a node plugin.
pub mod csi {
    #![allow(missing_docs, clippy::all)]
    tonic::include_proto!("csi.v1");
}

/// How a node plugin makes itself known to the kubelet.
pub mod registration {
    #![allow(missing_docs, clippy::all)]
    tonic::include_proto!("pluginregistration");
}
