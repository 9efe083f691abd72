//! From all findings to one verdict: the worst counts, and what was owed stays owed.

use std::cmp::Reverse;

use super::{MAX_GPUS, Watch};
use crate::class::{ActionClass, Health};
use crate::policy::Scope;
use crate::record::{Finding, Owed, Standing};
use crate::verdict::{Due, GpuHealth, RuleError, Transition, Verdict};

impl Watch {
    /// Sums everything up; a transition if anything is said otherwise than before.
    pub(super) fn settle(&mut self) -> Option<Transition> {
        self.owe();
        let next = self.sum();
        let last = &self.record.standing;
        let is_same = (last.health, last.class, last.unfit) == (next.health, next.class, next.unfit)
            && (&last.rule, last.gpu, &last.gpus) == (&next.rule, next.gpu, &next.gpus);
        let told = std::mem::replace(&mut self.soft.told, self.record.erring.len());
        if is_same && told == self.soft.told {
            return None;
        }
        let (from, was_unfit) = (last.health, last.unfit);
        self.record.standing = next;
        Some(Transition { at_ms: self.clock.0, from, was_unfit, to: self.describe() })
    }

    /// Whether a finding will take the machine out of supply, and has not done so yet.
    pub(super) fn is_pending(&self, (_, gpu): &(String, i32), finding: &Finding) -> bool {
        let owed = self.record.owed.get(gpu).map(|owed| owed.class);
        finding.health == Health::Unhealthy
            && finding.class.condemns()
            && owed.is_none_or(|class| class < finding.class)
    }

    /// What has stood through its grace is owed a repair.
    pub(super) fn owe(&mut self) {
        let due: Vec<_> = self
            .record
            .findings
            .iter()
            .filter(|(key, finding)| finding.due <= self.clock && self.is_pending(key, finding))
            .map(|((rule, gpu), finding)| (rule.clone(), *gpu, finding.class, finding.evidence.clone()))
            .collect();
        for (rule, gpu, class, evidence) in due {
            let since = self.record.owed.get(&gpu).map_or(self.clock, |owed| owed.since);
            if self.record.owed.get(&gpu).is_none_or(|owed| owed.class < class) {
                self.record.owed.insert(gpu, Owed { class, rule, since, evidence });
            }
        }
    }

    fn sum(&self) -> Standing {
        let rank = |(key, finding): &(&(String, i32), &Finding)| {
            (finding.health, finding.class, Reverse(finding.since), Reverse((*key).clone()))
        };
        let worst = self.record.findings.iter().max_by_key(rank);
        let nothing = if self.record.heard { Health::Healthy } else { Health::Unknown };
        let health = worst.map_or(nothing, |(_, finding)| finding.health);
        let found = self.record.findings.values().map(|finding| finding.class);
        let owed = self.record.owed.values().map(|owed| owed.class);
        let class = found.chain(owed).max().unwrap_or(ActionClass::Observe);
        let last = &self.record.standing;
        Standing {
            health,
            class,
            rule: worst.map(|((rule, _), _)| rule.clone()).unwrap_or_default(),
            gpu: worst.map_or(-1, |((_, gpu), _)| *gpu),
            since: if last.health == health { last.since } else { self.clock },
            unfit: !self.record.owed.is_empty(),
            gpus: self.flagged(),
        }
    }

    /// The GPUs that a finding or a debt says something about.
    fn flagged(&self) -> Vec<(u32, Health)> {
        let named = self.record.findings.keys().filter_map(|(_, gpu)| u32::try_from(*gpu).ok()).max();
        let gpus = self.facts.gpus.max(named.map_or(0, |gpu| gpu + 1)).min(MAX_GPUS);
        let health = |gpu: u32| {
            let at = i32::try_from(gpu).unwrap_or(i32::MAX);
            let covers = |((_, of), finding): &(&(String, i32), &Finding)| match finding.scope {
                _ if *of < 0 || finding.scope == Scope::Machine => true,
                Scope::NvlinkDomain => self.domain(*of) == self.domain(at),
                _ => *of == at,
            };
            self.record.findings.iter().filter(covers).map(|(_, finding)| finding.health).max()
        };
        (0..gpus).filter_map(|gpu| health(gpu).map(|health| (gpu, health))).collect()
    }

    pub(super) fn describe(&self) -> Verdict {
        let standing = &self.record.standing;
        let finding = self.record.findings.get(&(standing.rule.clone(), standing.gpu));
        let owed = self.record.owed.iter().map(|(gpu, owed)| Due {
            gpu: *gpu,
            class: owed.class,
            rule: owed.rule.clone(),
            since_ms: owed.since.0,
            evidence: owed.evidence.clone(),
        });
        let errors = self.record.erring.iter().map(|(rule, error)| RuleError {
            rule: rule.clone(),
            count: self.soft.failed.get(rule).copied().unwrap_or_default(),
            error: error.clone(),
        });
        Verdict {
            health: standing.health,
            class: standing.class,
            rule: standing.rule.clone(),
            gpu: standing.gpu,
            since_ms: standing.since.0,
            reason: finding.map(|finding| finding.evidence.clone()).unwrap_or_default(),
            unfit: standing.unfit,
            owed: owed.collect(),
            gpus: standing.gpus.iter().map(|(gpu, health)| GpuHealth { gpu: *gpu, health: *health }).collect(),
            errors: errors.collect(),
        }
    }
}
