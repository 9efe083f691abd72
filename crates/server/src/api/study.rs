//! Studies: explanations and what-ifs, worked out on a snapshot, on a thread of their own, one at a time.
//!
//! A study of a large shard takes as long as deciding from nothing, many times over. It reads pages that it shares with the
//! fold and never stops it; all it can take from the shard is a processor, and of those it takes one.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tonic::Status;

use super::refusal;

/// How many studies may be at work or wait on a node.
const MOST: usize = 8;

/// The studies of a node.
#[derive(Clone)]
pub(super) struct Studies {
    places: Arc<Semaphore>,
    desk: Arc<Semaphore>,
}

impl Default for Studies {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST)), desk: Arc::new(Semaphore::new(1)) }
    }
}

impl Studies {
    /// Works something out when its turn comes. Who stops waiting does not free the desk: the work goes on to its end.
    pub(super) async fn work_out<T: Send + 'static>(
        &self,
        study: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Status> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| refusal::busy())?;
        let desk = Arc::clone(&self.desk).acquire_owned().await.map_err(|closed| refusal::not_explained(&closed))?;
        let study = move || {
            let found = study();
            drop((place, desk));
            found
        };
        // On a single thread, as in simulation, everything waits, which keeps the order of things.
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Ok(study());
        }
        tokio::task::spawn_blocking(study).await.map_err(|fault| refusal::not_explained(&fault))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_study_is_at_work_a_few_wait_and_the_rest_are_turned_away() {
        let studies = Studies::default();
        let (begun, has_begun) = sync_channel::<()>(MOST);
        let (go, gate) = sync_channel::<()>(MOST);
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let ask = || {
            let (studies, begun, gate) = (studies.clone(), begun.clone(), Arc::clone(&gate));
            tokio::spawn(async move {
                let study = move || {
                    begun.send(()).expect("somebody listens");
                    gate.lock().expect("no study panics").recv().expect("somebody opens");
                };
                studies.work_out(study).await
            })
        };
        let waiting: Vec<_> = (0..MOST).map(|_| ask()).collect();
        tokio::task::block_in_place(|| has_begun.recv()).expect("the first begins");
        while studies.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(has_begun.try_recv().is_err(), "a second one is at work beside the first");
        let refused = ask().await.expect("it does not panic").expect_err("there is no place");
        assert!(refused.message().starts_with("ARG-0668"), "{refused}");
        for _ in 0..MOST {
            go.send(()).expect("they wait");
        }
        for study in waiting {
            study.await.expect("it does not panic").expect("its turn comes");
        }
        assert_eq!((studies.places.available_permits(), studies.desk.available_permits()), (MOST, 1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_study_that_panics_is_told_and_frees_the_desk() {
        let studies = Studies::default();
        let broken = studies.work_out(|| panic!("an assertion trips")).await;
        let status = broken.map(|(): ()| ()).expect_err("it broke off");
        assert!(status.message().starts_with("ARG-0667"), "{status}");
        assert_eq!(studies.work_out(|| 7).await.expect("the desk is free"), 7);
    }
}
