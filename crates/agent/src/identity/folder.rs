//! The folder of an identity: the key, made once; the certificate, replaced in one step; the authority of the installation.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};

use x509_parser::pem::Pem;

use super::term::Term;
use super::{IdentityError, unix_now};

/// Nobody but the agent's user.
const OWNER: u32 = 0o600;

/// The files of an identity, for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authority of the installation.
    pub ca: PathBuf,
}

/// The folder of an identity.
pub struct Folder {
    dir: PathBuf,
    key: KeyPair,
}

impl Folder {
    /// Opens it, and makes it with a fresh key where there is none yet.
    ///
    /// # Errors
    /// ARG-1128.
    pub fn open(dir: &Path) -> Result<Self, IdentityError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| IdentityError::folder(dir, error))?;
        let path = dir.join("agent.key");
        let key = match fs::read_to_string(&path) {
            // What the parser has against a key could quote it.
            Ok(pem) => KeyPair::from_pem(&pem).map_err(|_| IdentityError::folder(&path, "it holds no key"))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
                let key = key.map_err(|error| IdentityError::folder(&path, error))?;
                replace(&path, &key.serialize_pem()).map_err(|error| IdentityError::folder(&path, error))?;
                key
            }
            Err(error) => return Err(IdentityError::folder(&path, error)),
        };
        Ok(Self { dir: dir.to_path_buf(), key })
    }

    /// The files, for TLS.
    #[must_use]
    pub fn files(&self) -> Files {
        let path = |name: &str| self.dir.join(name);
        Files { cert: path("agent.crt"), key: path("agent.key"), ca: path("ca.crt") }
    }

    /// The certificate that lies there, if it is this key's and says that this is `agent_id`. It may be over.
    #[must_use]
    pub fn certificate(&self, agent_id: &str) -> Option<Term> {
        let files = self.files();
        let term = Term::read(&fs::read_to_string(files.cert).ok()?)?;
        let ours = self.is_ours(&term, agent_id) && files.ca.exists();
        ours.then_some(term)
    }

    fn is_ours(&self, term: &Term, agent_id: &str) -> bool {
        term.key == self.key.subject_public_key_info() && term.uris == [format!("argosy://agent/{agent_id}")]
    }

    /// A request for a certificate (PKCS #10, DER). It names nobody: who the holder is, is said beside it.
    pub(super) fn request(&self) -> Result<Vec<u8>, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&self.key).map_err(|error| IdentityError::folder(&self.dir, error))?;
        Ok(request.der().to_vec())
    }

    /// Puts a certificate in the place of the one that is there, and the authority beside it. `there` is the clock of the node that
    /// issued it.
    pub(super) fn install(
        &self,
        agent_id: &str,
        certificate: &str,
        authorities: &str,
        there: i64,
    ) -> Result<Term, IdentityError> {
        let files = self.files();
        let not_ours = || IdentityError::folder(&files.cert, "a node sent a certificate that is not the one asked for");
        let term = Term::read(certificate).filter(|term| self.is_ours(term, agent_id)).ok_or_else(not_ours)?;
        if !are_certificates(authorities) {
            return Err(IdentityError::folder(&files.ca, "a node sent no authority with the certificate"));
        }
        let here = unix_now();
        if !term.holds(here) {
            let (from, until) = (term.from_unix_s, term.until_unix_s);
            return Err(IdentityError::Clock { from, until, here, there });
        }
        for (path, text) in [(&files.ca, authorities), (&files.cert, certificate)] {
            if fs::read_to_string(path).ok().as_deref() != Some(text) {
                replace(path, text).map_err(|error| IdentityError::folder(path, error))?;
            }
        }
        Ok(term)
    }
}

/// Whether this holds certificates in PEM, one at least, and nothing that is none: without them no node would be believed any more.
fn are_certificates(pem: &str) -> bool {
    let mut blocks = Pem::iter_from_buffer(pem.as_bytes()).peekable();
    blocks.peek().is_some() && blocks.all(|block| block.is_ok_and(|block| block.parse_x509().is_ok()))
}

/// Writes a file for its owner alone in the place of what is there; after a crash the old one is there or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut next = path.as_os_str().to_owned();
    next.push(".new");
    let next = Path::new(&next);
    match fs::remove_file(next) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER).open(next)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(next, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
