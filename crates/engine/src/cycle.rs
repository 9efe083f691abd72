//! One cycle: the tables that the phases share, and the order in which they run.
//!
//! 1. *Credit* (Phase 1): what is bound to a cluster, or on its way to it, is given to the cluster's needs.
//! 2. *Turns* (Phases 1 and 2): by precedence, each need that is short acquires free machines, then preempts. A need
//!    takes its turn to the end before the next one starts, so that a gang can be put together from free machines and
//!    victims at once, and nothing is set aside for a gang that cannot be put together.
//! 3. *Reclaim and release* (Phase 3).
//! 4. *Consolidate* (Phase 4), if it is allowed: rows that lack nothing get cheaper machines. It is drafted before Phase 3 is, and
//!    comes behind it in the plan: it takes of what is free, and Phase 3 of what serves.
//! 5. Classes and counts become machines, by slot.
//!
//! The tables outlive the cycle. The next one follows what was written since (`follow.rs`), credits anew the rows that this
//! concerns (`agenda.rs`), and takes the turns of the needs that are short.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argosy_model::journal::Edition;
use argosy_model::stamp::Stamp;
use argosy_model::{Demand, Fleet, ShardTime};
use imbl::Vector;

use crate::agenda::Agenda;
use crate::bits::Bits;
use crate::catalogue::Catalogue;
use crate::claims::Phase;
use crate::contention::Contention;
use crate::draft::Draft;
use crate::holding::KeepIx;
use crate::menus::Menus;
use crate::outlook::Outlooks;
use crate::plan::Verdict;
use crate::prey::PreyIndex;
use crate::pulse::Pulses;
use crate::rows::{Row, RowIx, Rows};
use crate::standing::Standing;
use crate::supply::{ClassIx, Supply};
use crate::turns::Credited;
use crate::{Cap, Consolidation, Decision, Policy, View};

/// A view of one's own. Fleet and demand share their structure with the state that they are of.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) fleet: Fleet,
    pub(crate) demand: Demand,
    pub(crate) policy: Policy,
    pub(crate) consolidation: Option<Consolidation>,
    pub(crate) caps: Vec<Cap>,
    pub(crate) now: ShardTime,
    /// Of the fleet, the demand and the words.
    pub(crate) editions: (Edition, Edition, Stamp),
}

impl Seen {
    pub(crate) fn of(view: &View<'_>) -> Self {
        Self {
            fleet: view.fleet.clone(),
            demand: view.demand.clone(),
            policy: view.policy.clone(),
            consolidation: view.consolidation.cloned(),
            caps: view.caps.to_vec(),
            now: view.now,
            editions: editions(view),
        }
    }

    /// Lets go of what was seen and keeps which it was. Whoever holds an old state has it copied page by page as the new one is
    /// written, and frees the copies when he lets go.
    pub(crate) fn let_go(&mut self) {
        (self.fleet, self.demand) = (Fleet::default(), Demand::default());
    }
}

/// Which fleet, demand and words a view shows.
pub(crate) fn editions(view: &View<'_>) -> (Edition, Edition, Stamp) {
    (view.fleet.edition(), view.demand.edition(), view.fleet.words.stamp())
}

/// The tables of a cycle.
#[derive(Clone, Debug)]
pub(crate) struct Cycle {
    pub(crate) view: Seen,
    pub(crate) catalogue: Catalogue,
    pub(crate) rows: Rows,
    pub(crate) menus: Menus,
    pub(crate) supply: Supply,
    /// By row.
    pub(crate) standings: Vec<Standing>,
    pub(crate) pulses: Pulses,
    pub(crate) contention: Contention,
    /// Free machines that gangs chosen earlier count on; it keeps later ones from all choosing the same domain.
    pub(crate) counted_on: BTreeMap<ClassIx, u32>,
    pub(crate) prey: PreyIndex,
    pub(crate) drafts: Vec<Draft>,
    /// Moments at which a row may take another part.
    pub(crate) alarms: BTreeSet<(ShardTime, RowIx)>,
    /// How many rows have something to remember.
    pub(crate) marked: usize,
    /// By rank.
    pub(crate) verdicts: Vector<Arc<Verdict>>,
    /// What several verdicts tell of domains.
    pub(crate) outlooks: Outlooks,
    pub(crate) phase: Phase,
    pub(crate) agenda: Agenda,
    /// How the credit left the rows that turns have done something to.
    pub(crate) turned: Vec<Credited>,
    /// Which rows those are.
    pub(crate) remembered: Bits,
    /// Rows that lost machines to rows before them in this cycle.
    pub(crate) robbed: Bits,
    /// By rank, the rows that have yet to take their turn.
    pub(crate) turns: Bits,
    /// By keep list, the rank from which on nothing is to be had of those behind, in this cycle.
    pub(crate) barren: crate::hash::Lookup<KeepIx, u32>,
    /// Machines that nobody was given, and that were taken as victims.
    pub(crate) withheld: Vec<(ClassIx, u32)>,
}

impl Cycle {
    /// Decides.
    pub(crate) fn run(&mut self) -> Decision {
        let decision = self.run_open();
        self.close();
        decision
    }

    /// Decides, and leaves the tables as the turns left them for whoever asks why.
    pub(crate) fn run_open(&mut self) -> Decision {
        self.credit();
        self.count_contention();
        self.take_turns();
        self.consolidate();
        self.finish()
    }

    /// Clears away what belongs to this cycle alone.
    pub(crate) fn close(&mut self) {
        self.rewind();
        self.drafts.clear();
        for class in self.prey.clear() {
            self.supply.forget_lowest(class);
        }
    }

    pub(crate) fn row_ixs(&self) -> impl DoubleEndedIterator<Item = RowIx> + '_ {
        self.rows.order().iter().copied()
    }

    pub(crate) fn row(&self, row: RowIx) -> &Row {
        self.rows.get(row)
    }

    pub(crate) fn standing(&self, row: RowIx) -> &Standing {
        &self.standings[row.at()]
    }

    pub(crate) fn standing_mut(&mut self, row: RowIx) -> &mut Standing {
        &mut self.standings[row.at()]
    }
}
