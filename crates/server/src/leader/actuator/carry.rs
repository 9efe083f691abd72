//! Carrying out one call: ask or tell the cluster first, look once more, then call the provider.

use std::collections::BTreeMap;

use argosy_failpoint::{Failpoint, fires, pause};
use argosy_model::{Claim, Duration as Span};
use argosy_proto::bigfleet::v1alpha1::{BootstrapRequest, ReclaimInstruction};
use argosy_provider::client::{Fence, Mutation, Order, Tag};
use argosy_shard::{Call, Command, Outcome, Pool, Refusal, Report, ShardState, Step, Verb};
use bytes::Bytes;
use tokio::time::{Duration, Instant, sleep};

use super::{Actuator, outcome};
use crate::leader::sessions::{Reclaimed, requirements};
use crate::metrics::names;

/// How late a call may be at a failpoint: its leader may be another by then.
const CALLED_LATE: Duration = Duration::from_secs(4);

/// A call that has ended, and what the log is to be told.
pub(super) struct Carried {
    pub(super) machine: String,
    pub(super) reports: Vec<Report>,
}

impl Actuator {
    /// Makes one attempt. It reports nothing when the attempt was overtaken before the provider was called.
    pub(super) async fn carry_out(&self, call: Call) -> Carried {
        let step = step_of(&call.verb);
        let outcomes = self.outcomes(&call, step).await;
        let shard = self.committer.shard().to_owned();
        for outcome in &outcomes {
            let outcome = outcome::name(outcome);
            metrics::counter!(names::ACTION_OUTCOMES, "shard" => shard.clone(), "kind" => step.name(), "outcome" => outcome)
                .increment(1);
        }
        let report = |outcome| Report { operation: call.operation, attempt: call.attempt, outcome };
        Carried { reports: outcomes.into_iter().map(report).collect(), machine: call.machine }
    }

    async fn outcomes(&self, call: &Call, step: Step) -> Vec<Outcome> {
        if call.held_back {
            return vec![held_back()];
        }
        let mutation = match &call.verb {
            Verb::Create => Mutation::Create,
            Verb::Delete => Mutation::Delete,
            Verb::Configure { cluster, claim, metadata } => match self.blob(call, cluster, claim).await {
                Ok(bootstrap_blob) => Mutation::Configure {
                    cluster_id: cluster.clone(),
                    bootstrap_blob,
                    shard_metadata: metadata.iter().cloned().collect::<BTreeMap<_, _>>(),
                },
                Err(outcome) => return vec![outcome],
            },
            Verb::Drain { grace, .. } => {
                let seconds = u32::try_from(grace.0.div_ceil(1_000)).unwrap_or(u32::MAX);
                Mutation::Drain { grace_period_seconds: seconds }
            }
        };
        let _turn = self.calls.acquire().await.expect("the semaphore is never closed");
        // Asking and waiting took time. What was overtaken meanwhile is no longer ours to do.
        if !self.is_current(call) {
            tracing::info!(shard = self.committer.shard(), operation = %call.operation, call.attempt, "attempt overtaken before its call");
            return Vec::new();
        }
        if self.committer.view().state.call(call.operation).is_some_and(|now| now.held_back) {
            return vec![held_back()];
        }
        if let Some(pause) = pause(Failpoint::CallLate, CALLED_LATE) {
            sleep(pause).await;
        }
        if fires(Failpoint::AttemptRenewed) {
            // If it is not committed, this attempt is simply the only one.
            let _ = self.committer.commit(Command::Retry(vec![call.operation])).await;
        }
        self.call_provider(call, step, mutation).await
    }

    /// Whether the call is still the current attempt of this leadership.
    fn is_current(&self, call: &Call) -> bool {
        let current = self.committer.view().state.call(call.operation);
        let same = current.is_some_and(|now| now.attempt == call.attempt && now.fence == call.fence);
        same && self.committer.still_leads()
    }

    async fn call_provider(&self, call: &Call, step: Step, mutation: Mutation) -> Vec<Outcome> {
        let shard = self.committer.shard();
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let fence = Fence::new(shard, number(call.fence.epoch), number(call.fence.sequence));
        let (Some(port), Ok(fence)) = (self.providers.get(&call.provider), fence) else {
            let text = format!("ARG-0612: provider '{}' is not configured for this shard", call.provider);
            tracing::error!(shard, operation = %call.operation, machine = call.machine, text);
            return vec![Outcome::Refused { refusal: Refusal::Invalid, text: outcome::cut(text) }];
        };
        // Each step of an operation has one effect, whatever number of attempts it takes: that is what the name stands for.
        let tag = Tag { operation: format!("{shard}/{}/{}", call.operation, step.name()), attempt: call.attempt };
        let order = Order { machine_id: call.machine.clone(), mutation, fence, tag: Some(tag) };
        let began = Instant::now();
        let answer = port.client_for(step).carry_out(order).await;
        let seconds = match step {
            Step::Configure => Some(names::CONFIGURE_SECONDS),
            Step::Drain => Some(names::DRAIN_SECONDS),
            Step::Create | Step::Delete => None,
        };
        if let Some(name) = seconds {
            metrics::histogram!(name, "shard" => shard.to_owned()).record(began.elapsed());
        }
        match answer {
            Ok(accepted) => outcome::accepted(accepted),
            Err(refusal) => {
                tracing::warn!(shard, term = self.committer.term(), operation = %call.operation, call.attempt, call = step.name(),
                    machine = call.machine, %refusal, "the provider did not accept a call");
                if refusal == argosy_provider::client::Refusal::Fenced {
                    metrics::counter!(names::FENCED, "shard" => shard.to_owned()).increment(1);
                }
                vec![outcome::refused(&refusal)]
            }
        }
    }

    /// Asks the cluster for a bootstrap blob. Without one the provider is not called, and the machine goes back to idle.
    async fn blob(&self, call: &Call, cluster: &str, claim: &Claim) -> Result<Bytes, Outcome> {
        if let Some(pool) = Pool::named_by(cluster) {
            return self.user_data(call, pool);
        }
        let began = Instant::now();
        let request = BootstrapRequest {
            request_id: format!("{}/{}", call.operation, call.attempt),
            requirements: conditions(&self.committer.view().state, claim),
            cluster_id: cluster.to_owned(),
        };
        let blob = self.hub.request_blob(request, self.limits.bootstrap).await;
        let shard = self.committer.shard();
        metrics::histogram!(names::REQUEST_BOOTSTRAP_SECONDS, "shard" => shard.to_owned()).record(began.elapsed());
        blob.map_err(|why| {
            tracing::warn!(shard, operation = %call.operation, call.attempt, cluster, %why, "no bootstrap blob");
            Outcome::Refused { refusal: Refusal::NoBlob, text: outcome::cut(why.to_string()) }
        })
    }

    /// What a machine of a pool is started with: its specification says so, and nobody has to be asked.
    fn user_data(&self, call: &Call, pool: &str) -> Result<Bytes, Outcome> {
        let view = self.committer.view();
        let found = view.state.pool(pool);
        let user_data = found.map(|pool| pool.specification.user_data_for(self.committer.shard(), &call.machine));
        user_data.map(Bytes::from).ok_or_else(|| {
            let text = format!("the pool {pool:?} has been removed");
            Outcome::Refused { refusal: Refusal::NoBlob, text }
        })
    }

    /// Tells whoever uses a machine that it is to be drained, and gives it the chance to begin before the provider does. The call itself is
    /// made by [`Self::carry_out`].
    pub(super) async fn announced(&self, call: Call) -> Call {
        if let Verb::Drain { cluster, grace, preemptor_priority } = &call.verb {
            self.announce(&call, cluster, *grace, *preemptor_priority).await;
        }
        call
    }

    async fn announce(&self, call: &Call, cluster: &str, grace: Span, preemptor_priority: i32) {
        // Behind a pool stands no operator; a workload system may, and a sink of notifications speaks to it.
        if let Some(pool) = Pool::named_by(cluster) {
            return self.notifier.drained(call, pool).await;
        }
        let instruction = ReclaimInstruction {
            instruction_id: call.operation.to_string(),
            nodes: vec![call.machine.clone()],
            grace_period_seconds: i64::try_from(grace.as_secs()).unwrap_or(i64::MAX),
            preemptor_priority,
        };
        let told = self.hub.instruct_reclaim(cluster, instruction, self.limits.reclaim).await;
        if !matches!(told, Reclaimed::Started { .. }) {
            let shard = self.committer.shard();
            tracing::warn!(shard, operation = %call.operation, cluster, machine = call.machine, ?told, "draining without the operator");
        }
    }
}

/// What the need behind a claim asks of a machine, for the operator to choose its blob by.
fn conditions(state: &ShardState, claim: &Claim) -> Vec<argosy_proto::bigfleet::v1alpha1::NodeSelectorRequirement> {
    let words = &state.fleet().words;
    claim.profile.map(|profile| requirements(words, words.profile_of(profile))).unwrap_or_default()
}

/// What comes of a call that the breaker of its machine's lane holds back: it is not made.
fn held_back() -> Outcome {
    Outcome::Refused {
        refusal: Refusal::HeldBack,
        text: "the breaker of its provider, region and type is open".to_owned(),
    }
}

fn step_of(verb: &Verb) -> Step {
    match verb {
        Verb::Create => Step::Create,
        Verb::Configure { .. } => Step::Configure,
        Verb::Drain { .. } => Step::Drain,
        Verb::Delete => Step::Delete,
    }
}
