//! What a certificate of each authority makes its holder.

use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;

use super::*;
use crate::authz::Principal;
use crate::pki::{AgentsAuthority, Authority, LeafRequest, PkiError, SigningRequest, Validity};
use crate::plant;

struct World {
    dir: TempDir,
    authority: Authority,
    agents: AgentsAuthority,
}

fn principal(short: &str) -> Principal {
    Principal::from_short(short).expect("well-formed")
}

fn first(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::create(dir.path(), "test").expect("a fresh directory takes one");
        let (certificate, key) = AgentsAuthority::create(dir.path(), "test").expect("and the other");
        let agents = AgentsAuthority::open(&certificate, &key, authority.certificate_path()).expect("fit");
        Self { dir, authority, agents }
    }

    fn verifier(&self) -> Arc<CallerVerifier> {
        let roots = |name: &str| {
            let pem = std::fs::read_to_string(self.dir.path().join(name)).expect("readable");
            let mut roots = RootCertStore::empty();
            roots.add(first(&pem)).expect("an authority");
            Arc::new(roots)
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        CallerVerifier::new(&roots("ca.crt"), Some(&roots("agents-ca.crt")), &provider)
    }

    /// What a thief makes of the agents' key: the library itself would never sign this.
    fn forged(&self, uri: &str) -> CertificateDer<'static> {
        let read = |name: &str| std::fs::read_to_string(self.dir.path().join(name)).expect("readable");
        let key = KeyPair::from_pem(&read("agents-ca.key")).expect("a key");
        let issuer = Issuer::from_ca_cert_pem(&read("agents-ca.crt"), key).expect("an authority");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.subject_alt_names.push(SanType::URI(uri.try_into().expect("ASCII")));
        let certificate = params.signed_by(&KeyPair::generate().expect("a key"), &issuer).expect("signed");
        certificate.der().clone()
    }
}

fn request() -> SigningRequest {
    let key = KeyPair::generate().expect("a key");
    let request = CertificateParams::default().serialize_request(&key).expect("a request");
    SigningRequest::read(request.der()).expect("good")
}

#[test]
fn the_agents_authority_makes_agents_and_nobody_else() {
    let world = World::new();
    let verifier = world.verifier();
    let day = Validity::days(1).expect("a day");
    let agent = first(&world.agents.issue(&principal("agent/m-1"), &request(), day).expect("issued"));
    let others =
        ["argosy://node/eu-1", "bigfleet://admin", "bigfleet://cluster/c", "argosy://provider/sim", "https://x"];
    let taken = || {
        let judge = |certificate: &CertificateDer<'_>| {
            verifier
                .verify_client_cert(certificate, &[], UnixTime::now())
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let forged = others.map(|uri| judge(&world.forged(uri)));
        (judge(&agent), judge(&world.forged("argosy://agent/m-2")), forged)
    };
    let (real, forged_agent, forged) = taken();
    assert_eq!((real, forged_agent), (Ok(()), Ok(())), "an agent is an agent");
    for (uri, judged) in others.iter().zip(forged) {
        let said = judged.expect_err(uri);
        assert!(said.contains("ARG-0726") || said.contains("ARG-0704"), "{uri}: {said}");
    }
    let broken = plant::with(Bug::IssuerForAnybody, taken).2;
    assert!(broken[..4].iter().all(Result::is_ok), "the bug shows: {broken:?}");
}

#[test]
fn the_agents_authority_signs_for_no_other_role() {
    let world = World::new();
    let day = Validity::days(1).expect("a day");
    for short in ["node/eu-1", "admin", "readonly", "cluster/c", "shard/s", "provider/sim"] {
        let refused = world.agents.issue(&principal(short), &request(), day).expect_err(short);
        assert!(matches!(refused, PkiError::BadRequest(_)), "{short}: {refused}");
    }
}

#[test]
fn the_installations_authority_is_taken_for_everybody_and_is_none_for_agents() {
    let world = World::new();
    let verifier = world.verifier();
    for short in ["node/eu-1", "admin", "agent/m-1"] {
        let (dns, ips, validity) = (Vec::new(), Vec::new(), Validity::days(1).expect("a day"));
        let leaf =
            world.authority.issue(&LeafRequest { principal: principal(short), dns, ips, validity }).expect("issued");
        let judged = verifier.verify_client_cert(&first(leaf.certificate_pem()), &[], UnixTime::now());
        judged.unwrap_or_else(|error| panic!("{short}: {error}"));
    }
    let ours = world.authority.certificate_path();
    let refused = AgentsAuthority::open(ours, &world.dir.path().join("ca.key"), ours).expect_err("the same authority");
    assert!(refused.to_string().starts_with("ARG-0725"), "{refused}");
}

#[test]
fn an_authority_that_another_has_signed_is_none_for_agents() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name);
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    };
    let key = || KeyPair::generate().expect("a key");
    let (root, below) = (Issuer::new(authority("site"), key()), key());
    let own = authority("site").self_signed(root.key()).expect("signed");
    std::fs::write(path("ca.crt"), own.pem()).expect("written");
    crate::pki::write_private(&path("below.key"), &below.serialize_pem()).expect("written");
    let open = |name: &str| {
        let signed = authority(name).signed_by(&below, &root).expect("signed");
        std::fs::write(path("below.crt"), signed.pem()).expect("written");
        AgentsAuthority::open(&path("below.crt"), &path("below.key"), &path("ca.crt")).map(|_| signed)
    };
    // What whoever has its key could make of it: an administrator, by way of the site's own root.
    let signed = authority("agents").signed_by(&below, &root).expect("signed");
    let mut admin = CertificateParams::default();
    admin.subject_alt_names.push(SanType::URI("bigfleet://admin".try_into().expect("ASCII")));
    let issuer = Issuer::from_ca_cert_der(signed.der(), KeyPair::from_pem(&below.serialize_pem()).expect("a key"));
    let forged = admin.signed_by(&key(), &issuer.expect("an authority")).expect("signed");
    let roots = |der: &CertificateDer<'static>| {
        let mut roots = RootCertStore::empty();
        roots.add(der.clone()).expect("an authority");
        Arc::new(roots)
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = CallerVerifier::new(&roots(own.der()), None, &provider);
    verifier.verify_client_cert(forged.der(), &[signed.der().clone()], UnixTime::now()).expect("admin everywhere");
    for name in ["agents", "site"] {
        let refused = open(name).expect_err("it is below the site's root").to_string();
        assert!(refused.starts_with("ARG-0725"), "{name}: {refused}");
        assert!(plant::with(Bug::SignedByAnother, || open(name)).is_ok(), "the bug shows");
    }
    let alone = authority("agents").self_signed(&below).expect("signed");
    std::fs::write(path("below.crt"), alone.pem()).expect("written");
    AgentsAuthority::open(&path("below.crt"), &path("below.key"), &path("ca.crt")).expect("it stands beside");
}

#[test]
fn a_request_that_its_key_did_not_sign_is_refused() {
    let key = KeyPair::generate().expect("a key");
    let request = CertificateParams::default().serialize_request(&key).expect("a request");
    let mut der = request.der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    for wrong in [&der[..], &der[..20], &[], &[0; 5_000]] {
        let refused = SigningRequest::read(wrong).expect_err("no good");
        assert!(refused.to_string().starts_with("ARG-0721"), "{refused}");
    }
    let other = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let request = CertificateParams::default().serialize_request(&other).expect("a request");
    assert!(SigningRequest::read(request.der()).is_err(), "another kind of key");
}
