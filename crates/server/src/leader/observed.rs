//! What a provider shows, in the words of the fold.

use argosy_model::Vocabulary;
use argosy_model::quantity::{self, Rounding};
use argosy_provider::client::ObservedMachine as FromProvider;
use argosy_shard::{Observed, ObservedMachine, ObservedShape};

/// The label by which a provider announces that a machine will be interrupted. It is a fact of one machine, so it is not
/// part of a shape.
const NOTICE_LABEL: &str = "argosy.dev/interruption-notice";

/// Takes over one machine. What it offers is rounded down, so that supply is never overstated.
pub(super) fn observed(machine: FromProvider) -> Observed {
    let text = |text: String| (!text.is_empty()).then_some(text);
    let amount = |(dim, quantity): (String, String)| {
        let amount = quantity::parse(&quantity, Vocabulary::per_unit(&dim), Rounding::Down).ok()?;
        Some((dim, amount))
    };
    let notice = machine.labels.contains_key(NOTICE_LABEL);
    let shape = ObservedShape {
        instance_type: text(machine.instance_type),
        zone: text(machine.zone),
        capacity_type: machine.capacity_type,
        price: machine.price_per_hour,
        interruption: machine.interruption,
        // The client has checked every quantity already.
        resources: machine.allocatable.into_iter().filter_map(amount).collect(),
        labels: machine.labels.into_iter().filter(|(key, _)| key != NOTICE_LABEL).collect(),
    };
    let machine = ObservedMachine {
        id: machine.id,
        state: machine.state,
        host: machine.host.map(|host| host.reference),
        cluster: text(machine.cluster),
        last_error: text(machine.last_error),
        metadata: machine.shard_metadata.into_iter().collect(),
        notice,
    };
    Observed { shape, machine }
}
