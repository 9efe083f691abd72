//! A request for a certificate as a stranger sends it: of what it says only the key counts.

use rcgen::{CertificateSigningRequestParams, PKCS_ECDSA_P256_SHA256, PublicKey, PublicKeyData as _};
use sha2::{Digest as _, Sha256};

/// Longest request, bytes; ours have some 250.
const LONGEST: usize = 4_096;

/// Why a request is no good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ARG-0721: the request for a certificate is no good: {0}; update the agent")]
pub struct BadRequest(String);

/// A public key that is to have a certificate, and whose holder has shown that the private key is his.
#[derive(Debug, Clone)]
pub struct SigningRequest {
    pub(super) key: PublicKey,
}

impl SigningRequest {
    /// Reads a request (PKCS #10, DER), and checks that it was signed with the key that it names.
    ///
    /// # Errors
    /// ARG-0721.
    pub fn read(der: &[u8]) -> Result<Self, BadRequest> {
        if der.len() > LONGEST {
            return Err(BadRequest(format!("it has {} bytes and may have {LONGEST}", der.len())));
        }
        let read = CertificateSigningRequestParams::from_der(&der.into());
        let key = read.map_err(|error| BadRequest(error.to_string()))?.public_key;
        // Every key of ours is of this kind; a second one would be a second thing to be wrong.
        if key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            return Err(BadRequest("its key is not ECDSA on P-256".to_owned()));
        }
        Ok(Self { key })
    }

    /// SHA-256 of the public key: the same key, the same request.
    #[must_use]
    pub fn key_hash(&self) -> [u8; 32] {
        Sha256::digest(self.key.subject_public_key_info()).into()
    }
}
