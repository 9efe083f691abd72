//! Roll-ups: the demand of the shard rows, and the row of roll-up ingest.
//!
//! The predecessor's shape: 25,000 requests, one per pod; a ninth are members of gangs of four, a ninth are of one service,
//! the rest are tiny. They are added up to rows, compared with the last accepted roll-up, committed and folded in.

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY};
use argosy_model::{Operator, ShardTime};
use argosy_shard::{Command, Envelope, Genesis, NeedRow, RequirementRow, Response, ShardState};

use crate::rows::About;
use crate::run::Run;
use crate::shard_rows::PENALTY;

const REQUESTS: usize = 25_000;
const GANG_OF: usize = 4;
/// Rows that a cluster of the shard rows reports.
const ROWS: usize = 1_000;

/// Measures the row.
pub(crate) fn measure(run: &mut Run) {
    let name = run.name("rollup_25k");
    if !run.wants(&name) {
        return;
    }
    let mut state = begun();
    assert!(fold_in(&mut state, &requests(0)), "the first roll-up is news");
    let rows = state.demand().len();
    let gangs = state.demand().by_precedence().filter(|need| need.key.group.is_some()).count();
    assert!(rows > 600 && gangs * 5 >= rows, "{REQUESTS} requests add up to gangs and plain rows: {gangs} of {rows}");
    assert!(!fold_in(&mut state, &requests(0)), "an unchanged roll-up writes nothing");
    let mut meter = run.meter(true);
    let mut turn = 1;
    while meter.wants_more() {
        let requests = requests(turn);
        let wrote = meter.time(|| fold_in(&mut state, &requests));
        assert!(wrote, "a changed roll-up is news");
        turn += 1;
    }
    let limit = run.limit(18_000).hops(REQUESTS);
    let about = About { machines: 0, needs: rows, placements: REQUESTS, bytes: 0, limit, budget: None };
    run.row(&name, &about, &meter);
}

/// Diffs, encodes and applies a roll-up; whether there was anything to write.
fn fold_in(state: &mut ShardState, requests: &[NeedRow]) -> bool {
    let Some(command) = state.diff_rollup("cluster", requests) else {
        return false;
    };
    apply(state, command, ShardTime(1));
    true
}

fn apply(state: &mut ShardState, command: Command, at: ShardTime) {
    let entry = Envelope { at, proposed_in_term: 1, command }.encode();
    let applied = state.apply(state.revision() + 1, 1, &entry);
    assert!(!matches!(applied.response, Response::Rejected(_)), "{:?}", applied.response);
}

fn begun() -> ShardState {
    let mut state = ShardState::new();
    let genesis = Genesis { shard: "s".to_owned(), shards: vec!["s".to_owned()], ..Genesis::default() };
    apply(&mut state, Command::Genesis(genesis), ShardTime(0));
    state
}

/// One request per pod. With every turn a tenth of the gangs ask for more or less than before.
fn requests(turn: usize) -> Vec<NeedRow> {
    (0..REQUESTS).map(|at| request(at, turn)).collect()
}

fn request(at: usize, turn: usize) -> NeedRow {
    let gang = at / 9 / GANG_OF;
    let (types, cpu, mib, priority): (&[&str], _, _, _) = match at % 9 {
        0 if gang % 10 == turn % 10 => (&["r6i.2xlarge"], 5_000, 32 << 10, 1_000),
        0 => (&["r6i.2xlarge"], 4_000, 32 << 10, 1_000),
        1 => (&["m6i.xlarge"], 2_200, 8_500, 1_000),
        _ => (&["m6i.large", "m6i.xlarge"], 400, 500, 100),
    };
    let is_gang = at.is_multiple_of(9);
    let piece = vec![("cpu".to_owned(), cpu), ("memory".to_owned(), mib << 20)];
    NeedRow {
        requirements: requirements(types, is_gang),
        priority,
        interruption: PENALTY,
        reclamation: PENALTY,
        group: is_gang.then(|| format!("gang-{gang}")),
        aggregate: piece.clone(),
        min_unit: piece,
        ..NeedRow::default()
    }
}

fn requirements(types: &[&str], is_gang: bool) -> Vec<RequirementRow> {
    let text = |text: &&str| (*text).to_owned();
    let mut rows = vec![RequirementRow {
        key: INSTANCE_TYPE_KEY.to_owned(),
        operator: Operator::In,
        values: types.iter().map(text).collect(),
    }];
    if is_gang {
        rows.push(RequirementRow { key: RACK_KEY.to_owned(), operator: Operator::Same, values: vec![] });
    }
    rows
}

/// Folds in the demand of one cluster of the shard rows: a thousand rows, a fifth of them gangs.
pub(crate) fn report(state: &mut ShardState, cluster: &str, seed: u64, at: ShardTime) {
    let row = |row: usize| {
        let is_gang = row.is_multiple_of(5);
        let piece = vec![("cpu".to_owned(), 2_000), ("memory".to_owned(), 8 << 30)];
        let units = 1 + seed + row as u64;
        NeedRow {
            requirements: requirements(&["m.large"], is_gang),
            priority: i32::try_from(row).unwrap_or_default(),
            interruption: PENALTY,
            reclamation: PENALTY,
            group: is_gang.then(|| format!("gang-{row}")),
            aggregate: piece.iter().map(|(dim, amount)| (dim.clone(), amount * units)).collect(),
            min_unit: piece,
            ..NeedRow::default()
        }
    };
    let rows: Vec<NeedRow> = (0..ROWS).map(row).collect();
    let command = state.diff_rollup(cluster, &rows).expect("a first report is news");
    apply(state, command, at);
}
