//! Who a peer is: the one URI in its certificate, read strictly.

use std::fmt;
use std::sync::Arc;

use argosy_proto::authz::Role;
use tonic::Status;

/// What a certificate makes its holder: a role, and for most roles which one of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    role: Role,
    id: Arc<str>,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The holder of a certificate.
    Certified(Principal),
    /// Anybody on this machine: a plaintext connection over loopback, which only a configuration that says so accepts.
    /// It stands for every role.
    LoopbackPlaintext,
}

/// Why a certificate gives no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No URI at all.
    #[error("ARG-0704: the certificate carries no identity; issue one with `argosy pki issue --identity ...`")]
    None,
    /// More than one URI: whose rights would hold?
    #[error(
        "ARG-0704: the certificate carries {0} URIs and must carry exactly one; issue one certificate for each identity"
    )]
    Several(usize),
    /// One URI, and not one of ours.
    #[error(
        "ARG-0704: the certificate's URI {0:?} is not an identity of this system; see docs/errors/ARG-0704.md for those there are"
    )]
    Foreign(String),
    /// The certificate cannot be read.
    #[error("ARG-0704: the certificate cannot be read: {0}; issue it again")]
    Unreadable(String),
}

impl Principal {
    /// The longest id, in bytes.
    pub const MAX_ID_BYTES: usize = 253;

    /// A principal of `role`; `id` is empty for the roles that have no ids, and only for them.
    #[must_use]
    pub fn new(role: Role, id: &str) -> Option<Self> {
        let nameless = matches!(role, Role::Admin | Role::Readonly);
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b':');
        let fits =
            if nameless { id.is_empty() } else { (1..=Self::MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(good) };
        fits.then(|| Self { role, id: Arc::from(id) })
    }

    /// What it is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Which one of its role; empty for admin and readonly.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The URI that says so in a certificate.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{}://{self}", scheme(self.role))
    }

    /// Reads what [`Self::uri`] writes, to the letter: no other spelling of the same URI is accepted.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        let (scheme_of_uri, rest) = uri.split_once("://")?;
        let principal = Self::from_short(rest)?;
        (scheme(principal.role) == scheme_of_uri).then_some(principal)
    }

    /// Reads the form without the scheme: `node/eu-1`, `admin`.
    #[must_use]
    pub fn from_short(text: &str) -> Option<Self> {
        let (role, id) = match text.split_once('/') {
            // `admin/` is not another way to say `admin`.
            Some((_, "")) => return None,
            Some((role, id)) => (role, id),
            None => (text, ""),
        };
        Self::new(Role::from_name(role)?, id)
    }
}

/// The predecessor's roles keep its scheme, so that its certificates work here; ours have their own.
const fn scheme(role: Role) -> &'static str {
    match role {
        Role::Cluster | Role::Shard | Role::Admin | Role::Readonly => "bigfleet",
        Role::Node | Role::Agent | Role::Provider => "argosy",
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.role.name())?;
        if self.id.is_empty() { Ok(()) } else { write!(f, "/{}", self.id) }
    }
}

impl Identity {
    /// The identity in the URIs of a certificate: there must be exactly one, and it must be ours.
    ///
    /// # Errors
    /// When there is none, or several, or a foreign one.
    pub fn from_uris<'u>(uris: impl IntoIterator<Item = &'u str>) -> Result<Self, IdentityError> {
        let uris: Vec<_> = uris.into_iter().collect();
        match uris[..] {
            [] => Err(IdentityError::None),
            [uri] => {
                let principal = Principal::from_uri(uri).ok_or_else(|| IdentityError::Foreign(uri.to_owned()))?;
                Ok(Self::Certified(principal))
            }
            _ => Err(IdentityError::Several(uris.len())),
        }
    }

    /// The identity in a certificate, which somebody else has verified.
    ///
    /// # Errors
    /// As [`Self::from_uris`], and when the certificate cannot be read.
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        let unreadable = |e: &dyn fmt::Display| IdentityError::Unreadable(e.to_string());
        let (_, certificate) = x509_parser::parse_x509_certificate(der).map_err(|e| unreadable(&e))?;
        let names = certificate.subject_alternative_name().map_err(|e| unreadable(&e))?;
        let uris = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            x509_parser::extensions::GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        Self::from_uris(uris)
    }

    /// The role; `None` for plaintext, which has them all.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match self {
            Self::Certified(principal) => Some(principal.role),
            Self::LoopbackPlaintext => None,
        }
    }

    /// Whether this peer is, or may speak for, that one of that role.
    #[must_use]
    pub fn is(&self, role: Role, id: &str) -> bool {
        match self {
            Self::Certified(principal) => principal.role == role && *principal.id == *id,
            Self::LoopbackPlaintext => true,
        }
    }

    /// For handlers: the claim of a message against the certificate.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` with ARG-0711 when the message claims to come from somebody else.
    pub fn require(&self, role: Role, id: &str) -> Result<(), Status> {
        if self.is(role, id) {
            return Ok(());
        }
        let claimed = role.name();
        Err(Status::permission_denied(format!(
            "ARG-0711: the message claims to come from {claimed}/{id}, and the certificate is {self}'s; use the certificate issued for {claimed}/{id}"
        )))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certified(principal) => principal.fmt(f),
            Self::LoopbackPlaintext => f.write_str("loopback-plaintext"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certified(short: &str) -> Identity {
        Identity::Certified(Principal::from_short(short).expect("well-formed"))
    }

    #[test]
    fn every_role_has_one_spelling_and_it_is_the_one_of_the_protocol() {
        for (short, uri) in [
            ("cluster/c-1", "bigfleet://cluster/c-1"),
            ("shard/s0", "bigfleet://shard/s0"),
            ("admin", "bigfleet://admin"),
            ("readonly", "bigfleet://readonly"),
            ("node/eu-1", "argosy://node/eu-1"),
            ("agent/m.7", "argosy://agent/m.7"),
            ("provider/sim", "argosy://provider/sim"),
        ] {
            assert_eq!(certified(short).to_string(), short);
            assert_eq!(Identity::from_uris([uri]), Ok(certified(short)));
            assert_eq!(Principal::from_short(short).map(|p| p.uri()).as_deref(), Some(uri));
        }
    }

    #[test]
    fn another_spelling_of_an_identity_is_foreign() {
        for uri in [
            "",
            "admin",
            "bigfleet://",
            "bigfleet://admin/",
            "bigfleet://admin/x",
            "bigfleet://Admin",
            "BIGFLEET://admin",
            "argosy://admin",
            "bigfleet://node/eu-1",
            "bigfleet://cluster",
            "bigfleet://cluster/",
            "bigfleet://cluster/a/b",
            "bigfleet://cluster/a%2Fb",
            "bigfleet://cluster/a?x",
            "bigfleet://cluster/a#x",
            "https://cluster/a",
            "bigfleet://admin\0",
            " bigfleet://admin",
            "spiffe://td/admin",
            "bigfleet://user@admin",
        ] {
            assert_eq!(Identity::from_uris([uri]), Err(IdentityError::Foreign(uri.to_owned())), "{uri:?}");
        }
        let long = format!("argosy://node/{}", "n".repeat(254));
        assert!(Identity::from_uris([long.as_str()]).is_err());
    }

    #[test]
    fn a_certificate_has_exactly_one_identity() {
        assert_eq!(Identity::from_uris([]), Err(IdentityError::None));
        let twice = ["bigfleet://readonly", "bigfleet://admin"];
        assert_eq!(Identity::from_uris(twice), Err(IdentityError::Several(2)));
        let with_foreign = ["bigfleet://readonly", "https://example.com"];
        assert_eq!(Identity::from_uris(with_foreign), Err(IdentityError::Several(2)));
    }

    #[test]
    fn a_message_may_only_speak_for_its_sender() {
        assert!(certified("cluster/a").require(Role::Cluster, "a").is_ok());
        for (role, id) in [(Role::Cluster, "b"), (Role::Shard, "a"), (Role::Cluster, "")] {
            let refused = certified("cluster/a").require(role, id).expect_err("somebody else");
            assert_eq!(refused.code(), tonic::Code::PermissionDenied);
            assert!(refused.message().starts_with("ARG-0711"));
        }
        assert!(Identity::LoopbackPlaintext.require(Role::Cluster, "b").is_ok());
    }
}
