//! What each seller is to have, by strategy.

use std::cmp::Reverse;

use super::{Sellers, Stand, Strategy};
use crate::plant::{Bug, planted};

/// What each seller is to have of `target` machines. Together it is `target`, whatever there is to be had: what nobody can give
/// now is asked of those who would be asked first.
pub(super) fn shares(sellers: &Sellers, target: u32, stands: &[Stand]) -> Vec<u32> {
    let caps: Vec<u32> = sellers.among.iter().zip(stands).map(|(seller, stand)| cap(seller.quota, stand)).collect();
    let order = tiers(sellers);
    let mut shares = match sellers.strategy {
        Strategy::Priority => by_tier(sellers, target, &caps, &order, stands),
        Strategy::Weighted => {
            let all: Vec<usize> = (0..stands.len()).collect();
            by_weight(sellers, target, &caps, &all, stands)
        }
        Strategy::Availability => by_merit(target, &caps, stands, |stand| {
            let left = u128::from(stand.to_be_had());
            vec![(u128::from(stand.refusals), u128::MAX - left, stand.to_be_had())]
        }),
        Strategy::Cost => by_merit(target, &caps, stands, |stand| {
            stand.free.iter().map(|(price, count)| (*price, 0, *count)).collect()
        }),
    };
    rest(sellers, target, &order, &mut shares);
    shares
}

fn cap(quota: Option<u32>, stand: &Stand) -> u32 {
    let had = if planted(Bug::SellerForgotten) && stand.refusals > 0 { 0 } else { stand.to_be_had() };
    stand.held.saturating_add(had).min(quota.unwrap_or(u32::MAX))
}

/// The sellers by priority, those of one priority together.
fn tiers(sellers: &Sellers) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..sellers.among.len()).collect();
    order.sort_by_key(|at| (sellers.among[*at].priority, *at));
    order.chunk_by(|a, b| sellers.among[*a].priority == sellers.among[*b].priority).map(<[usize]>::to_vec).collect()
}

fn by_tier(sellers: &Sellers, target: u32, caps: &[u32], tiers: &[Vec<usize>], stands: &[Stand]) -> Vec<u32> {
    let mut shares = vec![0; caps.len()];
    let mut left = target;
    for tier in tiers {
        let part = by_weight(sellers, left, caps, tier, stands);
        for at in tier {
            shares[*at] = part[*at];
            left -= part[*at];
        }
    }
    shares
}

/// Parts by weight among some sellers, none above its cap: whoever reaches it leaves the rest to the others.
fn by_weight(sellers: &Sellers, target: u32, caps: &[u32], among: &[usize], stands: &[Stand]) -> Vec<u32> {
    let mut shares = vec![0; caps.len()];
    let mut open = among.to_vec();
    let mut left = target;
    while left > 0 && !open.is_empty() {
        let parts = largest_remainder(sellers, left, &open, stands);
        let full: Vec<usize> =
            open.iter().zip(&parts).filter(|(at, part)| **part > caps[**at]).map(|(at, _)| *at).collect();
        if full.is_empty() {
            open.iter().zip(parts).for_each(|(at, part)| shares[*at] = part);
            return shares;
        }
        for at in full {
            shares[at] = caps[at];
            left -= caps[at];
            open.retain(|other| *other != at);
        }
    }
    shares
}

/// The whole in parts by weight: each the floor of its quotient, and one more for those of the largest remainders; of equal ones
/// for whoever has more already.
fn largest_remainder(sellers: &Sellers, whole: u32, among: &[usize], stands: &[Stand]) -> Vec<u32> {
    let weight = |at: usize| match stands[at].held {
        held if planted(Bug::SharesDrift) && held > 0 => u64::from(held),
        _ => u64::from(sellers.among[at].weight),
    };
    let sum: u64 = among.iter().map(|at| weight(*at)).sum();
    let product = |at: usize| u64::from(whole) * weight(at);
    let floor = |at: usize| u32::try_from(product(at) / sum).expect("a part is not above the whole");
    let mut parts: Vec<u32> = among.iter().map(|at| floor(*at)).collect();
    let mut left = whole - parts.iter().sum::<u32>();
    let mut order: Vec<usize> = (0..among.len()).collect();
    order.sort_by_key(|i| (Reverse(product(among[*i]) % sum), Reverse(stands[among[*i]].held), *i));
    for i in order {
        let one = left.min(1);
        parts[i] += one;
        left -= one;
    }
    parts
}

/// What a pool has stays; more comes from the best lots first. A lot is what makes it good, lower first, and how many it has. What
/// is too much goes from the worst seller first.
fn by_merit(target: u32, caps: &[u32], stands: &[Stand], lots: impl Fn(&Stand) -> Vec<(u128, u128, u32)>) -> Vec<u32> {
    let mut shares: Vec<u32> = stands.iter().zip(caps).map(|(stand, cap)| stand.held.min(*cap)).collect();
    let all = stands.iter().enumerate().flat_map(|(at, stand)| lots(stand).into_iter().map(move |lot| (lot, at)));
    let mut all: Vec<_> = all.collect();
    all.sort_unstable_by_key(|((first, second, _), at)| (*first, *second, *at));
    let mut left = target.saturating_sub(shares.iter().sum());
    for ((_, _, count), at) in all {
        let more = count.min(left).min(caps[at] - shares[at]);
        shares[at] += more;
        left -= more;
    }
    let mut surplus = shares.iter().sum::<u32>().saturating_sub(target);
    let mut worst: Vec<usize> = (0..stands.len()).collect();
    worst.sort_by_key(|at| (Reverse(lots(&stands[*at]).first().copied()), Reverse(*at)));
    let (gone, there): (Vec<usize>, Vec<usize>) = worst.into_iter().partition(|at| lots(&stands[*at]).is_empty());
    for at in gone.into_iter().chain(there) {
        let less = shares[at].min(surplus);
        shares[at] -= less;
        surplus -= less;
    }
    shares
}

/// What nobody can give now is asked of whoever comes first, up to its quota, so that it is bought as soon as it is there.
fn rest(sellers: &Sellers, target: u32, order: &[Vec<usize>], shares: &mut [u32]) {
    let mut left = target.saturating_sub(shares.iter().sum());
    for at in order.iter().flatten() {
        let room = sellers.among[*at].quota.map_or(u32::MAX, |quota| quota.saturating_sub(shares[*at]));
        let more = left.min(room);
        shares[*at] += more;
        left -= more;
    }
}
