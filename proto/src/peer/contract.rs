//! The rpcs of the contract, read from its descriptors.

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// One rpc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    /// `/package.Service/Method`.
    pub path: String,
    /// Whether the server answers with a stream.
    pub server_streaming: bool,
    /// Whether the client asks with one.
    pub client_streaming: bool,
}

/// All of them, in the order of the files. Empty only if the build were broken.
pub fn rpcs() -> Vec<Rpc> {
    let files = FileDescriptorSet::decode(crate::DESCRIPTORS).unwrap_or_default().file;
    let mut rpcs = Vec::new();
    for file in &files {
        for service in &file.service {
            rpcs.extend(service.method.iter().map(|method| Rpc {
                path: format!("/{}.{}/{}", file.package(), service.name(), method.name()),
                server_streaming: method.server_streaming(),
                client_streaming: method.client_streaming(),
            }));
        }
    }
    rpcs
}
