//! Compiles the contract without a protoc: protox parses, tonic-prost-build generates.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn protos(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            protos(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            into.push(path);
        }
    }
    into.sort();
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=sla");
    let mut files = Vec::new();
    protos(Path::new("sla"), &mut files)?;
    let descriptors = protox::compile(&files, ["."])?;
    #[expect(clippy::disallowed_methods, reason = "cargo hands the folder over in no other way")]
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    // For reflection.
    fs::write(
        out.join("descriptors.bin"),
        protox::prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure()
        .build_transport(false)
        // Chunks are shared with the cache that they come from, not copied.
        .bytes(".sla.series.v1.SampleChunk.xor")
        .compile_fds(descriptors)?;
    Ok(())
}
