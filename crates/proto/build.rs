//! Compiles every file under `proto/` without a `protoc` binary, and derives the authorisation table from the method options.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_reflect::{DescriptorPool, MethodDescriptor};
use role::Role;

#[path = "src/role.rs"]
#[allow(dead_code, unreachable_pub)]
mod role;

const ALLOW: &str = "argosy.v1.allow";
/// What a method says that is not for peers with an identity at all.
const NOBODY: &str = "nobody";
/// Messages with a secret in them: src/secretive.rs says how they look in a log.
const SECRETIVE: [&str; 1] = ["argosy.v1.JoinRequest"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", root.display());
    println!("cargo:rerun-if-changed=src/role.rs");

    let mut files = Vec::new();
    collect(&root, &mut files)?;
    // The order of a directory is the file system's affair; the generated code must not depend on it.
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // Encoded by the compiler itself: prost's own descriptor types would drop our options.
    fs::write(out.join("argosy_descriptor.bin"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("authz_table.rs"), table(&compiler.descriptor_pool())?)?;

    let codec = "crate::codec::Thrifty";
    let descriptors = compiler.file_descriptor_set();
    let build = tonic_prost_build::configure().bytes(".").btree_map(".").skip_debug(SECRETIVE);
    build.codec_path(codec).compile_fds(descriptors)?;
    Ok(())
}

fn collect(dir: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo:rerun-if-changed={}", path.display());
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            println!("cargo:rerun-if-changed={}", path.display());
            into.push(path);
        }
    }
    Ok(())
}

fn table(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut rows = BTreeMap::new();
    for service in pool.services() {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            rows.insert(path, roles(pool, &method)?);
        }
    }
    let mut text =
        String::from("/// Every method of every service, sorted by path.\npub static TABLE: &[Entry] = &[\n");
    for (path, roles) in rows {
        let roles: Vec<_> = roles.iter().map(|role| format!("Role::{role:?}")).collect();
        writeln!(text, "    ({path:?}, &[{}]),", roles.join(", "))?;
    }
    text.push_str("];\n");
    Ok(text)
}

fn roles(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Vec<Role>, Box<dyn Error>> {
    let allow = pool.get_extension_by_name(ALLOW).ok_or("authz.proto no longer defines the option `allow`")?;
    let options = method.options();
    let value = options.get_extension(&allow);
    let names = value.as_str().unwrap_or_default();
    if names == NOBODY {
        return Ok(Vec::new());
    }
    names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let known = Role::ALL.map(Role::name).join(", ");
            Role::from_name(name).ok_or_else(|| {
                format!("{}: unknown role `{name}` in ({ALLOW}); known: {known}", method.full_name()).into()
            })
        })
        .collect()
}
