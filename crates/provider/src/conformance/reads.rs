//! What reading shows.

use argosy_proto::bigfleet::v1alpha1 as api;
use tonic::Code;

use super::bench::{Bench, ensure, refused};
use crate::client::ObservedMachine;
use crate::contract::Ask;

pub(super) async fn machines_are_whole(bench: &mut Bench) -> Result<(), String> {
    let machines = bench.list(api::ListFilter::default()).await?.machines;
    ensure(!machines.is_empty(), || "the inventory is empty".to_owned())?;
    for slot in &bench.slots {
        ensure(machines.iter().any(|machine| machine.id == *slot), || format!("{slot} is not in the inventory"))?;
    }
    for machine in machines {
        let id = machine.id.clone();
        ensure(!machine.instance_type.is_empty(), || format!("{id}: no instance type"))?;
        ensure(machine.capacity_type != 0, || format!("{id}: no capacity type"))?;
        ensure(machine.host.is_none() || !machine.zone.is_empty(), || format!("{id}: a host without a zone"))?;
        let slot = machine.state() == api::MachineState::Speculative;
        ensure(!slot || machine.host.is_none(), || format!("{id}: a slot with a host"))?;
        let spot = machine.capacity_type() == api::CapacityType::Spot;
        ensure(!spot || machine.interruption_probability > 0.0, || format!("{id}: a spot machine that is never lost"))?;
        ObservedMachine::from_wire(machine).map_err(|invalid| format!("{id}: {invalid}"))?;
    }
    Ok(())
}

pub(super) async fn strangers(bench: &mut Bench) -> Result<(), String> {
    let nobody = format!("no-such-machine-{}", bench.epoch);
    refused("Get of an unknown id", bench.get(&nobody).await, Code::NotFound)?;
    for ask in [Ask::Create, Ask::Drain { grace_s: 1 }] {
        let what = format!("{} of an unknown id", ask.kind().name());
        refused(&what, bench.call(&nobody, ask).await, Code::NotFound)?;
    }
    refused("Create of an empty id", bench.call("", Ask::Create).await, Code::InvalidArgument)
}
