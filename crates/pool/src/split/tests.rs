//! A pool that buys from sellers which come and go, step by step; and the bugs that these tests notice.

use proptest::prelude::*;

use super::{Seller, Sellers, Stand, Strategy as How, shares, split};
use crate::plant::{Bug, is_noticed};

const STRATEGIES: [How; 4] = [How::Priority, How::Weighted, How::Availability, How::Cost];

fn seller(name: &str, priority: u32, weight: u32) -> Seller {
    Seller { provider: name.to_owned(), regions: Vec::new(), instance_types: Vec::new(), priority, weight, quota: None }
}

fn sellers(strategy: How) -> Sellers {
    Sellers { strategy, moves: 1, among: vec![seller("a", 1, 3), seller("b", 2, 1)] }
}

/// What a seller has, and what of it the pool has.
#[derive(Clone, Debug)]
struct Shop {
    stock: u32,
    price: u128,
    held: u32,
    ready: u32,
    refusals: u32,
}

struct Market {
    sellers: Sellers,
    target: u32,
    shops: Vec<Shop>,
    fewest_ready: u32,
    most_held: u32,
}

impl Market {
    fn new(sellers: Sellers, target: u32, stocks: &[u32]) -> Self {
        let shop = |(price, stock): (u128, &u32)| Shop { stock: *stock, price, held: 0, ready: 0, refusals: 0 };
        let shops = (1..).zip(stocks).map(shop).collect();
        Self { sellers, target, shops, fewest_ready: u32::MAX, most_held: 0 }
    }

    fn stands(&self) -> Vec<Stand> {
        let stand = |shop: &Shop| Stand {
            held: shop.held,
            ready: shop.ready,
            free: vec![(shop.price, shop.stock.saturating_sub(shop.held))],
            refusals: shop.refusals,
        };
        self.shops.iter().map(stand).collect()
    }

    fn step(&mut self) {
        let asks = split(&self.sellers, self.target, &self.stands());
        for (shop, ask) in self.shops.iter_mut().zip(asks) {
            shop.ready = shop.held;
            let lost = shop.held.saturating_sub(shop.stock);
            (shop.held, shop.ready) = (shop.held - lost, shop.ready.min(shop.held - lost));
            let bought = ask.saturating_sub(shop.held).min(shop.stock - shop.held);
            shop.refusals = if bought > 0 { 0 } else { shop.refusals + u32::from(shop.stock == 0) };
            shop.held = if ask < shop.held { ask } else { shop.held + bought };
            shop.ready = shop.ready.min(shop.held);
        }
        self.fewest_ready = self.fewest_ready.min(self.shops.iter().map(|shop| shop.ready).sum());
        self.most_held = self.most_held.max(self.shops.iter().map(|shop| shop.held).sum());
    }

    fn run(&mut self, steps: u32) -> Vec<u32> {
        (0..steps).for_each(|_| self.step());
        self.shops.iter().map(|shop| shop.held).collect()
    }
}

fn weights_hold_up_and_down() {
    let mut market = Market::new(sellers(How::Weighted), 8, &[100, 100]);
    assert_eq!(market.run(10), [6, 2]);
    for (target, shares) in
        [(40, [30, 10]), (4, [3, 1]), (20, [15, 5]), (10, [8, 2]), (40, [30, 10]), (0, [0, 0]), (8, [6, 2])]
    {
        market.target = target;
        let there = market.run(60);
        assert!(there == shares || there == [shares[0] - 1, shares[1] + 1] && target == 10, "{target}: {there:?}");
    }
}

fn whoever_comes_back_is_bought_from() {
    for strategy in STRATEGIES {
        for back in [0, 1] {
            let mut market = Market::new(sellers(strategy), 6, &[0, 0]);
            assert_eq!(market.run(20), [0, 0]);
            market.shops[back].stock = 10;
            let there = market.run(20);
            assert_eq!(there[back], 6, "{strategy:?}: {there:?}");
        }
    }
}

fn nothing_is_given_up_before_what_follows_works() {
    let mut market = Market::new(sellers(How::Priority), 6, &[0, 10]);
    assert_eq!(market.run(5), [0, 6]);
    (market.fewest_ready, market.most_held) = (u32::MAX, 0);
    market.shops[0].stock = 10;
    assert_eq!(market.run(30), [6, 0], "back to where it would rather be");
    assert_eq!((market.fewest_ready, market.most_held), (6, 7), "never short, and one at a time");
}

#[test]
fn weights_hold_whichever_way_a_pool_goes() {
    weights_hold_up_and_down();
}

#[test]
fn after_an_outage_of_every_seller_whoever_comes_back_is_bought_from_by_every_strategy() {
    whoever_comes_back_is_bought_from();
}

#[test]
fn a_pool_moves_back_one_at_a_time_and_is_never_short_for_it() {
    nothing_is_given_up_before_what_follows_works();
}

#[test]
fn every_planted_bug_is_noticed() {
    let proofs: [(Bug, fn()); 3] = [
        (Bug::SharesDrift, weights_hold_up_and_down),
        (Bug::SellerForgotten, whoever_comes_back_is_bought_from),
        (Bug::MovedTooSoon, nothing_is_given_up_before_what_follows_works),
    ];
    for (bug, proof) in proofs {
        assert!(is_noticed(bug, proof), "nobody noticed {bug:?}");
    }
}

#[test]
fn the_next_tier_is_asked_only_for_what_the_one_before_cannot_give() {
    let mut market = Market::new(sellers(How::Priority), 6, &[4, 100]);
    assert_eq!(market.run(5), [4, 2]);
    market.target = 3;
    assert_eq!(market.run(20), [3, 0]);
    let mut quota = sellers(How::Priority);
    quota.among[0].quota = Some(2);
    assert_eq!(Market::new(quota, 6, &[100, 100]).run(5), [2, 4]);
}

#[test]
fn sellers_of_one_priority_share_by_weight() {
    let mut equal = sellers(How::Priority);
    equal.among[1].priority = 1;
    equal.among.push(seller("c", 2, 1));
    assert_eq!(Market::new(equal, 8, &[100, 1, 100]).run(5), [7, 1, 0]);
}

#[test]
fn a_weighted_part_that_one_cannot_give_comes_from_the_others() {
    let mut market = Market::new(sellers(How::Weighted), 8, &[2, 100]);
    assert_eq!(market.run(5), [2, 6]);
    market.shops[0].stock = 100;
    assert_eq!(market.run(30), [6, 2], "and goes back when it can");
    let mut still = sellers(How::Weighted);
    still.moves = 0;
    let mut market = Market::new(still, 8, &[2, 100]);
    market.run(5);
    market.shops[0].stock = 100;
    assert_eq!(market.run(30), [2, 6], "unless nothing may move");
}

#[test]
fn availability_goes_by_refusals_and_then_by_what_there_is() {
    let stand = |free, refusals| Stand { free: vec![(1, free)], refusals, ..Stand::default() };
    let of = sellers(How::Availability);
    assert_eq!(split(&of, 5, &[stand(10, 0), stand(20, 0)]), [0, 5]);
    assert_eq!(split(&of, 5, &[stand(10, 0), stand(20, 3)]), [5, 0]);
    assert_eq!(split(&of, 15, &[stand(10, 0), stand(20, 3)]), [10, 5]);
    let held = Stand { held: 5, ready: 5, ..stand(5, 0) };
    assert_eq!(split(&of, 5, &[held, stand(20, 0)]), [5, 0], "what a pool has stays");
}

#[test]
fn cost_goes_by_price_and_unknown_prices_come_last() {
    let stand = |free: &[(u128, u32)]| Stand { free: free.to_vec(), ..Stand::default() };
    let of = sellers(How::Cost);
    let (mixed, unknown) = (stand(&[(3, 2), (9, 10)]), stand(&[(u128::MAX, 10)]));
    assert_eq!(split(&of, 4, &[mixed.clone(), stand(&[(5, 1)])]), [3, 1]);
    assert_eq!(split(&of, 13, &[unknown, mixed]), [1, 12]);
}

/// Held, not ready, free, refusals.
type Numbers = (u32, u32, u32, u32);

fn market() -> impl Strategy<Value = (Sellers, u32, Vec<Numbers>)> {
    let among = proptest::collection::vec((0..3_u32, 1..5_u32, proptest::option::of(0..20_u32)), 1..5);
    (0..4_usize, 0..3_u32, among).prop_flat_map(|(how, moves, among)| {
        let named = among.iter().enumerate();
        let one = |(at, (priority, weight, quota)): (usize, &(u32, u32, Option<u32>))| Seller {
            quota: *quota,
            ..seller(&at.to_string(), *priority, *weight)
        };
        let sellers = Sellers { strategy: STRATEGIES[how], moves, among: named.map(one).collect() };
        let stands = proptest::collection::vec((0..20_u32, 0..20_u32, 0..20_u32, 0..4_u32), sellers.among.len());
        (Just(sellers), 0..40_u32, stands)
    })
}

proptest! {
    #[test]
    fn shares_add_up_keep_quotas_and_asks_keep_what_works((sellers, target, stands) in market()) {
        let stand = |(held, unready, free, refusals): &Numbers| Stand {
            held: *held, ready: held.saturating_sub(*unready), free: vec![(1, *free)], refusals: *refusals,
        };
        let stands: Vec<Stand> = stands.iter().map(stand).collect();
        let (shares, asks) = (shares::shares(&sellers, target, &stands), split(&sellers, target, &stands));
        let quotas: Vec<u32> = sellers.among.iter().map(|seller| seller.quota.unwrap_or(u32::MAX)).collect();
        prop_assert!(shares.iter().zip(&quotas).all(|(share, quota)| share <= quota), "{:?}", shares);
        let room = quotas.iter().fold(0_u32, |sum, quota| sum.saturating_add(*quota));
        prop_assert_eq!(shares.iter().sum::<u32>(), target.min(room));
        let held: u32 = stands.iter().map(|stand| stand.held).sum();
        let asked: u32 = asks.iter().sum();
        let ready: u32 = stands.iter().map(|stand| stand.ready).sum();
        prop_assert!(asked >= target.min(held).min(room), "{:?}: what is there is kept", asks);
        let works: u32 = stands.iter().zip(&asks).map(|(stand, ask)| stand.ready.min(*ask)).sum();
        prop_assert!(works >= target.min(ready), "{:?}: what works is kept until what follows it works", asks);
        let grows = |(stand, ask): (&Stand, &u32)| ask.saturating_sub(stand.held);
        let grown: u32 = stands.iter().zip(&asks).map(grows).sum();
        prop_assert!(grown <= target.saturating_sub(held).max(sellers.moves), "{:?}: one move at a time", asks);
        let known = if ready == held { target.saturating_add(sellers.moves) } else { held.max(target) };
        prop_assert!(asked <= known, "{:?}: nothing more than there is, and one move", asks);
    }
}

/// What is wrong with a pool of these sellers, and machines of these regions and types.
fn faults(machine: &str, sellers: &str) -> Vec<String> {
    let text = format!(
        "version: 1\npools: [{{name: p, min: 0, max: 9, machine: {{resources: {{cpu: 1}}, {machine}}}, sellers: {{among: [{sellers}]}}}}]"
    );
    match crate::PoolFile::parse("p", &text) {
        Ok(_) => Vec::new(),
        Err(crate::FileError::Values { faults, .. }) => faults,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn no_machine_is_sold_to_a_pool_by_two_sellers() {
    let overlapping = [
        ("", "{provider: aws, regions: [r1], quota: 3}, {provider: aws, priority: 2}"),
        ("regions: [r1]", "{provider: aws, quota: 3}, {provider: aws, regions: [r1]}"),
        ("", "{provider: aws, regions: [r1, r2]}, {provider: aws, regions: [r2, r3]}"),
        ("", "{provider: aws, instance_types: [h100-8x]}, {provider: aws, instance_types: [p5.48xlarge]}"),
        ("instance_types: [t1]", "{provider: aws, regions: [r1]}, {provider: aws, instance_types: [t1]}"),
    ];
    for (machine, sellers) in overlapping {
        let faults = faults(machine, sellers);
        assert!(faults.len() == 1 && faults[0].contains("sellers.among[1]"), "{machine} {sellers}: {faults:?}");
    }
    let apart = [
        ("", "{provider: aws}, {provider: gcp}"),
        ("", "{provider: aws, regions: [r1]}, {provider: aws, regions: [r2]}"),
        ("", "{provider: aws, instance_types: [t1]}, {provider: aws, instance_types: [t2]}"),
        ("regions: [r1]", "{provider: aws}, {provider: aws, regions: [r2]}"),
    ];
    for (machine, sellers) in apart {
        assert_eq!(faults(machine, sellers), Vec::<String>::new(), "{machine} {sellers}");
    }
}

#[test]
fn a_seller_with_longer_lists_or_names_than_demand_may_have_is_a_fault() {
    let many: Vec<String> = (0..257).map(|n| format!("r{n}")).collect();
    let long = "r".repeat(257);
    for sellers in [
        format!("{{provider: aws, regions: [{}]}}", many.join(", ")),
        format!("{{provider: aws, instance_types: [{}]}}", many.join(", ")),
        format!("{{provider: aws, regions: [{long}]}}"),
        format!("{{provider: {long}}}"),
    ] {
        assert_eq!(faults("", &sellers).len(), 1, "{sellers}");
    }
}
