//! Pulls pools' metrics from Prometheus: one task for each pool that says what is to be asked, while this node leads.
//!
//! An answer that is none changes nothing: the policy goes by what is known until that is too old, and then holds. Why is shown with the pool.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use argosy_pool::{Percent, Prometheus, prometheus};
use argosy_web::{Bounds, Client, Plain};
use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::commit::Committer;
use super::pools::{Autoscaler, Told};
use crate::metrics::names;

/// Least time between two looks at all pools: every commit may have changed one, and few have.
const GAP: Duration = Duration::from_secs(1);
/// Longest answer: one number needs little.
const ANSWER: usize = 64 * 1_024;
/// A status whose body says what is wrong with the query.
const EXPLAINED: [StatusCode; 3] = [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];

/// Runs until the leadership ends, which drops it.
pub(super) async fn run(committer: Arc<Committer>, autoscaler: Arc<Autoscaler>) {
    let mut views = committer.replica().watch();
    let mut pullers = JoinSet::new();
    // By pool: the specification that its puller goes by.
    let mut running: BTreeMap<String, (u64, AbortHandle)> = BTreeMap::new();
    loop {
        let view = views.borrow_and_update().clone();
        let wanted: BTreeMap<&str, (u64, &Prometheus)> = view
            .state
            .pools()
            .filter_map(|(name, pool)| {
                Some((name, (pool.specified_at, pool.specification.metrics.prometheus.as_ref()?)))
            })
            .collect();
        running.retain(|name, (by, puller)| {
            let stays = wanted.get(name.as_str()).is_some_and(|(specified_at, _)| specified_at == by);
            if !stays {
                puller.abort();
            }
            stays
        });
        for (name, (specified_at, of)) in wanted {
            if !running.contains_key(name) {
                let puller = Puller { pool: name.to_owned(), of: of.clone(), autoscaler: Arc::clone(&autoscaler) };
                let shard = committer.shard().to_owned();
                running.insert(name.to_owned(), (specified_at, pullers.spawn(puller.run(shard))));
            }
        }
        tokio::select! {
            // The replica outlives its leadership.
            _ = views.changed() => {}
            Some(_) = pullers.join_next(), if !pullers.is_empty() => {}
        }
        sleep(GAP).await;
    }
}

struct Puller {
    pool: String,
    of: Prometheus,
    autoscaler: Arc<Autoscaler>,
}

impl Puller {
    async fn run(self, shard: String) {
        let plain = if self.of.allow_plain_http { Plain::Anywhere } else { Plain::Loopback };
        let client = match Client::new(plain) {
            Ok(client) => client,
            Err(error) => return self.autoscaler.failed(&self.pool, format!("Prometheus: {error}")),
        };
        let mut ticks = interval(Duration::from_millis(self.of.every.0.0));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let outcome = match self.look(&client).await {
                Ok(told) => {
                    self.autoscaler.tell(&self.pool, told);
                    "told"
                }
                Err(why) => {
                    tracing::info!(shard, pool = self.pool, why, "ARG-1208: Prometheus does not say how a pool is");
                    self.autoscaler.failed(&self.pool, format!("Prometheus: {why}"));
                    "failed"
                }
            };
            let labels = [("shard", shard.clone()), ("pool", self.pool.clone()), ("outcome", outcome.to_owned())];
            metrics::counter!(names::POOL_PULLS, &labels).increment(1);
        }
    }

    /// Everything that is to be asked. One question without an answer spoils the look: half a picture is none.
    async fn look(&self, client: &Client) -> Result<Told, String> {
        let mut told = Told::default();
        if let Some(query) = &self.of.utilisation {
            let percent = self.ask(client, query).await?;
            let read = Percent::read(percent);
            told.utilisation = Some(read.ok_or_else(|| format!("{percent} is not a percentage from 0 to 100"))?);
        }
        if let Some(query) = &self.of.queue_depth {
            told.jobs = Some(jobs(self.ask(client, query).await?)?);
        }
        Ok(told)
    }

    async fn ask(&self, client: &Client, query: &str) -> Result<f64, String> {
        let request = Request::get(self.of.question(query)).body(Bytes::new()).map_err(|error| error.to_string())?;
        let bounds = Bounds { time: Duration::from_millis(self.of.timeout.0.0), answer: ANSWER };
        let answer = client.send(request, bounds).await.map_err(|error| error.to_string())?;
        match answer.status() {
            status if EXPLAINED.contains(&status) => {
                prometheus::number(answer.body()).map_err(|error| error.to_string())
            }
            status => Err(format!("HTTP {}", status.as_u16())),
        }
    }
}

/// A queue's depth is a whole number; what lies between two is the larger one.
fn jobs(number: f64) -> Result<u64, String> {
    let most = f64::from(u32::MAX);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 2^32")]
    (0.0..=most).contains(&number).then(|| number.ceil() as u64).ok_or_else(|| format!("{number} is no number of jobs"))
}
