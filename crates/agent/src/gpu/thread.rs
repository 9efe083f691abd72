//! A thread for the calls into the driver: a sick driver may not come back from one, and the agent must go on and say so.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Gpus, Look};

/// The driver did not answer in time. The call is still in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ARG-1103: the GPU driver has not answered for {} s; see the kernel's log for XIDs 119 and 120", .0.as_secs())]
pub struct Stuck(pub Duration);

/// A machine's GPUs on a thread of their own.
#[derive(Debug)]
pub struct GpuThread {
    asks: SyncSender<oneshot::Sender<Look>>,
    /// The look that has not come back yet.
    open: Option<oneshot::Receiver<Look>>,
}

impl GpuThread {
    /// Starts the thread. It ends when this is dropped, once the driver lets it.
    #[must_use]
    pub fn start(mut gpus: impl Gpus) -> Self {
        // One question is open at a time.
        let (asks, asked) = sync_channel::<oneshot::Sender<Look>>(1);
        thread::spawn(move || {
            while let Ok(answer) = asked.recv() {
                // Whoever asked may have given up.
                let _ = answer.send(gpus.look());
            }
        });
        Self { asks, open: None }
    }

    /// Looks at the GPUs, for at most `limit`. A look that came late is the answer to the next question.
    ///
    /// # Errors
    /// [`Stuck`] when the driver does not answer in time.
    pub async fn look(&mut self, limit: Duration) -> Result<Look, Stuck> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let (answer, open) = oneshot::channel();
                // The thread outlives us; if it panicked, the closed channel says so below.
                let _ = self.asks.try_send(answer);
                open
            }
        };
        let mut open = open;
        match tokio::time::timeout(limit, &mut open).await {
            Ok(Ok(look)) => Ok(look),
            Ok(Err(_)) => Err(Stuck(limit)),
            Err(_) => {
                self.open = Some(open);
                Err(Stuck(limit))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;

    struct Sick(Receiver<Look>);

    impl Gpus for Sick {
        fn look(&mut self) -> Look {
            self.0.recv().unwrap_or_default()
        }
    }

    fn look(version: &str) -> Look {
        let mut look = Look::default();
        version.clone_into(&mut look.driver.version);
        look
    }

    #[tokio::test]
    async fn a_driver_that_hangs_is_told_and_its_late_answer_is_taken() {
        let (answer, answers) = sync_channel(1);
        let mut gpus = GpuThread::start(Sick(answers));
        let limit = Duration::from_millis(1);
        assert_eq!(gpus.look(limit).await, Err(Stuck(limit)));
        assert_eq!(gpus.look(limit).await, Err(Stuck(limit)), "a second call piled up behind the first");
        answer.send(look("late")).expect("the thread listens");
        let late = gpus.look(Duration::from_secs(60)).await.expect("the driver came back");
        assert_eq!(late.driver.version, "late");
        answer.send(look("next")).expect("the thread listens");
        let next = gpus.look(Duration::from_secs(60)).await.expect("a healthy driver");
        assert_eq!(next.driver.version, "next");
    }
}
