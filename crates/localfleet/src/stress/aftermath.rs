//! What is left when the stress is over: memory, hosts, and the provider's ledger.

use std::collections::BTreeSet;

use argosy_proto::argosy::v1::{Effect, MachineRow};
use argosy_provider::sim::ledger::Hosts;

/// Resident memory of a process, KiB; `None` when it is gone.
pub(super) fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// The machines that the provider has hosts for, by its own ledger.
pub(super) fn hosts(effects: &[Effect]) -> BTreeSet<String> {
    let mut hosts = Hosts::default();
    for effect in effects {
        hosts.enter(effect);
    }
    hosts.machines().map(str::to_owned).collect()
}

/// Hosts that nobody in the fleet knows, and machines whose host the provider does not know.
pub(super) fn orphans(hosts: &BTreeSet<String>, machines: &[MachineRow]) -> Vec<String> {
    let known: BTreeSet<&str> = machines.iter().filter(|row| !row.host.is_empty()).map(|row| row.id.as_str()).collect();
    let unknown =
        hosts.iter().filter(|id| !known.contains(id.as_str())).map(|id| format!("{id} has a host that nobody knows"));
    let missing = known.iter().filter(|id| !hosts.contains(**id)).map(|id| format!("{id} has no host at its provider"));
    unknown.chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use argosy_proto::argosy::v1::effect::Kind;

    use super::*;

    #[test]
    fn a_host_that_nobody_knows_and_one_that_is_not_there_are_found() {
        let created = |id: &str| Effect { kind: Kind::Create.into(), machine_id: id.to_owned(), ..Effect::default() };
        let hosts = hosts(&[created("a")]);
        let row = |id: &str| MachineRow { id: id.to_owned(), host: "h".to_owned(), ..MachineRow::default() };
        assert_eq!(orphans(&hosts, &[row("a")]), Vec::<String>::new());
        assert_eq!(orphans(&hosts, &[row("b")]).len(), 2);
    }

    #[test]
    fn this_very_process_takes_memory() {
        assert!(resident_kib(std::process::id()).is_some_and(|kib| kib > 100));
        assert_eq!(resident_kib(u32::MAX), None);
    }
}
