//! The generated code, one module a package: `sla_proto::etl::v1`.

/// The file descriptor set of the whole contract, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($($noun:ident),*) => {$(
        #[doc = concat!("Package `sla.", stringify!($noun), "`.")]
        pub mod $noun {
            #[doc = concat!("Version 1 of `sla.", stringify!($noun), "`; the comments live in the .proto files.")]
            #[allow(missing_docs, clippy::pedantic, clippy::large_enum_variant, reason = "generated code; fields are commented in the .proto files")]
            #[allow(clippy::allow_attributes_without_reason, reason = "generated code carries its own attributes")]
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/sla.", stringify!($noun), ".v1.rs"));
            }
        }
    )*};
}

package!(
    account, series, objective, server, result, etl, storage, set, violation, retrieval, notify, weather
);
