//! A switch that runs: one thread reads each port, one sends what is due.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::core::{Core, Counts};

/// Longest frame that is read.
const LONGEST: usize = 65_536;

/// What a port is connected to. Both directions are used at once, each by one thread.
pub trait Wire: Send + Sync + 'static {
    /// Waits for a frame, and says how long it is. Nothing, or an error, is the end of the wire.
    ///
    /// # Errors
    /// When the wire is gone.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Sends a frame.
    ///
    /// # Errors
    /// When nobody takes it now, as an interface that is down; the frame is lost.
    fn send(&self, frame: &[u8]) -> io::Result<()>;
}

/// A file whose reads and writes are frames, as a TAP interface is.
impl Wire for File {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self;
        file.read(buffer)
    }

    fn send(&self, frame: &[u8]) -> io::Result<()> {
        let mut file = self;
        file.write(frame).map(drop)
    }
}

struct Shared {
    core: Mutex<Core>,
    news: Condvar,
    began: Instant,
    stopped: Mutex<bool>,
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A switch at work. Dropping it stops the sending; each reader ends with its wire.
pub struct Running {
    shared: Arc<Shared>,
    sender: Option<JoinHandle<()>>,
}

impl Running {
    /// What became of frames so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.core().counts()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        // Taken for a moment, so that the sender is either waiting or about to look.
        drop(self.shared.core());
        self.shared.news.notify_all();
        if let Some(sender) = self.sender.take() {
            // A sender that panicked has said so itself.
            let _panicked = sender.join();
        }
    }
}

/// Runs a switch whose n-th port is the n-th wire.
///
/// # Errors
/// When the system has no thread to spare.
pub fn run<W: Wire>(core: Core, wires: Vec<W>) -> io::Result<Running> {
    let shared = Arc::new(Shared {
        core: Mutex::new(core),
        news: Condvar::new(),
        began: Instant::now(),
        stopped: Mutex::new(false),
    });
    let wires: Arc<[W]> = wires.into();
    for port in 0..wires.len() {
        let (shared, wires) = (Arc::clone(&shared), Arc::clone(&wires));
        thread::Builder::new().name(format!("switch-in-{port}")).spawn(move || read(&shared, port, &wires[port]))?;
    }
    let sender = {
        let shared = Arc::clone(&shared);
        thread::Builder::new().name("switch-out".to_owned()).spawn(move || send(&shared, &wires))?
    };
    Ok(Running { shared, sender: Some(sender) })
}

fn read(shared: &Shared, port: usize, wire: &impl Wire) {
    let mut buffer = vec![0; LONGEST];
    while let Ok(length @ 1..) = wire.receive(&mut buffer) {
        if shared.is_stopped() {
            return;
        }
        let now = shared.began.elapsed();
        shared.core().receive(now, port, &buffer[..length]);
        shared.news.notify_one();
    }
}

fn send<W: Wire>(shared: &Shared, wires: &[W]) {
    let mut core = shared.core();
    while !shared.is_stopped() {
        let now = shared.began.elapsed();
        if let Some((to, frame)) = core.take_due(now) {
            drop(core);
            // An interface that is down loses its frames, as it would on a cable.
            let _lost = wires[to].send(&frame);
            core = shared.core();
            continue;
        }
        let waited = match core.next_due() {
            Some(due) => shared.news.wait_timeout(core, due.saturating_sub(now)).map(|(core, _)| core).ok(),
            None => shared.news.wait(core).ok(),
        };
        // Only a thread that panicked with the core in its hands leaves it poisoned; what it was doing to one frame hurts no other.
        core = waited.unwrap_or_else(|| shared.core());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    use super::*;
    use crate::links::Links;

    /// A port in memory: what the host sends, what it hears.
    struct Cable {
        sent: Mutex<Receiver<Vec<u8>>>,
        heard: Mutex<SyncSender<Vec<u8>>>,
    }

    impl Wire for Cable {
        fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
            let sent = self.sent.lock().expect("one reader");
            let Ok(frame) = sent.recv() else { return Ok(0) };
            buffer[..frame.len()].copy_from_slice(&frame);
            Ok(frame.len())
        }

        fn send(&self, frame: &[u8]) -> io::Result<()> {
            self.heard.lock().expect("one sender").send(frame.to_vec()).map_err(io::Error::other)
        }
    }

    struct Host {
        out: SyncSender<Vec<u8>>,
        heard: Receiver<Vec<u8>>,
    }

    fn host() -> (Cable, Host) {
        let ((out, sent), (heard_in, heard)) = (sync_channel(8), sync_channel(8));
        (Cable { sent: Mutex::new(sent), heard: Mutex::new(heard_in) }, Host { out, heard })
    }

    fn frame(from: u8, to: u8) -> Vec<u8> {
        vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0, from]
    }

    #[test]
    fn frames_cross_a_running_switch_no_sooner_than_their_link_lets_them() {
        let links = Links::new(2);
        links.change(0, 1, |link| link.delay = Duration::from_millis(30));
        let ((left, here), (right, there)) = (host(), host());
        let running = run(Core::new(links, 1), vec![left, right]).expect("threads");
        let began = Instant::now();
        here.out.send(frame(0, 1)).expect("the switch reads");
        assert_eq!(there.heard.recv().expect("it arrives"), frame(0, 1));
        assert!(began.elapsed() >= Duration::from_millis(30));
        there.out.send(frame(1, 0)).expect("the switch reads");
        assert_eq!(here.heard.recv().expect("it arrives"), frame(1, 0));
        assert_eq!(running.counts().delivered, 2);
    }

    #[test]
    fn a_switch_that_is_dropped_lets_go_of_its_ports() {
        let ((left, here), (right, there)) = (host(), host());
        let running = run(Core::new(Links::new(2), 1), vec![left, right]).expect("threads");
        drop(running);
        drop((here.out, there.out));
        assert!(here.heard.recv().is_err() && there.heard.recv().is_err());
    }
}
