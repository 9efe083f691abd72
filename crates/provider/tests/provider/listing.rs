//! Keeping up with an inventory through the lister: B901 to B909, and removals.

use argosy_proto::argosy::v1::{Selector, StrikeRequest, strike_request};
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_provider::client::{Lister, PageKind};
use argosy_provider::sim::{Catalogue, SimConfig};

use crate::rig::{Rig, config, configure, fence, order};

fn strike(kind: strike_request::Kind, ids: &[&str]) -> StrikeRequest {
    let machine_ids = ids.iter().map(|id| (*id).to_owned()).collect();
    StrikeRequest { kind: kind.into(), selector: Some(Selector { machine_ids, ..Selector::default() }) }
}

#[tokio::test]
async fn the_lister_learns_of_changes_and_of_removals() {
    let mut rig = Rig::start(config()).await;
    let mut lister = Lister::new();
    let first = lister.next_page(&rig.client).await.expect("a page");
    assert_eq!((first.kind, first.changed.len(), first.last), (PageKind::Sweep, 40, true));
    rig.client.carry_out(order("n-eu-a-000000", configure("c"), fence(1, 1))).await.expect("accepted");
    rig.control.strike(strike(strike_request::Kind::Vanish, &["n-eu-a-000001"])).await.expect("struck");
    let delta = lister.next_page(&rig.client).await.expect("a page");
    assert_eq!((delta.kind, delta.gone), (PageKind::Delta, vec!["n-eu-a-000001".to_owned()]));
    assert_eq!(delta.changed.iter().map(|machine| machine.id.as_str()).collect::<Vec<_>>(), ["n-eu-a-000000"]);
    assert_eq!(lister.len(), 39);
    rig.stop().await;
}

#[tokio::test]
async fn a_removal_behind_an_expired_cursor_is_found_by_the_sweep() {
    let mut rig = Rig::start(config()).await;
    let mut lister = Lister::new();
    lister.next_page(&rig.client).await.expect("a page");
    rig.control.strike(strike(strike_request::Kind::Vanish, &["n-eu-a-000001"])).await.expect("struck");
    rig.control.strike(strike(strike_request::Kind::ExpireCursors, &[])).await.expect("struck");
    let page = lister.next_page(&rig.client).await.expect("a page");
    assert_eq!((page.kind, page.gone), (PageKind::Sweep, vec!["n-eu-a-000001".to_owned()]));
    assert!(!lister.knows("n-eu-a-000001"));
    rig.stop().await;
}

#[tokio::test]
async fn a_large_inventory_comes_in_pages() {
    let large = SimConfig { catalogue: Catalogue::builtin().scaled_to(25_000), ..config() };
    let expected = usize::try_from(large.catalogue.machines()).expect("small");
    let rig = Rig::start(large).await;
    let mut lister = Lister::new();
    let mut pages = 0;
    let mut machines = 0;
    loop {
        let page = lister.next_page(&rig.client).await.expect("a page");
        (pages, machines) = (pages + 1, machines + page.changed.len());
        assert!(page.rejected.is_empty() && page.gone.is_empty() && page.kind == PageKind::Sweep);
        if page.last {
            break;
        }
    }
    assert_eq!((pages, machines, lister.len()), (3, expected, expected));
    rig.stop().await;
}

#[tokio::test]
async fn a_stock_caller_can_filter_cap_and_page_by_the_revision() {
    let mut rig = Rig::start(config()).await;
    let mut seen = Vec::new();
    let mut cursor = bytes::Bytes::new();
    loop {
        let filter = api::ListFilter { max_results: 7, since_revision: cursor.clone(), ..api::ListFilter::default() };
        let answer = rig.raw.list(filter).await.expect("listed").into_inner();
        assert!(answer.argosy.is_none());
        if answer.machines.is_empty() {
            break;
        }
        seen.extend(answer.machines.into_iter().map(|machine| machine.id));
        cursor = answer.revision;
    }
    assert_eq!(seen.len(), 40);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 40);
    rig.stop().await;
}
