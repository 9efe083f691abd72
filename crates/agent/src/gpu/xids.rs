//! XIDs as the driver delivers them to whoever registered: on a thread that waits in NVML for half a second at a time.
//!
//! NVML gives the newest XID for every event, and only critical ones; the kernel's log has them all. So these are the second source:
//! for machines whose log cannot be read, and to confirm what it says (`merge`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::event::EventSet;
use tokio::sync::mpsc;

use super::nvml::load;
use crate::pci::PciAddress;

/// How long one wait in the driver lasts: how late the thread notices that it should end.
const WAIT_MS: u32 = 500;
/// After a failure, before the next try.
const PAUSE: Duration = Duration::from_secs(5);
/// XIDs that nobody has taken yet; more than a machine can produce between two samples.
const LANE: usize = 1_024;

/// An XID that the driver delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvmlXid {
    /// `None` when the driver does not know which.
    pub code: Option<u32>,
    /// Whose; empty when the device could not be asked any more.
    pub uuid: String,
    /// Its address, likewise.
    pub pci: Option<PciAddress>,
}

/// Which devices' events a set delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// Indexes of the devices that are in the set.
    pub devices: Vec<u32>,
    /// Indexes of those that are not, with the reason.
    pub refused: Vec<(u32, String)>,
}

/// Registers every device that delivers XIDs in one set. A device that refuses does not keep out the others.
///
/// # Errors
/// When the driver makes no set, or lists no devices.
fn register(nvml: &Nvml) -> Result<(EventSet<'_>, Registered), NvmlError> {
    let wanted = EventTypes::CRITICAL_XID_ERROR;
    let mut registered = Registered::default();
    for index in 0..nvml.device_count()? {
        // A set that refuses one device is lost whole, so each is tried in a set of its own first.
        let tried = nvml.device_by_index(index).and_then(|device| {
            let supported = device.supported_event_types()?;
            if !supported.contains(wanted) {
                return Err(NvmlError::NotSupported);
            }
            device.register_events(wanted, nvml.create_event_set()?).map(drop).map_err(|refused| refused.error)
        });
        match tried {
            Ok(()) => registered.devices.push(index),
            Err(error) => registered.refused.push((index, error.to_string())),
        }
    }
    let mut set = nvml.create_event_set()?;
    for index in &registered.devices {
        set = nvml.device_by_index(*index)?.register_events(wanted, set).map_err(|refused| refused.error)?;
    }
    Ok((set, registered))
}

/// Which devices would deliver their XIDs now.
///
/// # Errors
/// When the driver cannot be asked.
pub fn registered(library: Option<&Path>) -> Result<Registered, NvmlError> {
    let nvml = load(library)?;
    register(&nvml).map(|(_, registered)| registered)
}

/// The running thread; it ends when this is dropped.
#[derive(Debug)]
pub struct XidThread {
    ended: Arc<AtomicBool>,
    xids: mpsc::Receiver<NvmlXid>,
}

impl XidThread {
    /// Starts waiting for XIDs.
    #[must_use]
    pub fn start(library: Option<PathBuf>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (sender, xids) = mpsc::channel(LANE);
        let stop = Arc::clone(&ended);
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if let Err(error) = deliver(library.as_deref(), &sender, &stop) {
                    tracing::debug!(%error, "no XIDs from the driver for now");
                }
                pause(&stop);
            }
        });
        Self { ended, xids }
    }

    /// The next XID. Cancelling loses none.
    pub async fn next(&mut self) -> NvmlXid {
        match self.xids.recv().await {
            Some(xid) => xid,
            // The thread ends only with us.
            None => std::future::pending().await,
        }
    }
}

impl Drop for XidThread {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn pause(stop: &AtomicBool) {
    let step = Duration::from_millis(u64::from(WAIT_MS));
    for _ in 0..(PAUSE.as_millis() / step.as_millis()) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(step);
    }
}

/// Delivers until the driver fails or the end has come.
fn deliver(library: Option<&Path>, to: &mpsc::Sender<NvmlXid>, stop: &AtomicBool) -> Result<(), NvmlError> {
    let nvml = load(library)?;
    let (set, registered) = register(&nvml)?;
    for (index, reason) in &registered.refused {
        tracing::info!(gpu = index, reason, "this GPU delivers no XIDs; the kernel's log is the only source");
    }
    if registered.devices.is_empty() {
        return Err(NvmlError::NotSupported);
    }
    while !stop.load(Ordering::Relaxed) {
        match set.wait(WAIT_MS) {
            Err(NvmlError::Timeout) => {}
            Err(error) => return Err(error),
            Ok(event) => {
                let Some(xid) = event.event_data else { continue };
                let code = match xid {
                    XidError::Value(value) => u32::try_from(value).ok(),
                    XidError::Unknown => None,
                };
                let uuid = event.device.uuid().unwrap_or_default();
                let pci = event.device.pci_info().ok().and_then(|pci| PciAddress::parse(&pci.bus_id));
                // A full lane means that the agent is stuck elsewhere; the kernel's log keeps what is dropped here.
                let _ = to.try_send(NvmlXid { code, uuid, pci });
            }
        }
    }
    Ok(())
}
