//! Compiles the contract without a protoc: protox parses, tonic-prost-build generates. The table of who may make which call
//! is made here too, and an rpc without an entry ends the build.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use protox::prost_reflect::prost_types::FileDescriptorSet;

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

/// Paths of all rpcs, as they stand on the wire.
fn rpcs(descriptors: &FileDescriptorSet) -> Vec<String> {
    let services = descriptors
        .file
        .iter()
        .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
    let paths = services.flat_map(|(package, service)| {
        let path = move |method: &str| format!("/{package}.{}/{method}", service.name());
        service.method.iter().map(move |method| path(method.name()))
    });
    paths.collect()
}

/// The words of `permissions.txt` as a Rust expression.
fn access(words: &str) -> Result<String, String> {
    let (who, of_host) = match words.strip_suffix(", of this host") {
        Some(who) => (who, true),
        None => (words, false),
    };
    let rank = match who {
        "anyone" if !of_host => return Ok("Access::Anyone".to_owned()),
        "user" if !of_host => return Ok("Access::Somebody".to_owned()),
        "roles" if !of_host => return Ok("Access::Roles".to_owned()),
        "viewer" => "Viewer",
        "editor" => "Editor",
        "operator" => "Operator",
        "admin" => "Admin",
        _ => {
            return Err(format!(
                "{words:?} is nobody: give one of anyone, user, viewer, editor, operator, admin, roles"
            ));
        }
    };
    let way = if of_host { "Host" } else { "User" };
    Ok(format!("Access::{way}(Rank::{rank})"))
}

/// The sorted table: each rpc has one line, each line its rpc.
fn permissions(text: &str, rpcs: &[String]) -> Result<String, String> {
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (rpc, words) = line.split_once(' ').ok_or_else(|| format!("{line:?} names nobody"))?;
        let path = format!("/{rpc}");
        if !rpcs.contains(&path) {
            return Err(format!("{rpc} is not in the contract: take its line out"));
        }
        if table.insert(path, access(words.trim())?).is_some() {
            return Err(format!("{rpc} has two lines"));
        }
    }
    if let Some(missing) = rpcs.iter().find(|path| !table.contains_key(*path)) {
        return Err(format!("{missing} has no line: say there who may make this call"));
    }
    let mut code = String::from("[\n");
    for (path, access) in table {
        let _ = writeln!(code, "    ({path:?}, {access}),");
    }
    code.push(']');
    Ok(code)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=sla");
    println!("cargo:rerun-if-changed=permissions.txt");
    let mut files = Vec::new();
    protos(Path::new("sla"), &mut files)?;
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    let descriptors = protox::compile(&files, ["."])?;
    #[expect(clippy::disallowed_methods, reason = "cargo hands the folder over in no other way")]
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let table = permissions(&fs::read_to_string("permissions.txt")?, &rpcs(&descriptors))
        .map_err(|problem| format!("proto/permissions.txt: {problem}"))?;
    fs::write(out.join("permissions.rs"), table)?;
    // For reflection.
    fs::write(
        out.join("descriptors.bin"),
        protox::prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::codec::Codec")
        // Chunks are shared with the cache that they come from, not copied.
        .bytes(".sla.series.v1.SampleChunk.xor")
        .compile_fds(descriptors)?;
    Ok(())
}
