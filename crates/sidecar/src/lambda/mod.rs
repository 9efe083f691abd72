//! `argosy provider lambda`: Lambda Cloud as the backend, through its public HTTP API.
//!
//! A launch has no idempotency key, so the name of an instance is one: it is the transition's own. Whatever became of a launch
//! is learnt by looking for that name; until nothing has shown it for a while, nothing is launched again. Lists are of instances that
//! run: one that was there and is in none has ended, and its Create has failed. A termination may be repeated.
//!
//! The API cannot hand anything to an instance that runs: user data goes with the launch.

mod api;
mod config;
mod shapes;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use argosy_model::vocabulary::REGION_KEY;
use argosy_provider::contract::{Kind, Payment};
use argosy_web::{Client, Plain};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

pub use self::api::ApiKey;
use self::api::{Api, ApiError};
use self::config::Slot;
pub use self::config::{LambdaConfig, LambdaOffer, Pace};
use self::shapes::{Instance, Launch, Offered, Status};
use crate::backend::{Backend, Host, Offer, Outcome, Row, Task};
use crate::error::SidecarError;
use crate::template::Template;

/// Why a Create fails whose instance came, and went.
const ENDED_EARLY: &str = "the instance ended before it was ready";
/// The code of a call that names what does not exist.
const NOT_THERE: &str = "global/object-does-not-exist";

/// One account, as far as it is ours.
pub struct LambdaCloud {
    config: LambdaConfig,
    template: Template,
    api: Api,
    /// Since when a launch has been looked for in vain, by name.
    missing: Mutex<BTreeMap<String, Instant>>,
    /// The newest list, and when it was asked for: whoever asked before that may share it.
    newest: tokio::sync::Mutex<Option<(Instant, Vec<Instance>)>>,
}

impl LambdaCloud {
    /// Looks whether the account can be used.
    ///
    /// # Errors
    /// When it does not answer, or does not have the SSH key.
    pub async fn connect(config: &LambdaConfig, key: ApiKey) -> Result<Self, SidecarError> {
        let unreachable = |what: String| SidecarError::Inventory(format!("{}: {what}", config.api));
        let web = Client::new(Plain::Loopback).map_err(|error| unreachable(error.to_string()))?;
        let api = Api::new(web, config, key);
        let keys = api.ssh_keys().await.map_err(|error| unreachable(error.to_string()))?;
        if !keys.contains(&config.ssh_key) {
            return Err(unreachable(format!("the account has no SSH key {:?}", config.ssh_key)));
        }
        let template = config.template().map_err(unreachable)?;
        Ok(Self {
            config: config.clone(),
            template,
            api,
            missing: Mutex::default(),
            newest: tokio::sync::Mutex::new(None),
        })
    }

    /// The account's instances, as of now or later.
    async fn instances(&self) -> Result<Vec<Instance>, ApiError> {
        let asked = Instant::now();
        let mut newest = self.newest.lock().await;
        if let Some((at, instances)) = &*newest
            && *at >= asked
        {
            return Ok(instances.clone());
        }
        let at = Instant::now();
        let instances = self.api.instances().await?;
        *newest = Some((at, instances.clone()));
        Ok(instances)
    }

    async fn launch(&self, task: &Task) -> Outcome {
        let names = [
            ("provider", self.config.sidecar.provider.as_str()),
            ("machine", &task.machine),
            ("instance_type", &task.offer.instance_type),
            ("region", &task.offer.zone),
            ("key", &task.key),
        ];
        let user_data = self.template.fill(&names, &self.config.values);
        let launch = Launch {
            region_name: &task.offer.zone,
            instance_type_name: &task.offer.instance_type,
            ssh_key_names: [&self.config.ssh_key],
            name: name_of(task),
            user_data: &user_data,
        };
        match self.api.launch(&launch).await {
            Ok(ids) => Outcome::Shown(format!("launched: {}", ids.join(", "))),
            Err(ApiError::Refused(reason)) => Outcome::Failed(ApiError::Refused(reason).to_string()),
            Err(ApiError::Later { text, wait }) => {
                Outcome::NotBegun { reason: text, wait: wait.or(Some(self.config.pace.launches.0)) }
            }
            Err(ApiError::Unknown(text)) => Outcome::Doubt(text),
        }
    }

    /// What has become of a launch: the name says.
    async fn launched(&self, task: &Task) -> Outcome {
        let instances = match self.instances().await {
            Ok(instances) => instances,
            Err(error) => return Outcome::Doubt(error.to_string()),
        };
        let name = name_of(task);
        let mut ours: Vec<&Instance> = instances.iter().filter(|one| one.name.as_deref() == Some(name)).collect();
        ours.sort_by_key(|one| (one.status.is_over(), one.id.as_str()));
        let Some(instance) = ours.first() else { return self.not_seen(task) };
        self.seen(name);
        if ours.iter().filter(|one| !one.status.is_over()).count() > 1 {
            tracing::error!(name, kept = instance.id, "more than one instance has this name; look at the others");
        }
        match (instance.status, &instance.ip) {
            (Status::Active, Some(_)) => Outcome::Done(Some(host(instance))),
            (Status::Terminated | Status::Preempted, _) => Outcome::Failed(ENDED_EARLY.to_owned()),
            // One that came up broken is of no use, and costs.
            (Status::Unhealthy, _) => match self.api.terminate(&instance.id).await {
                Ok(()) => Outcome::Shown("it came up unhealthy, and is given back".to_owned()),
                Err(error) => Outcome::Shown(format!("it came up unhealthy; giving it back: {error}")),
            },
            (status, _) => Outcome::Shown(format!("{status:?}")),
        }
    }

    /// No list shows the name. A launch may show late, so that counts only when it has been so for a while. An instance that ends leaves
    /// the lists, so of one that was there once it means that it has ended, and of no other that it never was.
    fn not_seen(&self, task: &Task) -> Outcome {
        let name = name_of(task);
        let mut missing = self.missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let since = *missing.entry(name.to_owned()).or_insert_with(Instant::now);
        if since.elapsed() < self.config.lost_after.0 {
            return Outcome::Pending("no list shows it".to_owned());
        }
        missing.remove(name);
        if task.shown {
            return Outcome::Failed(ENDED_EARLY.to_owned());
        }
        let reason = format!("no list has shown it for {:?}", self.config.lost_after.0);
        Outcome::NotBegun { reason, wait: Some(Duration::ZERO) }
    }

    fn seen(&self, name: &str) {
        self.missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(name);
    }

    async fn terminate(&self, task: &Task) -> Outcome {
        let Some(host) = &task.host else { return Outcome::Done(None) };
        match self.api.terminate(&host.reference).await {
            Ok(()) => Outcome::Pending("terminating".to_owned()),
            Err(ApiError::Refused(reason)) if reason.code == NOT_THERE => Outcome::Done(None),
            Err(ApiError::Refused(reason)) => Outcome::Failed(ApiError::Refused(reason).to_string()),
            Err(ApiError::Later { text, wait }) => Outcome::NotBegun { reason: text, wait },
            Err(ApiError::Unknown(text)) => Outcome::Doubt(text),
        }
    }

    async fn terminated(&self, task: &Task) -> Outcome {
        let Some(host) = &task.host else { return Outcome::Done(None) };
        let instances = match self.instances().await {
            Ok(instances) => instances,
            Err(error) => return Outcome::Doubt(error.to_string()),
        };
        match instances.iter().find(|one| one.id == host.reference).map(|one| one.status) {
            None => Outcome::Done(None),
            Some(status) if status.is_over() => Outcome::Done(None),
            Some(Status::Terminating) => Outcome::Pending("terminating".to_owned()),
            // Nothing is lost by saying it again.
            Some(status) => Outcome::NotBegun { reason: format!("it is {status:?}"), wait: None },
        }
    }

    async fn inventory(&self) -> Result<Vec<Row>, ApiError> {
        let types = self.api.types().await?;
        let instances = self.instances().await?;
        let mut hosts: BTreeMap<&str, &Instance> = BTreeMap::new();
        for instance in instances.iter().filter(|one| !one.status.is_over()) {
            let Some(machine) = instance.name.as_deref().and_then(machine_of) else { continue };
            if let Some(other) = hosts.insert(machine, instance) {
                tracing::error!(machine, one = other.id, other = instance.id, "two instances are of one slot");
            }
        }
        self.config
            .slots()
            .map(|(id, slot)| {
                let offered = types.get(&slot.offer.instance_type).ok_or_else(|| {
                    ApiError::Unknown(format!("there is no instance type {:?}", slot.offer.instance_type))
                })?;
                Ok(self.row(hosts.get(id.as_str()).copied(), id, slot, offered))
            })
            .collect()
    }

    fn row(&self, instance: Option<&Instance>, id: String, slot: Slot<'_>, offered: &Offered) -> Row {
        let regions = &offered.regions_with_capacity_available;
        let dry = self.config.believe_capacity && !regions.iter().any(|region| region.name == slot.region);
        let failed = match instance {
            Some(instance) => (instance.status == Status::Unhealthy).then(|| "the instance is unhealthy".to_owned()),
            None => dry.then(|| format!("no capacity in {}", slot.region)),
        };
        let mut labels = slot.offer.labels.clone();
        labels.insert(REGION_KEY.to_owned(), slot.region.to_owned());
        let offer = Offer {
            instance_type: slot.offer.instance_type.clone(),
            zone: slot.region.to_owned(),
            capacity_type: Payment::OnDemand,
            price_per_hour: f64::from(offered.instance_type.price_cents_per_hour) / 100.0,
            interruption_probability: 0.0,
            resources: offered.instance_type.specs.resources(),
            labels,
        };
        Row { id, host: instance.map(host), failed, offer }
    }
}

/// The name under which a transition's instance is launched: the transition's own, but for the verb.
fn name_of(task: &Task) -> &str {
    task.key.strip_prefix("create-").unwrap_or(&task.key)
}

/// Whose instance that is: the name without round and book.
fn machine_of(name: &str) -> Option<&str> {
    name.rsplitn(3, '-').nth(2)
}

fn host(instance: &Instance) -> Host {
    Host { reference: instance.id.clone(), address: instance.ip.clone(), host_keys: Vec::new() }
}

impl Backend for LambdaCloud {
    fn gives_back(&self) -> bool {
        true
    }

    fn begin(&self, task: Task) -> BoxFuture<'_, Outcome> {
        async move {
            match task.kind {
                Kind::Create => self.launch(&task).await,
                Kind::Delete => self.terminate(&task).await,
                Kind::Configure if !task.user_data.is_empty() => {
                    Outcome::Failed("an instance that runs takes no user data; it goes with the launch".to_owned())
                }
                Kind::Configure | Kind::Drain => Outcome::Done(None),
            }
        }
        .boxed()
    }

    fn resolve(&self, task: Task) -> BoxFuture<'_, Outcome> {
        async move {
            match task.kind {
                Kind::Create => self.launched(&task).await,
                Kind::Delete => self.terminated(&task).await,
                // They do nothing, so they can be done again.
                Kind::Configure | Kind::Drain => {
                    Outcome::NotBegun { reason: "it has no effect".to_owned(), wait: Some(Duration::ZERO) }
                }
            }
        }
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Row>, String>> {
        self.inventory().map(|rows| rows.map_err(|error| error.to_string())).boxed()
    }
}
