//! XIDs as the driver delivers them.

use std::time::Duration;

use argosy_agent::gpu::{NvmlXid, XidThread, registered};
use serde_json::json;

use crate::stage::{driver, gpu, healthy};

/// No wait takes so long unless something is broken.
const LIMIT: Duration = Duration::from_secs(60);

async fn next(xids: &mut XidThread) -> NvmlXid {
    tokio::time::timeout(LIMIT, xids.next()).await.expect("an XID in time")
}

#[tokio::test]
async fn xids_are_delivered_in_order_and_with_their_device() {
    let stage = healthy(2);
    let mut script = driver(&[gpu(0), gpu(1)]);
    script["events"] = json!([{"gpu": 1, "xid": 79}, {"gpu": 0, "type": 1}, {"gpu": 0, "xid": 999}]);
    stage.play(&script);
    let mut xids = XidThread::start(Some(stage.library()));
    let first = next(&mut xids).await;
    assert_eq!((first.code, first.uuid.as_str()), (Some(79), "GPU-1"));
    assert_eq!(first.pci.map(|pci| pci.to_string()).as_deref(), Some("00000000:3c:00.0"));
    let second = next(&mut xids).await;
    assert_eq!((second.code, second.uuid.as_str()), (None, "GPU-0"), "999 is NVML for one that it cannot name");
}

#[tokio::test]
async fn an_xid_of_a_device_that_is_gone_by_then_is_still_told() {
    let stage = healthy(1);
    let mut script = driver(&[gpu(0)]);
    stage.play(&script);
    let mut xids = XidThread::start(Some(stage.library()));
    script["events"] = json!([{"gpu": 0, "xid": 48}]);
    stage.play(&script);
    assert_eq!(next(&mut xids).await.code, Some(48));
    script["gpus"][0]["lost"] = json!(true);
    script["events"] = json!([{"gpu": 0, "xid": 48}, {"gpu": 0, "xid": 79}]);
    stage.play(&script);
    assert_eq!(next(&mut xids).await, NvmlXid { code: Some(79), uuid: String::new(), pci: None });
}

#[test]
fn a_device_that_delivers_no_xids_keeps_out_no_other() {
    let mut mute = gpu(1);
    mute["event_types"] = json!(0);
    let stage = healthy(3);
    stage.play(&driver(&[gpu(0), mute, gpu(2)]));
    let events = registered(Some(&stage.library())).expect("the driver answers");
    assert_eq!(events.devices, [0, 2]);
    assert_eq!(events.refused.len(), 1);
}
