//! Everything that exists in the account: instances, images, Spot requests.
//!
//! An instance is advanced to the current time when it is accessed, so the cost of a request depends on the instances
//! it accesses, not on those that exist. Memory is bounded by three caps: on live instances, on terminated ones (those
//! terminated longest ago are forgotten before their hour ends), and on the earlier states that a stale description may
//! show.

use std::collections::{BTreeMap, VecDeque};

use super::config::{Config, Delays, Span};
use super::ids::{Dice, ResourceIds};
use super::image::{self, SimulatedImage};
use super::instance::{PowerState, SimulatedInstance};
use super::spot::SimulatedSpotRequest;
use super::throttle::TokenBuckets;

/// The largest number of live instances.
pub(super) const LIVE_CAP: usize = 1_000;

/// The largest number of terminated instances that are remembered.
const REMEMBERED_CAP: usize = 4_096;

/// The largest number of earlier states that are kept of an instance.
const EARLIER_CAP: usize = 64;

/// An instance, and its state before the latest changes.
struct Kept {
    now: SimulatedInstance,
    /// Oldest first; empty unless descriptions are stale.
    earlier: VecDeque<Earlier>,
}

/// The state of an instance before a change.
struct Earlier {
    /// The time until which descriptions show it.
    until_ms: u64,
    /// `None` before the launch.
    instance: Option<SimulatedInstance>,
}

impl Kept {
    fn settle(&mut self, now_ms: u64) {
        self.now.settle(now_ms);
        self.earlier.retain(|earlier| earlier.until_ms > now_ms);
        for instance in self.earlier.iter_mut().filter_map(|it| it.instance.as_mut()) {
            instance.settle(now_ms);
        }
    }

    fn keep(&mut self, instance: Option<SimulatedInstance>, until_ms: u64) {
        if self.earlier.len() == EARLIER_CAP {
            self.earlier.pop_front();
        }
        self.earlier.push_back(Earlier { until_ms, instance });
    }
}

/// The contents of the account.
pub(super) struct World {
    pub(super) ids: ResourceIds,
    pub(super) images: Vec<SimulatedImage>,
    pub(super) spot_requests: BTreeMap<String, SimulatedSpotRequest>,
    /// The client tokens of launches: the parameters of each launch, and the reservation it created.
    pub(super) tokens: BTreeMap<String, TokenRecord>,
    /// The number of mutating calls so far, for the throttle.
    pub(super) mutating_calls: u64,
    /// The number of admitted calls so far, for the variations that refuse some of them.
    pub(super) calls: u64,
    /// The tokens that are left, if calls are throttled by token buckets.
    pub(super) buckets: TokenBuckets,
    pub(super) delays: Delays,
    /// How long descriptions do not show a launch, in milliseconds.
    launch_unseen_ms: u64,
    dice: Dice,
    /// In the order of launch, so that the next page has a place to continue from.
    instances: BTreeMap<u64, Kept>,
    numbers: BTreeMap<String, u64>,
    terminated: VecDeque<u64>,
    next_number: u64,
    public_ips: u64,
}

/// The launch that a client token stands for.
pub(super) struct TokenRecord {
    pub(super) asked: u64,
    pub(super) numbers: Vec<u64>,
}

impl World {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            ids: ResourceIds::new(config.seed),
            images: image::ready_made(&config.account),
            spot_requests: BTreeMap::new(),
            tokens: BTreeMap::new(),
            mutating_calls: 0,
            // Each seed starts at a different count, so that the rare refusals reach every kind of call.
            calls: config.seed % 100,
            buckets: TokenBuckets::default(),
            delays: config.delays(),
            launch_unseen_ms: config.stale_descriptions_ms().unwrap_or_default(),
            dice: Dice::new(config.seed),
            instances: BTreeMap::new(),
            numbers: BTreeMap::new(),
            terminated: VecDeque::new(),
            next_number: 1,
            public_ips: 0,
        }
    }

    /// The number of instances that are neither terminated nor shutting down.
    pub(super) fn live(&self) -> usize {
        self.instances.len().saturating_sub(self.terminated.len())
    }

    /// The number of the instance with this id, after advancing it to the current time.
    pub(super) fn find(&mut self, id: &str, now_ms: u64) -> Option<u64> {
        let number = *self.numbers.get(id)?;
        let kept = self.instances.get_mut(&number)?;
        kept.settle(now_ms);
        (!kept.now.is_purged(now_ms, &self.delays)).then_some(number)
    }

    /// The instance with a number that was just looked up.
    pub(super) fn get(&self, number: u64) -> Option<&SimulatedInstance> {
        Some(&self.instances.get(&number)?.now)
    }

    /// The same instance as descriptions show it, which may be an earlier state.
    pub(super) fn shown(&self, number: u64) -> Option<&SimulatedInstance> {
        let kept = self.instances.get(&number)?;
        match kept.earlier.front() {
            Some(earlier) => earlier.instance.as_ref(),
            None => Some(&kept.now),
        }
    }

    /// The instance, for a change at this time.
    pub(super) fn change(&mut self, number: u64, now_ms: u64) -> Option<&mut SimulatedInstance> {
        let stale_ms = self.draw(self.delays.stale);
        let kept = self.instances.get_mut(&number)?;
        if stale_ms > 0 {
            kept.keep(Some(kept.now.clone()), now_ms.saturating_add(stale_ms));
        }
        Some(&mut kept.now)
    }

    /// A duration of this span, in milliseconds. One that is always the same does not use up randomness.
    pub(super) fn draw(&mut self, span: Span) -> u64 {
        self.dice.draw(span.least_ms, span.most_ms)
    }

    /// Every known instance, in the order of launch.
    pub(super) fn all(&mut self, now_ms: u64) -> Vec<u64> {
        for kept in self.instances.values_mut() {
            kept.settle(now_ms);
        }
        self.instances
            .iter()
            .filter(|(_, kept)| !kept.now.is_purged(now_ms, &self.delays))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Everything that is known now, as text.
    pub(super) fn told(&mut self, now_ms: u64) -> String {
        let known = self.all(now_ms);
        let instances: Vec<&SimulatedInstance> =
            known.iter().filter_map(|number| self.get(*number)).collect();
        format!("{instances:?}\n{:?}\n{:?}", self.images, self.spot_requests)
    }

    /// Adds a new instance.
    pub(super) fn add(&mut self, instance: SimulatedInstance, now_ms: u64) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.numbers.insert(instance.id.clone(), number);
        let mut kept = Kept {
            now: instance,
            earlier: VecDeque::new(),
        };
        if self.launch_unseen_ms > 0 {
            kept.keep(None, now_ms.saturating_add(self.launch_unseen_ms));
        }
        self.instances.insert(number, kept);
        number
    }

    /// A new instance id that is not in use.
    pub(super) fn fresh_instance_id(&mut self) -> String {
        loop {
            let id = self.ids.next("i");
            if !self.numbers.contains_key(&id) {
                return id;
            }
        }
    }

    /// Terminates an instance, now or later, and records the order of terminations.
    pub(super) fn terminate(&mut self, number: u64, at_ms: u64, now_ms: u64) {
        let takes = match self.get(number).map(SimulatedInstance::state) {
            Some(PowerState::Stopped) => self.delays.removing_stopped,
            Some(_) | None => self.delays.shutting_down,
        };
        let takes_ms = self.draw(takes);
        let Some(instance) = self.change(number, now_ms) else {
            return;
        };
        if matches!(
            instance.state(),
            PowerState::ShuttingDown | PowerState::Terminated
        ) {
            return;
        }
        if at_ms > now_ms {
            instance.terminate_later(takes_ms, at_ms);
        } else {
            instance.terminate(takes_ms, now_ms);
        }
        if !self.terminated.contains(&number) {
            self.terminated.push_back(number);
        }
    }

    /// Forgets instances that were terminated long enough ago, and the oldest ones beyond the cap.
    pub(super) fn forget(&mut self, now_ms: u64) {
        while let Some(number) = self.terminated.front().copied() {
            let too_many = self.terminated.len() > REMEMBERED_CAP;
            let purged = self.instances.get_mut(&number).is_none_or(|kept| {
                kept.settle(now_ms);
                kept.now.is_purged(now_ms, &self.delays)
            });
            if !(too_many || purged) {
                return;
            }
            self.terminated.pop_front();
            let Some(Kept { now: instance, .. }) = self.instances.remove(&number) else {
                continue;
            };
            self.numbers.remove(&instance.id);
            self.tokens.remove(&instance.launch.client_token);
            if let Some(request) = instance.spot_request {
                self.spot_requests.remove(&request);
            }
        }
    }

    /// Adds a Spot request and returns its new id.
    pub(super) fn add_spot_request(&mut self, request: SimulatedSpotRequest) -> String {
        loop {
            let id = self.ids.next_short("sir");
            if !self.spot_requests.contains_key(&id) {
                self.spot_requests.insert(id.clone(), request);
                return id;
            }
        }
    }

    /// The private address of the next instance.
    pub(super) fn private_ip(&self) -> String {
        let number = self.next_number;
        format!("172.31.{}.{}", number / 254 % 256, number % 254 + 1)
    }

    /// The next public address, from a block that is reserved for documentation.
    pub(super) fn public_ip(&mut self) -> String {
        self.public_ips += 1;
        format!("203.0.113.{}", self.public_ips % 254 + 1)
    }
}
