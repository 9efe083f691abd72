//! Planted bugs: the reference can be told to make one of the mistakes that are on record, so that the tests against them
//! can be seen red. None is on unless a test switches it on, for its own thread.
//!
//! They are planted in the reference and not in the engine: both give the same plans, so a test that catches a mistake of the one
//! catches it in the other, and what is deployed has no hooks.

use std::cell::Cell;

/// Declares the plants, and lists them.
macro_rules! plants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A mistake on record. Each says what it does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Plant {
            $($(#[$doc])* $name,)*
        }

        impl Plant {
            /// Every plant.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

plants! {
    /// One machine for each piece, however many it holds.
    MachinesNotAmounts,
    /// A bound machine covers every need that it fits.
    PhantomCredit,
    /// Phase 3 finds out for itself what is needed.
    SecondAttribution,
    /// Credit does not stop at the chosen domain.
    CreditAcrossDomains,
    /// Acquisition does not look at the domain that the credit chose.
    DomainChosenTwice,
    /// Small gangs are not folded.
    NeverFold,
    /// No gang counts on what it will take.
    NothingCountedOn,
    /// The tightest domain goes before the one that already serves.
    TidierDomainFirst,
    /// Of domains that all fail, the one with own machines is not preferred.
    NotSticky,
    /// Needs without hope seek for ever.
    NeverPark,
    /// Slack counts when domains are compared.
    SlackCounts,
    /// Of domains where enough is bound, the one with least to spare is taken.
    BoundSlackCounts,
    /// Machines are attributed to a profile, whatever the gang.
    GroupsForgotten,
    /// Keep order alone decides what a need is credited with.
    OwnNotFirst,
    /// What is being created counts for nobody.
    CreatingInvisible,
    /// What is bound is not credited.
    BoundIgnored,
    /// A cluster that has not reported needs nothing.
    SilenceIsNoDemand,
    /// All surplus goes at once.
    NoReclaimCap,
    /// What is taken without urgency has no time to drain.
    NoGrace,
    /// Victims may be in any domain.
    PreemptAnywhere,
    /// A shortfall begins anew with every cycle.
    AgeRestarts,
    /// Idle machines are given back at once.
    HoldIgnored,
    /// A machine in repair is given back like any other.
    KeptReleased,
    /// A condemned machine is given back when its hold is over, like any other.
    CondemnedHeld,
    /// A need that is on its way to being covered is reported as starved.
    CoveredIsStarved,
    /// Shortfalls of two clusters with one profile are one.
    ClustersMerged,
    /// What drains for a preemptor counts for nobody.
    DrainingInvisible,
    /// Preemption looks at the stamp of the purchase.
    StampedPriority,
    /// All pinned work costs the same wherever there is any risk.
    PinnedTies,
    /// An idle machine's risk costs nothing.
    IdleRiskIgnored,
    /// A gang takes what it can get.
    HalfGangs,
    /// Spread does not count what is bound.
    SpreadForgets,
    /// A machine is taken, whoever else could use nothing else.
    NarrowIgnored,
    /// The cheapest machine, whatever it covers.
    AbsolutePrice,
    /// Redundant victims stay victims.
    VictimsNotPruned,
    /// A victim that there is no room for is not asked again when there is.
    RoomAskedOnce,
    /// The cheapest surplus goes first.
    CheapestFirst,
    /// Of equal price, what is paid for anyway goes like what is paid for by the hour.
    PaidForIgnored,
    /// A plan that is too large loses its tail.
    TailCut,
    /// A machine that will be interrupted covers its need.
    NoticeCovers,
    /// The gap of priorities wraps.
    GapWraps,
    /// A need takes what others have before it looks at what is free.
    DisplacesFirst,
    /// What nobody has is acquired, though something bound is left.
    LeftIgnored,
    /// A need takes nothing of those behind it.
    NeverDisplaces,
    /// A need takes back nothing of its own from those behind it.
    OwnNotTakenBack,
    /// A need does not acquire once more when displacing has made room.
    AcquiresOnce,
    /// What a plan preempts is displaced as well.
    DisplacesVictims,
    /// A gang folds though it has machines of its own.
    FoldsWhatServes,
    /// Whether gangs fold depends on what is free.
    FoldByFree,
    /// A folded row comes after all others of its priority.
    FoldedLast,
    /// What comes for a need that moves does not stand in for what goes.
    MovesUncover,
    /// As many needs move as can.
    MoveBudgetIgnored,
    /// A need moves to whatever is free, whether it saves anything or not.
    MovesForNothing,
    /// A need may move that is already moving.
    MovesPileUp,
    /// What a move replaces is taken in the same breath.
    BreaksBeforeMaking,
    /// Pinned work moves.
    PinnedMoves,
    /// A move takes what a need that is short could use.
    MovesTakeFromTheShort,
    /// A move need not save its cost in time.
    PaybackIgnored,
    /// A gang buys more than a cap leaves.
    CapsIgnored,
    /// A gang that caps keep from one domain tries no other, and does not park.
    OneDomainUnderCaps,
}

thread_local! {
    static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
}

/// Plants a bug, or none, for this thread.
pub fn plant(bug: Option<Plant>) {
    PLANTED.set(bug);
}

/// Whether a bug is planted.
pub(crate) fn is(bug: Plant) -> bool {
    PLANTED.get() == Some(bug)
}
