//! What the shard has asked operators and not heard yet: bootstrap blobs and reclaims.
//!
//! A question outlives the session over which it was asked: it is put again over the next one, until it is answered or
//! whoever asked gives up. Only the cluster that was asked can answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argosy_proto::bigfleet::v1alpha1::ShardMessage;
use tokio::sync::oneshot;

/// Open questions with answers of one kind, by the id that the answer echoes.
#[derive(Debug)]
pub(super) struct Questions<A> {
    table: Arc<Mutex<Table<A>>>,
}

#[derive(Debug)]
struct Table<A> {
    open: BTreeMap<String, Question<A>>,
    asked: u64,
}

#[derive(Debug)]
struct Question<A> {
    serial: u64,
    cluster: String,
    message: ShardMessage,
    answer: oneshot::Sender<A>,
}

/// A question that waits for its answer; dropping it takes the question back.
#[derive(Debug)]
pub(super) struct Asked<A> {
    id: String,
    serial: u64,
    table: Arc<Mutex<Table<A>>>,
    answer: oneshot::Receiver<A>,
}

impl<A> Default for Questions<A> {
    fn default() -> Self {
        Self { table: Arc::new(Mutex::new(Table { open: BTreeMap::new(), asked: 0 })) }
    }
}

impl<A> Questions<A> {
    /// Notes a question; it takes the place of one that is open under the same id.
    pub(super) fn ask(&self, id: String, cluster: &str, message: ShardMessage) -> Asked<A> {
        let (sender, answer) = oneshot::channel();
        let mut table = lock(&self.table);
        table.asked += 1;
        let serial = table.asked;
        table.open.insert(id.clone(), Question { serial, cluster: cluster.to_owned(), message, answer: sender });
        drop(table);
        Asked { id, serial, table: Arc::clone(&self.table), answer }
    }

    /// Passes an answer on. Says whether anybody waits for it from this cluster.
    pub(super) fn answer(&self, cluster: &str, id: &str, answer: A) -> bool {
        let mut table = lock(&self.table);
        if table.open.get(id).is_none_or(|question| question.cluster != cluster) {
            return false;
        }
        table.open.remove(id).is_some_and(|question| question.answer.send(answer).is_ok())
    }

    /// What is open with a cluster, to be put again.
    pub(super) fn open_with(&self, cluster: &str) -> Vec<ShardMessage> {
        let table = lock(&self.table);
        let of_cluster = table.open.values().filter(|question| question.cluster == cluster);
        of_cluster.map(|question| question.message.clone()).collect()
    }
}

impl<A> Asked<A> {
    /// The answer. `None` when another question took this one's place.
    pub(super) async fn answered(&mut self) -> Option<A> {
        (&mut self.answer).await.ok()
    }
}

impl<A> Drop for Asked<A> {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        if table.open.get(&self.id).is_some_and(|question| question.serial == self.serial) {
            table.open.remove(&self.id);
        }
    }
}

fn lock<A>(table: &Mutex<Table<A>>) -> MutexGuard<'_, Table<A>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_cluster_that_was_asked_can_answer_and_only_once() {
        let questions = Questions::default();
        let mut asked = questions.ask("op-1".to_owned(), "eu", ShardMessage::default());
        assert!(!questions.answer("us", "op-1", 1));
        assert!(questions.answer("eu", "op-1", 2));
        assert!(!questions.answer("eu", "op-1", 3));
        assert_eq!(asked.answered().await, Some(2));
    }

    #[tokio::test]
    async fn a_question_is_open_until_whoever_asked_gives_up() {
        let questions = Questions::<u8>::default();
        let first = questions.ask("op-1".to_owned(), "eu", ShardMessage::default());
        let second = questions.ask("op-1".to_owned(), "eu", ShardMessage::default());
        drop(first);
        assert_eq!(questions.open_with("eu").len(), 1);
        drop(second);
        assert!(questions.open_with("eu").is_empty());
    }
}
