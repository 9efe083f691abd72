//! Who may call what.
//!
//! An [`Identity`] comes from a certificate (or from the plaintext of a loopback connection) and is fixed for the life of
//! a connection. The [`Authorize`] layer looks every call up in the table generated from the protos: what the table does
//! not name is denied. Checks that need the request, such as a session's cluster against the certificate's, are the
//! handler's, with [`Identity::require`]. Nothing here looks at a message.

mod audit;
mod identity;
mod layer;
mod table;

pub use argosy_proto::authz::Role;
pub use audit::{Audit, AuditEntry, TracingAudit, Verdict};
pub use identity::{Identity, IdentityError, Principal};
pub use layer::{Authorize, Authorized, PeerIdentity};
pub use table::{Callers, callers};
