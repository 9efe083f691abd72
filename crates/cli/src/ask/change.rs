//! `argosy rails`, `argosy cordon`, `argosy resume`, `argosy member`: changes, each with a reason or a clear subject.

use std::process::ExitCode;

use anyhow::Result;
use argosy_proto::argosy::v1::{
    ChangeMemberRequest, ResumeShardRequest, SetCordonRequest, SetRailsRequest, TakeSnapshotRequest,
};
use clap::{Args, Subcommand};
use serde_json::json;

use super::target::{Change, Target};
use super::{block_on, revision, said, table};

/// Switch a shard's safety rails; what is not named stays.
#[derive(Args, Debug)]
pub(crate) struct RailsArgs {
    /// Stop all actuation, or let it go on.
    #[arg(long, value_name = "BOOL")]
    kill_switch: Option<bool>,
    /// Decide and count, and do nothing.
    #[arg(long, value_name = "BOOL")]
    dry_run: Option<bool>,
    /// Hold back roll-ups that drop nearly all demand.
    #[arg(long, value_name = "BOOL")]
    empty_rollup_guard: Option<bool>,
    /// Most of a cluster's machines that one cycle may reclaim, in parts per million; 1000000 for no cap.
    #[arg(long, value_name = "PPM")]
    reclaim_cap_ppm: Option<u32>,
    #[command(flatten)]
    change: Change,
}

/// Close a machine for new work, or open it again.
#[derive(Args, Debug)]
pub(crate) struct CordonArgs {
    /// The machine.
    machine: String,
    /// Open it again.
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    change: Change,
}

/// Let a halted shard go on, once the fault that halted it is mended.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// The shard.
    shard: String,
    /// Why. It is kept in the shard's audit chain.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    target: Target,
}

/// Change the members of a shard's Raft group, move its leader, or take a snapshot.
#[derive(Args, Debug)]
pub(crate) struct MemberArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Add a node as a learner; it must be running with a replica of the group in its placement.
    AddLearner(Subject),
    /// Make a learner that has caught up a voter.
    Promote(Subject),
    /// Take a node out of the group.
    Remove(Removal),
    /// Hand the leadership to a voter.
    Transfer(Subject),
    /// Write a snapshot on the asked node and drop the log behind it.
    Snapshot(Whole),
}

#[derive(Args, Debug)]
struct Subject {
    /// A shard's id, or "coordinator".
    group: String,
    /// The node's id.
    node: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Args, Debug)]
struct Removal {
    #[command(flatten)]
    subject: Subject,
    /// Remove it although the voters that stay may not be able to go on without it.
    #[arg(long)]
    force: bool,
}

#[derive(Args, Debug)]
struct Whole {
    /// A shard's id, or "coordinator".
    group: String,
    #[command(flatten)]
    target: Target,
}

/// Runs `argosy rails`.
pub(crate) fn run_rails(args: RailsArgs) -> Result<ExitCode> {
    block_on(async move {
        let Change { shard, reason, target } = args.change;
        let ask = target.request(SetRailsRequest {
            shard,
            kill_switch: args.kill_switch,
            dry_run: args.dry_run,
            empty_rollup_guard: args.empty_rollup_guard,
            reclaim_cap_ppm: args.reclaim_cap_ppm,
            reason,
        });
        let answer = target.admin()?.set_rails(ask).await.map_err(|status| said(&status))?;
        let answer = answer.into_inner();
        let rails = answer.rails.unwrap_or_default();
        let header = ["kill_switch", "dry_run", "empty_rollup_guard", "reclaim_cap_ppm", "revision"];
        let row = vec![
            json!(rails.kill_switch),
            json!(rails.dry_run),
            json!(rails.empty_rollup_guard),
            json!(rails.reclaim_cap_ppm),
            json!(answer.revision),
        ];
        table::print(&header, vec![row], false)
    })
}

/// Runs `argosy cordon`.
pub(crate) fn run_cordon(args: CordonArgs) -> Result<ExitCode> {
    block_on(async move {
        let CordonArgs { machine, undo, change: Change { shard, reason, target } } = args;
        let ask = target.request(SetCordonRequest { machine, shard, cordoned: !undo, reason });
        let answer = target.admin()?.set_cordon(ask).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

/// Runs `argosy resume`.
pub(crate) fn run_resume(args: ResumeArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask = ResumeShardRequest { shard: args.shard, reason: args.reason };
        let answer =
            args.target.admin()?.resume_shard(args.target.request(ask)).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

/// Runs `argosy member`.
pub(crate) fn run_member(args: MemberArgs) -> Result<ExitCode> {
    block_on(async move {
        let open = |s: Subject, force: bool| {
            let ask = s.target.request(ChangeMemberRequest { group: s.group, node: s.node, force });
            s.target.admin().map(|admin| (admin, ask))
        };
        let answer = match args.what {
            What::AddLearner(subject) => {
                let (mut admin, ask) = open(subject, false)?;
                admin.add_learner(ask).await
            }
            What::Promote(subject) => {
                let (mut admin, ask) = open(subject, false)?;
                admin.promote_voter(ask).await
            }
            What::Remove(Removal { subject, force }) => {
                let (mut admin, ask) = open(subject, force)?;
                admin.remove_member(ask).await
            }
            What::Transfer(subject) => {
                let (mut admin, ask) = open(subject, false)?;
                admin.transfer_leader(ask).await
            }
            What::Snapshot(Whole { group, target }) => {
                let ask = target.request(TakeSnapshotRequest { group });
                let answer = target.admin()?.take_snapshot(ask).await.map_err(|status| said(&status))?;
                return revision(answer.into_inner().revision);
            }
        };
        let status = answer.map_err(|status| said(&status))?.into_inner().status.unwrap_or_default();
        let row = vec![json!(status.shard), json!(status.leader), json!(status.voters), json!(status.learners)];
        table::print(&["group", "leader", "voters", "learners"], vec![row], false)
    })
}
