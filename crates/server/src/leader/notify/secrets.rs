//! The folder of secrets: what is read from it goes into requests, and nowhere else.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Longest file, in bytes.
const MAX_BYTES: u64 = 16 * 1_024;
/// What a key begins with that is written in base64.
const PREFIX: &str = "whsec_";

/// The contents of a file. It shows nothing of itself.
pub(super) struct Secret {
    name: String,
    text: String,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a secret cannot be had. It names the file and never what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ARG-1403: the file '{name}' of the folder of secrets cannot be used: {why}")]
pub(super) struct SecretError {
    name: String,
    why: String,
}

impl Secret {
    /// Reads a file of the folder. It is read anew for each request, so that a key can be changed under a running server.
    pub(super) fn read(folder: Option<&Path>, name: &str) -> Result<Self, SecretError> {
        let refuse = |why: &str| SecretError { name: name.to_owned(), why: why.to_owned() };
        let folder = folder.ok_or_else(|| refuse("this node has no folder of secrets; set `notify.secrets`"))?;
        let path = folder.join(name);
        let told = |error: std::io::Error| refuse(&error.kind().to_string());
        let about = fs::metadata(&path).map_err(told)?;
        if about.permissions().mode() & 0o007 != 0 {
            return Err(refuse("everybody may read it; take that away"));
        }
        if about.len() > MAX_BYTES {
            return Err(refuse("it is longer than 16 KiB"));
        }
        let text = fs::read_to_string(&path).map_err(told)?;
        if text.trim().is_empty() {
            return Err(refuse("it is empty"));
        }
        Ok(Self { name: name.to_owned(), text })
    }

    /// As the value of a header.
    pub(super) fn line(&self) -> &str {
        self.text.trim()
    }

    /// The signatures of a message, one for each key of the file: while a key is being changed, the receiver may know either.
    ///
    /// The form is that of Standard Webhooks: HMAC-SHA-256 over id, time and body, in base64, each behind `v1,`. A damaged key signs
    /// nothing: no receiver would accept it, and the message would die of that.
    pub(super) fn signatures(&self, id: &str, timestamp: u64, body: &str) -> Result<String, SecretError> {
        let keys = self.text.lines().map(str::trim).filter(|line| !line.is_empty());
        let signed = format!("{id}.{timestamp}.{body}");
        let refuse =
            |_| SecretError { name: self.name.clone(), why: "its key is no base64 behind `whsec_`".to_owned() };
        let sign = |line: &str| {
            let key = match line.strip_prefix(PREFIX) {
                Some(text) => STANDARD.decode(text).map_err(refuse)?,
                None => line.as_bytes().to_vec(),
            };
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            Ok(format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes()))))
        };
        Ok(keys.map(sign).collect::<Result<Vec<_>, _>>()?.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret { name: "key".to_owned(), text: text.to_owned() }
    }

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        let signed = secret.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.expect("a sound key"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_keys_give_two_signatures_and_neither_is_shown() {
        let secret = secret("old-key\nnew-key\n");
        assert_eq!(secret.signatures("id", 1, "{}").expect("sound keys").split(' ').count(), 2);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn a_damaged_key_signs_nothing_and_is_not_quoted() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS\n");
        let refused = secret.signatures("id", 1, "{}").expect_err("it has lost a letter").to_string();
        assert!(refused.starts_with("ARG-1403: the file 'key'") && !refused.contains("MfKQ"), "{refused}");
    }

    #[test]
    fn a_file_that_everybody_may_read_is_refused_and_no_message_quotes_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        fs::write(&path, "hush").expect("it is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is ours");
        let refused = Secret::read(Some(folder.path()), "key").expect_err("everybody may read it").to_string();
        assert!(refused.starts_with("ARG-1403") && !refused.contains("hush"), "{refused}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        assert_eq!(Secret::read(Some(folder.path()), "key").expect("it is sound").line(), "hush");
        assert!(Secret::read(Some(folder.path()), "none").is_err() && Secret::read(None, "key").is_err());
    }
}
