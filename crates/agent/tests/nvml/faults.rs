//! Drivers and devices that fail. spec/gpu-fleet.md section 3: broken NVML never yields fake GPUs.

use argosy_agent::gpu::{Expected, Gpus as _, NvmlGpus};
use argosy_proto::argosy::v1::GpuDriverState;
use serde_json::json;

use crate::stage::{Stage, driver, gpu, healthy};

#[test]
fn broken_nvml_never_yields_fake_gpus() {
    let broken = [
        json!({"driver": "!DRIVER_NOT_LOADED"}),
        json!({"init": "!LIB_RM_VERSION_MISMATCH", "gpus": [gpu(0)]}),
        json!({"driver_version": "550", "gpu_count": "!UNKNOWN", "gpus": [gpu(0)]}),
        json!({"gpus": [gpu(0)]}),
    ];
    for script in broken {
        let stage = Stage::new(&script, &["0000:3b:00.0"]);
        let look = stage.gpus(Expected::OnBus).look();
        assert_eq!(look.driver.state(), GpuDriverState::Lost, "{script}");
        assert!(!look.driver.error.is_empty(), "{script}: without a reason");
        assert!(look.devices.is_empty() && look.samples.is_empty(), "{script}: made up {:?}", look.devices);
        assert_eq!(look.lost.len(), 1, "{script}: the GPU on the bus is missed");
    }
}

#[test]
fn a_machine_without_its_library_has_lost_its_gpus_if_its_bus_shows_some() {
    let stage = healthy(1);
    let missing = stage.library().with_file_name("libnot-there.so");
    let mut gpus = NvmlGpus::new(Some(missing), Expected::OnBus, stage.host());
    assert_eq!(gpus.look().driver.state(), GpuDriverState::Lost);
    stage.clear_bus();
    let look = gpus.look();
    assert_eq!((look.driver.state(), look.lost.len()), (GpuDriverState::Absent, 0), "a machine without GPUs is well");
}

#[test]
fn a_driver_that_comes_back_is_asked_again() {
    let stage = healthy(1);
    let mut gpus = stage.gpus(Expected::OnBus);
    assert_eq!(gpus.look().devices.len(), 1);
    stage.play(&json!({"driver": "!DRIVER_NOT_LOADED"}));
    assert_eq!(gpus.look().driver.state(), GpuDriverState::Lost);
    stage.play(&driver(&[gpu(0)]));
    let look = gpus.look();
    assert_eq!((look.driver.state(), look.devices.len()), (GpuDriverState::Working, 1));
}

#[test]
fn a_gpu_that_is_lost_takes_no_other_with_it() {
    let mut lost = gpu(1);
    lost["lost"] = json!(true);
    let stage = healthy(3);
    stage.play(&driver(&[gpu(0), lost, gpu(2)]));
    let look = stage.gpus(Expected::OnBus).look();
    assert_eq!(look.driver.state(), GpuDriverState::Working);
    assert_eq!(look.devices.iter().map(|device| device.index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(look.lost.iter().map(|lost| lost.index).collect::<Vec<_>>(), [Some(1)]);
}

#[test]
fn a_gpu_that_is_lost_in_the_middle_of_a_sample_is_lost() {
    let mut going = gpu(0);
    going["temperature"] = json!("!GPU_IS_LOST");
    let stage = Stage::new(&driver(&[going]), &["0000:3b:00.0"]);
    let look = stage.gpus(Expected::OnBus).look();
    assert!(look.devices.is_empty() && look.samples.is_empty(), "a lost device was sampled");
    assert_eq!(look.lost[0].uuid, "GPU-0");
}

#[test]
fn a_gpu_that_the_bus_shows_and_the_driver_does_not_is_lost() {
    let stage = healthy(2);
    stage.play(&driver(&[gpu(0)]));
    let look = stage.gpus(Expected::OnBus).look();
    assert_eq!(look.lost.iter().map(|lost| lost.pci_bus_id.as_str()).collect::<Vec<_>>(), ["00000000:3c:00.0"]);
}

#[test]
fn a_site_that_expects_more_gpus_is_told_of_those_that_are_missing() {
    let stage = healthy(2);
    assert_eq!(stage.gpus(Expected::Count(8)).look().lost.len(), 6);
    assert_eq!(stage.gpus(Expected::Count(2)).look().lost, []);
    let none = stage.gpus(Expected::Count(0)).look();
    assert_eq!((none.driver.state(), none.devices.len()), (GpuDriverState::Absent, 0));
}
