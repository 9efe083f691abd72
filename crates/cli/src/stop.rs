//! The signals that ask a process to end.

use tokio::signal::unix::{SignalKind, signal as listen};

/// Completes on Ctrl-C or SIGTERM.
pub(crate) async fn signal() {
    let mut terminate = listen(SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
