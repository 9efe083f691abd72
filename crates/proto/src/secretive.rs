//! How messages with secrets in them look when they are printed: without the secrets.

use std::fmt;

use crate::argosy::v1::JoinRequest;

impl fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinRequest").field("agent_id", &self.agent_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_request_that_is_printed_does_not_show_its_token() {
        let request =
            JoinRequest { token: "argosy-join.1.2".to_owned(), agent_id: "m-1".to_owned(), ..JoinRequest::default() };
        assert_eq!(format!("{request:?}"), "JoinRequest { agent_id: \"m-1\", .. }");
    }
}
