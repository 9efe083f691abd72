//! The authority: what it makes, what it refuses to overwrite, and that keys stay private.

mod pki_kit;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use argosy_server::authz::Identity;
use argosy_server::pki::{Authority, CertificateFacts, LeafPaths, PkiError, Validity};
use pki_kit::{Pki, expired, principal};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn a_certificate_carries_exactly_the_identity_and_the_names_asked_for() {
    let pki = Pki::new();
    for short in ["node/eu-1", "cluster/c0", "shard/s0", "agent/m-7", "provider/sim", "admin", "readonly"] {
        let files = pki.leaf(short);
        let facts = CertificateFacts::read(&files.cert).expect("readable").remove(0);
        assert_eq!(facts.uris, [principal(short).uri()]);
        assert_eq!(
            Identity::from_uris(facts.uris.iter().map(String::as_str)),
            Ok(Identity::Certified(principal(short)))
        );
        assert_eq!(
            (facts.dns, facts.ips),
            (vec!["localhost".to_owned()], vec!["127.0.0.1".parse().expect("an address")])
        );
        assert!(!facts.is_authority);
    }
}

#[test]
fn private_keys_are_for_their_owner_alone_and_are_never_shown() {
    let pki = Pki::new();
    let files = pki.leaf("node/eu-1");
    assert_eq!(mode(&files.key), 0o600);
    assert_eq!(mode(&pki.path().join("ca.key")), 0o600);
    let key = fs::read_to_string(&files.key).expect("readable by its owner");
    let body = key.lines().nth(1).expect("a key has lines");
    let leaf = pki.authority.issue(&Pki::request("admin")).expect("issued");
    for shown in [format!("{leaf:?}"), format!("{:?}", pki.authority)] {
        assert!(!shown.contains("PRIVATE") && !shown.contains("key_pem"), "{shown}");
    }
    let refused = CertificateFacts::read(&files.key).expect_err("a key is not a certificate").to_string();
    assert!(refused.starts_with("ARG-0703") && !refused.contains(body), "{refused}");
}

#[test]
fn an_authority_is_never_overwritten() {
    let pki = Pki::new();
    let before = fs::read(pki.path().join("ca.key")).expect("readable");
    assert!(matches!(Authority::create(pki.path(), "again"), Err(PkiError::AuthorityExists(_))));
    fs::remove_file(pki.path().join("ca.crt")).expect("removable");
    assert!(
        matches!(Authority::create(pki.path(), "again"), Err(PkiError::AuthorityExists(_))),
        "the key alone is enough"
    );
    assert_eq!(fs::read(pki.path().join("ca.key")).expect("readable"), before);
}

#[test]
fn an_authority_without_its_key_is_not_given_another() {
    let pki = Pki::new();
    fs::remove_file(pki.path().join("ca.key")).expect("removable");
    assert!(matches!(Authority::create(pki.path(), "again"), Err(PkiError::AuthorityExists(_))));
    assert!(!pki.path().join("ca.key").exists(), "a key that is not the certificate's");
}

#[test]
fn a_certificate_is_not_overwritten_by_issuing_it_again() {
    let pki = Pki::new();
    let files = pki.leaf("node/eu-1");
    let again = pki.authority.issue(&Pki::request("node/eu-1")).expect("issued");
    let paths = LeafPaths { certificate: files.cert, key: files.key };
    assert!(matches!(again.store(&paths), Err(PkiError::LeafExists(_))));
}

#[test]
fn a_renewed_certificate_keeps_its_identity_and_its_names_and_has_a_new_key() {
    let pki = Pki::new();
    let mut request = Pki::request("node/eu-1");
    request.validity = expired();
    let files = pki.leaf_of(&request);
    let old_key = fs::read(&files.key).expect("readable");
    let paths = LeafPaths { certificate: files.cert.clone(), key: files.key.clone() };
    let opened = Authority::open(pki.path()).expect("opened again");
    opened.renew(&paths, Validity::days(7).expect("seven days")).expect("an expired certificate may be renewed");

    let facts = CertificateFacts::read(&files.cert).expect("readable").remove(0);
    assert_eq!(facts.uris, ["argosy://node/eu-1"]);
    assert_eq!(facts.dns, ["localhost"]);
    assert!(facts.not_after > time::OffsetDateTime::now_utc());
    assert_ne!(fs::read(&files.key).expect("readable"), old_key);
    assert_eq!(mode(&files.key), 0o600);
}

#[test]
fn only_a_certificate_of_the_same_authority_is_renewed() {
    let (ours, theirs) = (Pki::new(), Pki::new());
    let files = theirs.leaf("node/eu-1");
    let paths = LeafPaths { certificate: files.cert.clone(), key: files.key };
    let before = fs::read(&files.cert).expect("readable");
    let refused = ours.authority.renew(&paths, Validity::days(1).expect("one day")).expect_err("foreign");
    assert!(refused.to_string().starts_with("ARG-0710"), "{refused}");
    assert_eq!(fs::read(&files.cert).expect("readable"), before);
}

#[test]
fn a_key_that_everybody_may_read_is_refused() {
    let pki = Pki::new();
    let key = pki.path().join("ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
    assert!(matches!(Authority::open(pki.path()), Err(PkiError::KeyExposed(_))));
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let pki = Pki::new();
    for days in [0, Validity::MAX_DAYS + 1] {
        assert!(matches!(Validity::days(days), Err(PkiError::BadRequest(_))));
    }
    for dns in ["", "a b", "exämple", "*", "a\nb"] {
        let mut request = Pki::request("node/eu-1");
        request.dns = vec![dns.to_owned()];
        assert!(matches!(pki.authority.issue(&request), Err(PkiError::BadRequest(_))), "{dns:?}");
    }
}
