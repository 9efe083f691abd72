//! The metadata echo: what a provider stores and gives back for us, so that what protects a bound machine survives even
//! the loss of the state. The keys are those of the predecessor, so its fleets can be taken over in place.
//!
//! Each key is read by itself: one that is absent or malformed is as if it had never been written.

use argosy_model::{Bucket, ClusterIx, MicroUsd, Vocabulary};

use crate::operation::{Assignment, NO_TERMS};
use crate::plant::{Bug, planted};
use crate::profiles::Profiles;

/// Key of the priority of the need that a machine was bound for.
pub const PRIORITY: &str = "bigfleet.lucy.sh/assigned-priority";
/// Key of its interruption penalty, in dollars.
pub const INTERRUPTION: &str = "bigfleet.lucy.sh/assigned-interruption-penalty-dollars";
/// Key of its reclamation penalty, in dollars.
pub const RECLAMATION: &str = "bigfleet.lucy.sh/assigned-reclamation-penalty-dollars";
/// Key of the fingerprint of its profile.
pub const FINGERPRINT: &str = "bigfleet.lucy.sh/assigned-need-fingerprint";
/// Key of its gang.
pub const GROUP: &str = "bigfleet.lucy.sh/assigned-group";
/// How the predecessor writes the penalty of pinned work.
const PINNED: &str = "+Inf";

/// What goes with a `Configure`.
pub(crate) fn encode(assignment: &Assignment, words: &Vocabulary) -> Vec<(String, String)> {
    if planted(Bug::EchoUnwritten) {
        return Vec::new();
    }
    let mut metadata = vec![
        (PRIORITY.to_owned(), assignment.priority.to_string()),
        (INTERRUPTION.to_owned(), dollars(assignment.interruption)),
        (RECLAMATION.to_owned(), dollars(assignment.reclamation)),
    ];
    if let Some(profile) = assignment.claim.profile {
        metadata.push((FINGERPRINT.to_owned(), words.fingerprint(words.profile_of(profile))));
    }
    if let Some(group) = assignment.claim.group {
        metadata.push((GROUP.to_owned(), words.group_id(group).to_owned()));
    }
    metadata
}

/// What came back with a machine that is bound to `cluster`. A need that this shard has not heard of stays unknown.
pub(crate) fn decode(
    metadata: &[(String, String)],
    cluster: ClusterIx,
    words: &mut Vocabulary,
    profiles: &Profiles,
) -> Assignment {
    let value = |key: &str| metadata.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let (priority, interruption, reclamation) = NO_TERMS;
    let fingerprint = value(FINGERPRINT);
    let group = value(GROUP).filter(|g| !g.is_empty() && g.len() <= crate::need_row::MAX_TEXT_BYTES);
    let profile = fingerprint.and_then(|text| profiles.by_fingerprint(text, words));
    Assignment {
        claim: argosy_model::Claim { cluster, profile, group: group.map(|g| words.group(g)) },
        priority: value(PRIORITY).and_then(|text| text.parse().ok()).unwrap_or(priority),
        interruption: value(INTERRUPTION).and_then(bucket).unwrap_or(interruption),
        reclamation: value(RECLAMATION).and_then(bucket).unwrap_or(reclamation),
    }
}

fn dollars(bucket: Bucket) -> String {
    if bucket == Bucket::PINNED { PINNED.to_owned() } else { bucket.upper_bound().to_usd().to_string() }
}

fn bucket(text: &str) -> Option<Bucket> {
    let dollars: f64 = text.parse().ok()?;
    if dollars == f64::INFINITY {
        return Some(Bucket::PINNED);
    }
    MicroUsd::from_wire_usd(dollars).map(Bucket::covering)
}

#[cfg(test)]
mod tests {
    use argosy_model::{Claim, Profile};

    use super::*;

    #[test]
    fn what_we_write_protects_the_machine_when_it_comes_back() {
        let mut words = Vocabulary::default();
        let mut profiles = Profiles::default();
        let profile = Profile::new(vec![], None, 7, Bucket::PINNED, Bucket::HALF_DOLLAR);
        let profile = profiles.intern(&profile, &mut words);
        let claim = Claim { cluster: words.cluster("c"), profile: Some(profile), group: Some(words.group("g\0h")) };
        let assignment =
            Assignment { claim, priority: -7, interruption: Bucket::PINNED, reclamation: Bucket::HALF_DOLLAR };
        let metadata = encode(&assignment, &words);
        assert_eq!(metadata.len(), 5);
        assert_eq!(decode(&metadata, claim.cluster, &mut words, &profiles), assignment);
    }

    #[test]
    fn a_malformed_value_is_skipped_without_voiding_the_rest() {
        let mut words = Vocabulary::default();
        let cluster = words.cluster("c");
        let metadata = [(PRIORITY, "high"), (INTERRUPTION, "8"), (RECLAMATION, "NaN"), (FINGERPRINT, "?"), ("x", "y")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        let read = decode(&metadata, cluster, &mut words, &Profiles::default());
        assert_eq!((read.priority, read.reclamation, read.claim.profile), (0, Bucket::UNSPECIFIED, None));
        assert_eq!(read.interruption.label(), "8");
    }
}
