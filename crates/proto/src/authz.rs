//! Who may call what: the table that `build.rs` derives from the `(argosy.v1.allow)` options of the protos.
//!
//! It is the only source of authorisation by method. Checks that need the request (a session's cluster must equal the certificate's)
//! are the server's.

pub use crate::role::Role;

/// One row: the method's path on the wire, `/package.Service/Method`, and who may call it.
pub type Entry = (&'static str, &'static [Role]);

include!(concat!(env!("OUT_DIR"), "/authz_table.rs"));

/// The roles that may call `path`; none for a path that the table does not know.
#[must_use]
pub fn allowed(path: &str) -> &'static [Role] {
    match TABLE.binary_search_by(|(method, _)| (*method).cmp(path)) {
        Ok(row) => TABLE[row].1,
        Err(_) => &[],
    }
}

/// Whether a caller with `role` may call `path`.
#[must_use]
pub fn permits(path: &str, role: Role) -> bool {
    allowed(path).contains(&role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_names_its_callers() {
        let silent: Vec<_> = TABLE.iter().filter(|(_, roles)| roles.is_empty()).map(|(path, _)| *path).collect();
        // The one method for callers that have no identity; it is served where none is asked for.
        assert_eq!(silent, ["/argosy.v1.Joining/Join"], "methods without (argosy.v1.allow)");
    }

    #[test]
    fn the_table_is_sorted_and_unique_so_that_lookup_finds_every_row() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (path, roles) in TABLE {
            assert_eq!(allowed(path), *roles);
        }
    }

    #[test]
    fn what_the_table_does_not_know_is_denied_to_everybody() {
        for role in Role::ALL {
            assert!(!permits("/bigfleet.v1alpha1.Coordinator/ListQuotas", role));
            assert!(!permits("", role));
        }
    }

    #[test]
    fn an_administrator_may_not_report_as_a_shard() {
        let report = "/bigfleet.v1alpha1.Coordinator/ReportShard";
        assert!(permits(report, Role::Shard));
        assert!(!permits(report, Role::Admin));
    }
}
