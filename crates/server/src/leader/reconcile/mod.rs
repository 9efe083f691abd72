//! Reconcile: keeps the committed inventory in step with one provider's.
//!
//! Each round asks for what has changed, keeps what this shard owns, and commits only what differs from the state. Every
//! answer carries the log index that was folded in when the question was asked, so the fold can tell an answer that is
//! older than what it knows. Rounds of one provider never overlap, and so their questions are in order.

mod held;

use std::sync::Arc;
use std::time::Duration;

use argosy_failpoint::{Failpoint, Planted, fires, pause, planted};
use argosy_provider::client::{Client, Lister, Page, PageKind, Refusal};
use argosy_shard::{Listing, Progress};
use futures::{StreamExt as _, stream};
use tokio::time::{Instant, sleep_until};

use self::held::Held;
use super::commit::{CommitError, Committer};
use super::inline;
use super::observed::observed;
use super::providers::Port;
use crate::metrics::names;
use crate::replica::View;

/// Machines that go into one entry.
const BATCH: usize = 2_000;
/// Machines asked for by name in one round, and how many of them side by side.
const ASKED: usize = 64;
const SIDE_BY_SIDE: usize = 8;

/// How late a page may be at a failpoint.
const LATE: Duration = Duration::from_secs(3);

/// How often a provider is listed.
#[derive(Clone, Copy, Debug)]
pub struct ListingPace {
    /// While no operation is under way.
    pub idle: Duration,
    /// While some are.
    pub busy: Duration,
}

/// Why a round did not end well. The next one goes on from where it stopped; if something had been heard by then that did not get into the
/// log, it begins with a whole listing, as a new leader's does, for no provider says a thing twice.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    /// The provider did not answer.
    #[error(transparent)]
    Provider(#[from] Refusal),
    /// What it said could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What is asked of a provider at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Portion {
    /// A page is committed before the next one is asked for: memory holds one page.
    Page,
    /// All pages are gathered and committed in the order of ids: how a provider cuts and orders its pages leaves no
    /// trace in the log.
    Whole,
}

/// Keeps up with one provider for one leadership.
pub(super) struct Reconciler {
    committer: Arc<Committer>,
    provider: String,
    client: Client,
    lister: Lister,
    held: Held,
    portion: Portion,
    /// Whether what the state inherited has been compared with a whole listing.
    swept: bool,
    /// Whether the provider has said something that is not in the log.
    untold: bool,
}

impl Reconciler {
    pub(super) fn new(committer: Arc<Committer>, port: &Port, portion: Portion) -> Self {
        Self {
            committer,
            provider: port.name().to_owned(),
            client: port.reader(),
            lister: Lister::new(),
            held: Held::default(),
            portion,
            swept: false,
            untold: false,
        }
    }

    /// Lists until the leadership ends, which drops it.
    pub(super) async fn run(mut self, pace: ListingPace) {
        let mut views = self.committer.replica().watch();
        loop {
            let began = Instant::now();
            let shard = self.committer.shard().to_owned();
            if let Err(error) = self.round().await {
                tracing::warn!(shard, provider = self.provider, %error, "reconcile failed; it goes on");
            }
            metrics::histogram!(names::CYCLE_PHASE_SECONDS, "shard" => shard, "phase" => "reconcile")
                .record(began.elapsed());
            let busy = async {
                // An operation that opens while we wait shortens the wait. The replica outlives its leadership.
                let _ = views.wait_for(|view| !view.state.ledger().is_empty()).await;
                sleep_until(began + pace.busy).await;
            };
            tokio::select! {
                () = sleep_until(began + pace.idle) => {}
                () = busy => {}
            }
        }
    }

    /// One round: everything that the provider has to say. Returns whether the state changed.
    pub(super) async fn round(&mut self) -> Result<bool, RoundError> {
        if self.untold && !planted(Planted::ListingLost) || fires(Failpoint::CursorForgotten) {
            (self.lister, self.swept) = (Lister::new(), false);
        }
        self.untold = false;
        let before = self.committer.view().state.revision();
        let mut pages = 0;
        let mut gathered = None;
        let (last, kind) = loop {
            let asked = self.committer.view();
            let page = self.lister.next_page(&self.client).await?;
            if let Some(pause) = pause(Failpoint::ListingLate, LATE) {
                tokio::time::sleep(pause).await;
            }
            pages += 1;
            let (is_last, kind) = (page.last, page.kind);
            self.untold = true;
            let listing = self.take(page, &asked);
            let so_far = gathered.get_or_insert_with(|| self.listing(asked.state.revision()));
            so_far.machines.extend(listing.machines);
            so_far.gone.extend(listing.gone);
            so_far.unreadable.extend(listing.unreadable);
            if is_last {
                break (asked, kind);
            }
            if self.portion == Portion::Page
                && let Some(listing) = gathered.take()
            {
                self.offer(listing, &asked).await?;
                self.untold = false;
            }
        };
        let mut listing = gathered.unwrap_or_else(|| self.listing(last.state.revision()));
        if !self.swept {
            self.inherited(&mut listing);
        }
        // What no page named holds as of the last one, unless a sweep has cut the inventory by ids.
        if pages == 1 || kind == PageKind::Delta {
            for (id, record) in self.held.iter() {
                match record {
                    Some(record) => listing.machines.push(record.clone()),
                    None => listing.gone.push(id.to_owned()),
                }
            }
        }
        self.offer(listing, &last).await?;
        (self.swept, self.untold) = (true, false);
        if !self.held.is_empty() {
            self.held.prune(&last, &self.committer.view());
        }
        self.ask_by_name().await?;
        Ok(self.committer.view().state.revision() > before)
    }

    fn listing(&self, asked_at: u64) -> Listing {
        Listing { provider: self.provider.clone(), asked_at, ..Listing::default() }
    }

    /// What a page says of this shard's machines.
    fn take(&mut self, page: Page, asked: &View) -> Listing {
        let shard = self.committer.shard();
        for rejected in &page.rejected {
            let reason = rejected.reason.reason();
            tracing::warn!(shard, provider = self.provider, machine = rejected.id, why = %rejected.reason, "a machine's record is refused");
            metrics::counter!(names::MACHINES_REJECTED, "shard" => shard.to_owned(), "reason" => reason).increment(1);
        }
        let mut listing = self.listing(asked.state.revision());
        let view = self.committer.view();
        let is_known = |id: &str| view.state.fleet().find(id).is_some();
        let changed = page.changed.into_iter().map(observed);
        // A machine that has moved out of our domains is still told, for the fold to let go of it.
        let ours = changed
            .filter(|record| view.state.ownership().owns(&self.provider, record) || is_known(&record.machine.id));
        listing.machines = ours.collect();
        listing.gone = page.gone.into_iter().filter(|id| is_known(id)).collect();
        listing.unreadable = page.rejected.into_iter().map(|rejected| rejected.id).filter(|id| is_known(id)).collect();
        let named = listing.machines.iter().map(|record| record.machine.id.as_str());
        self.held.replace(named.chain(listing.gone.iter().map(String::as_str)));
        listing
    }

    /// Machines that the state has and the first whole listing does not.
    fn inherited(&self, listing: &mut Listing) {
        let view = self.committer.view();
        let fleet = view.state.fleet();
        let ours = fleet.iter().filter(|(ix, _)| view.state.provider_of(*ix) == self.provider);
        let gone = ours.map(|(ix, _)| fleet.id(ix)).filter(|id| !self.lister.knows(id)).map(str::to_owned);
        listing.gone.extend(gone);
    }

    /// Commits what differs from the state, in the order of ids and in entries of bounded size; keeps what the fold may
    /// not have believed.
    async fn offer(&mut self, mut listing: Listing, asked: &View) -> Result<(), CommitError> {
        listing.machines.sort_by(|a, b| a.machine.id.cmp(&b.machine.id));
        listing.gone.sort_unstable();
        listing.gone.dedup();
        let mut machines = std::mem::take(&mut listing.machines).into_iter().peekable();
        let mut part = Listing { machines: Vec::new(), ..listing };
        loop {
            let most = if fires(Failpoint::ListingInPieces) { 1 } else { BATCH };
            part.machines.extend(machines.by_ref().take(most));
            self.commit(&part).await?;
            let now = self.committer.view();
            for record in part.machines.drain(..) {
                let id = record.machine.id.clone();
                self.held.keep(&id, Some(record), asked, &now);
            }
            for id in part.gone.drain(..) {
                self.held.keep(&id, None, asked, &now);
            }
            part.unreadable.clear();
            if machines.peek().is_none() {
                return Ok(());
            }
        }
    }

    async fn commit(&self, listing: &Listing) -> Result<(), CommitError> {
        let view = self.committer.view();
        let diff = inline(|| view.state.diff_observation(listing));
        let (shard, screened) = (self.committer.shard(), diff.screened);
        if screened > 0 {
            tracing::warn!(
                shard,
                provider = self.provider,
                screened,
                "records of machines break a rule; the last good ones stay"
            );
        }
        for command in diff.commands {
            let committed = self.committer.commit(command).await?;
            tracing::debug!(shard, provider = self.provider, index = committed.index, response = ?committed.response, "observed");
        }
        Ok(())
    }

    /// Asks for the machines of which the fold waits to hear the truth, and of which no listing will speak by itself.
    async fn ask_by_name(&mut self) -> Result<(), RoundError> {
        let asked = self.committer.view();
        let state = &asked.state;
        let waiting = state.ledger().iter().filter(|operation| {
            matches!(operation.attempt.progress, Progress::Barred { .. })
                && state.provider_of(operation.machine) == self.provider
        });
        let ids: Vec<String> =
            waiting.map(|operation| state.fleet().id(operation.machine).to_owned()).take(ASKED).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut listing = self.listing(state.revision());
        let client = &self.client;
        let answers = stream::iter(ids).map(|id| async move { (client.get(&id).await, id) }).buffered(SIDE_BY_SIDE);
        for (answer, id) in answers.collect::<Vec<_>>().await {
            match answer {
                Ok(machine) => listing.machines.push(observed(machine)),
                Err(Refusal::NotFound) => listing.gone.push(id),
                Err(Refusal::Invalid(_)) => listing.unreadable.push(id),
                Err(refusal) => return Err(refusal.into()),
            }
        }
        self.offer(listing, &asked).await?;
        Ok(())
    }
}
