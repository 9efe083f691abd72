//! The desk: one lock over the book and its store. What anybody is told is on disk.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::error::SidecarError;
use crate::store::Store;

#[derive(Debug)]
pub(crate) struct Desk {
    inner: Mutex<(Book, Store)>,
    broken: CancellationToken,
}

impl Desk {
    pub(crate) fn new(book: Book, store: Store) -> Self {
        Self { inner: Mutex::new((book, store)), broken: CancellationToken::new() }
    }

    /// Ends when the book can no longer be kept.
    pub(crate) fn broken(&self) -> CancellationToken {
        self.broken.clone()
    }

    /// Works on the book and returns when what changed is on disk. A sync takes milliseconds, so this runs beside the runtime's threads.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Book) -> T + Send + 'static,
    ) -> Result<T, SidecarError> {
        let desk = Arc::clone(self);
        let joined = tokio::task::spawn_blocking(move || desk.work(work)).await;
        joined.map_err(|error| SidecarError::Store(error.to_string()))?
    }

    fn work<T>(&self, work: impl FnOnce(&mut Book) -> T) -> Result<T, SidecarError> {
        let stopped = || SidecarError::Store("it failed before".to_owned());
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if self.broken.is_cancelled() {
            return Err(stopped());
        }
        // A panic in the middle of a change leaves a book that is not what is on disk.
        let guard = self.broken.clone().drop_guard();
        let (book, store) = &mut *inner;
        let value = work(book);
        let changed = book.take_changed();
        if !changed.is_empty()
            && let Err(error) = store.commit(&changed)
        {
            tracing::error!(%error, "the sidecar stops: what it cannot write down it may not answer");
            return Err(error);
        }
        guard.disarm();
        Ok(value)
    }
}
