//! Appends to one member, several on their way at once, answered in order.
//!
//! With one at a time, an entry that just missed a batch waits a whole round trip for the next one; over 80 ms links that doubles the
//! latency of a commit. A follower may see appends out of order after a reconnect; it then reports a conflict, and the leader begins again.
//!
//! The first request is polled before anything is sent, because that poll is where openraft waits out its back-off: a stream that failed
//! earlier than that would be opened again at once, for ever.

use argosy_failpoint::{Failpoint, Planted, fires, planted};
use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::RPCError;
use openraft::network::RPCOption;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, StreamAppendResult};

use super::client::Client;
use crate::types::TypeConfig;

/// Appends on their way to one member of one group.
const DEPTH: usize = 8;

type Answer = Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>;

struct Pipeline<'s, S> {
    client: &'s Client,
    input: S,
    option: RPCOption,
    in_flight: FuturesOrdered<BoxFuture<'static, Answer>>,
    /// The input has ended, or an answer says that nothing after it can succeed.
    drained: bool,
}

pub(super) fn stream_append<S>(client: &Client, input: S, option: RPCOption) -> BoxStream<'_, Answer>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
{
    let pipeline = Pipeline { client, input, option, in_flight: FuturesOrdered::new(), drained: false };
    Box::pin(futures::stream::unfold(Some(pipeline), |pipeline| async move {
        let mut pipeline = pipeline?;
        let answer = pipeline.next_answer().await?;
        let goes_on = matches!(answer, Ok(Ok(_)));
        Some((answer, goes_on.then_some(pipeline)))
    }))
}

impl<S> Pipeline<'_, S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
{
    async fn next_answer(&mut self) -> Option<Answer> {
        loop {
            if self.drained && self.in_flight.is_empty() {
                return None;
            }
            let depth = if fires(Failpoint::PipelineShallow) { 1 } else { DEPTH };
            tokio::select! {
                biased;
                answer = self.in_flight.next(), if !self.in_flight.is_empty() => return answer,
                request = self.input.next(), if !self.drained && self.in_flight.len() < depth => match request {
                    Some(request) => self.send(&request),
                    None => self.drained = true,
                },
            }
        }
    }

    fn send(&mut self, request: &AppendEntriesRequest<TypeConfig>) {
        if let Some(answer) = self.client.foreseen(request) {
            self.in_flight.push_back(Box::pin(std::future::ready(Ok(answer))));
            return;
        }
        let prev = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
        let answer = self.client.append(request, &self.option);
        self.in_flight.push_back(Box::pin(async move {
            let response: AppendEntriesResponse<TypeConfig> = match answer.await {
                Err(_) if planted(Planted::SilenceCounted) => AppendEntriesResponse::Success,
                answered => answered?,
            };
            Ok(response.into_stream_result(prev, last))
        }));
    }
}
