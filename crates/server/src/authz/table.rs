//! Which callers a method takes: the generated table, and the two services that are not in our protos.

use argosy_proto::authz::{self, Role};

use super::identity::Identity;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Any peer with an identity.
    Anyone,
    /// These roles; nobody when there are none.
    Only(&'static [Role]),
}

const READERS: &[Role] = &[Role::Admin, Role::Readonly];

/// Who may call the method at `path`, `/package.Service/Method`. A path that nothing names takes nobody.
#[must_use]
pub fn callers(path: &str) -> Callers {
    match path.strip_prefix('/').and_then(|path| path.rsplit_once('/')) {
        // A load balancer or a neighbour asks whether we live; that says nothing about the fleet.
        Some(("grpc.health.v1.Health", _)) => Callers::Anyone,
        // The shape of the API is for people with an account.
        Some(("grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection", _)) => {
            Callers::Only(READERS)
        }
        _ => Callers::Only(authz::allowed(path)),
    }
}

impl Callers {
    /// Whether `identity` is among them.
    #[must_use]
    pub fn include(self, identity: &Identity) -> bool {
        match (self, identity.role()) {
            (Self::Anyone, _) => true,
            (Self::Only(roles), Some(role)) => roles.contains(&role),
            // Plaintext has every role, and a method that takes no role takes no plaintext either.
            (Self::Only(roles), None) => !roles.is_empty(),
        }
    }

    /// Whether the method changes something on a person's behalf: an admin may call it and a mere reader may not.
    #[must_use]
    pub fn is_admin_verb(self) -> bool {
        match self {
            Self::Anyone => false,
            Self::Only(roles) => roles.contains(&Role::Admin) && !roles.contains(&Role::Readonly),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Principal;

    fn certified(role: Role) -> Identity {
        let id = if matches!(role, Role::Admin | Role::Readonly) { "" } else { "x" };
        Identity::Certified(Principal::new(role, id).expect("well-formed"))
    }

    #[test]
    fn a_method_that_nothing_names_takes_nobody() {
        for path in ["", "/", "/a", "/a/b", "/grpc.health.v1.Healthy/Check", "/bigfleet.v1alpha1.Shard/Nonsense"] {
            for role in Role::ALL {
                assert!(!callers(path).include(&certified(role)), "{path} takes {role:?}");
            }
            assert!(!callers(path).include(&Identity::LoopbackPlaintext), "{path} takes plaintext");
        }
    }

    #[test]
    fn every_method_of_ours_takes_exactly_the_roles_of_the_table() {
        assert!(!authz::TABLE.is_empty());
        for (path, roles) in authz::TABLE {
            for role in Role::ALL {
                assert_eq!(callers(path).include(&certified(role)), roles.contains(&role), "{path} {role:?}");
            }
        }
    }

    #[test]
    fn reflection_is_for_people_and_health_for_every_peer() {
        let health = callers("/grpc.health.v1.Health/Check");
        let reflection = callers("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
        for role in Role::ALL {
            assert!(health.include(&certified(role)));
            assert_eq!(reflection.include(&certified(role)), matches!(role, Role::Admin | Role::Readonly));
        }
    }
}
