//! The policy of a page: nothing from anywhere, and no script but those written into it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The policy for a page with these scripts.
pub(crate) fn policy(scripts: &[&str]) -> String {
    let mut policy = String::from("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
    if !scripts.is_empty() {
        policy.push_str("; script-src");
        for script in scripts {
            let _infallible = write!(policy, " 'sha256-{}'", base64(&Sha256::digest(script.as_bytes())));
        }
    }
    policy
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(word);
        for digit in 0..4 {
            let bits = (word >> (18 - 6 * digit)) & 63;
            text.push(if digit > chunk.len() { '=' } else { char::from(DIGITS[bits as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_every_reader_of_base64_reads_them() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_script_may_run_by_its_hash_alone() {
        let policy = policy(&["alert(1)"]);
        assert!(policy.contains("script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"), "{policy}");
        assert!(!policy.contains("script-src 'unsafe-inline'") && policy.starts_with("default-src 'none'"));
    }
}
