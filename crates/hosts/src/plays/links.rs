//! Links between regions are cut, one way or both, or lose frames. The provider, operators and administrators are never cut off: a leader
//! that lost the others can still be asked and can still act, and must know better.

use std::time::Duration;

use argosy_switch::Link;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::HostsError;
use crate::stage::Stage;

/// How long a cut lasts at least.
const APART: Duration = Duration::from_secs(6);
/// How long frames are lost.
const LOSING: Duration = Duration::from_secs(30);
/// One frame in ten.
const LOSS_PPM: u32 = 100_000;

/// Which way a region is cut off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ways {
    Both,
    Out,
    In,
}

/// Cuts off the region of each shard's leader in turn.
pub(super) async fn cut(stage: &mut Stage<'_>, rounds: usize) -> Result<(), HostsError> {
    for round in 0..rounds {
        apart(stage, round, "region_cut", Ways::Both).await;
    }
    Ok(())
}

/// Makes leaders mute, then deaf, in turn.
pub(super) async fn one_way(stage: &mut Stage<'_>, rounds: usize) -> Result<(), HostsError> {
    for round in 0..rounds {
        let (fault, ways) = if round % 2 == 0 { ("mute", Ways::Out) } else { ("deaf", Ways::In) };
        apart(stage, round, fault, ways).await;
    }
    Ok(())
}

/// Loses frames between all regions for a while.
pub(super) async fn loss(stage: &mut Stage<'_>) -> Result<(), HostsError> {
    let fault = stage.strikes("loss", "10 % between all regions");
    for region in crate::stage::REGIONS {
        stage.network.out_of(region, |link| link.loss_ppm = LOSS_PPM);
    }
    sleep(LOSING).await;
    stage.heal_links();
    stage.ends(fault);
    stage.settle().await;
    Ok(())
}

async fn apart(stage: &mut Stage<'_>, round: usize, fault: &str, ways: Ways) {
    let shards = stage.shards();
    let Some(before) = stage.standing(&shards[round % shards.len()]).await else { return };
    let region = stage.region(&before.leader);
    let fault = stage.strikes(fault, &before.leader);
    let struck = Instant::now();
    let cut = |link: &mut Link| link.cut = true;
    if ways != Ways::In {
        stage.network.out_of(&region, cut);
    }
    if ways != Ways::Out {
        stage.network.into(&region, cut);
    }
    stage.failover(&before, struck).await;
    sleep_until(struck + APART).await;
    stage.heal_links();
    stage.ends(fault);
    stage.settle().await;
}
