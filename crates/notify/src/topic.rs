//! What a transition is about, as sinks choose by it.

/// A kind of transition. Its name is part of the wire: names are added, and never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A machine is there that was not known.
    MachineFound,
    /// A machine is gone for good.
    MachineGone,
    /// A machine's lifecycle went on.
    MachineState,
    /// Its provider will take it away soon.
    MachineNotice,
    /// Its health is judged otherwise.
    MachineVerdict,
    /// Somebody closed it for new work.
    MachineCordoned,
    /// Somebody opened it again.
    MachineUncordoned,
    /// Somebody said by hand that it is unhealthy, or healthy again.
    MachineMarked,
    /// Its repair began, went on, or ended.
    MachineRepair,
    /// Its repair ended with its return to the provider: another machine does its work.
    MachineReplaced,
    /// A breaker of repairs opened.
    BreakerTripped,
    /// Somebody closed breakers.
    BreakerReset,
    /// A pool is to have another size.
    PoolSized,
    /// A pool has fewer machines that work than its least size.
    PoolBelowMin,
    /// It has them again.
    PoolAtMin,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::MachineFound,
        Self::MachineGone,
        Self::MachineState,
        Self::MachineNotice,
        Self::MachineVerdict,
        Self::MachineCordoned,
        Self::MachineUncordoned,
        Self::MachineMarked,
        Self::MachineRepair,
        Self::MachineReplaced,
        Self::BreakerTripped,
        Self::BreakerReset,
        Self::PoolSized,
        Self::PoolBelowMin,
        Self::PoolAtMin,
    ];

    /// Its name in files and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MachineFound => "machine.found",
            Self::MachineGone => "machine.gone",
            Self::MachineState => "machine.state",
            Self::MachineNotice => "machine.notice",
            Self::MachineVerdict => "machine.verdict",
            Self::MachineCordoned => "machine.cordoned",
            Self::MachineUncordoned => "machine.uncordoned",
            Self::MachineMarked => "machine.marked",
            Self::MachineRepair => "machine.repair",
            Self::MachineReplaced => "machine.replaced",
            Self::BreakerTripped => "breaker.tripped",
            Self::BreakerReset => "breaker.reset",
            Self::PoolSized => "pool.sized",
            Self::PoolBelowMin => "pool.below_min",
            Self::PoolAtMin => "pool.at_min",
        }
    }

    /// Whether a pattern means it: its name, `machine.*` and the like, or `*`.
    #[must_use]
    pub fn is_meant(self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(family) => self.name().starts_with(family),
            None => self.name() == pattern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_one_topic_a_family_or_all() {
        let meant = |pattern: &str| Topic::ALL.into_iter().filter(|topic| topic.is_meant(pattern)).count();
        assert_eq!(["*", "machine.*", "pool.*", "pool.at_min", "pool", "machine.x*"].map(meant), [15, 10, 3, 1, 0, 0]);
    }

    #[test]
    fn no_two_topics_have_one_name() {
        let names: std::collections::BTreeSet<_> = Topic::ALL.into_iter().map(Topic::name).collect();
        assert_eq!(names.len(), Topic::ALL.len());
    }
}
