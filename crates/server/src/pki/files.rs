//! Certificate files on disk: written whole or not at all, private keys for their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{PkiError, damaged, file_error};

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Audience {
    Owner,
    Everybody,
}

impl Audience {
    const fn mode(self) -> u32 {
        match self {
            Self::Owner => PRIVATE,
            Self::Everybody => PUBLIC,
        }
    }
}

/// Makes the directory, for its owner alone, unless it is there.
pub(super) fn directory(path: &Path) -> Result<(), PkiError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(file_error(path))
}

/// Writes a file that must not be there yet.
pub(super) fn create(path: &Path, text: &str, audience: Audience) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(audience.mode()).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Writes a file in the place of the one that is there: a reader sees the old one or the new one.
pub(super) fn replace(path: &Path, text: &str, audience: Audience) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".new-{}", std::process::id()));
    let fresh = Path::new(&fresh);
    let written = create(fresh, text, audience).and_then(|()| fs::rename(fresh, path));
    if written.is_err() {
        let _ = fs::remove_file(fresh);
    }
    written?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Writes `text` so that only its owner may read it, replacing what is there.
///
/// # Errors
/// ARG-0702.
pub fn write_private(path: &Path, text: &str) -> Result<(), PkiError> {
    replace(path, text, Audience::Owner).map_err(file_error(path))
}

/// The certificates in a PEM file, in their order.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let pem = fs::read(path).map_err(file_error(path))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|e| damaged(path, e))?;
    if certificates.is_empty() {
        return Err(damaged(path, "there is no certificate in it"));
    }
    Ok(certificates)
}

/// The private key in a PEM file, which others than its owner and group may not read.
pub(crate) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, PkiError> {
    let mode = fs::metadata(path).map_err(file_error(path))?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(PkiError::KeyExposed(path.to_path_buf()));
    }
    // The parser's own errors could quote the file, and this file must never be quoted.
    PrivateKeyDer::from_pem_file(path).map_err(|_| damaged(path, "there is no private key in it"))
}
