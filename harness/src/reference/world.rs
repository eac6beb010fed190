//! Everything that exists in the account: instances, images, Spot requests.
//!
//! Time is let pass for an instance whenever it is looked at, so a request costs what it touches and not what exists.
//! Memory is bounded: by a cap on live instances, by forgetting the longest-terminated before their hour is up, and by
//! a cap on the earlier states that a stale description may still show.

use std::collections::{BTreeMap, VecDeque};

use super::config::{Config, Delays};
use super::ids::ResourceIds;
use super::image::{self, SimulatedImage};
use super::instance::{PowerState, SimulatedInstance};
use super::spot::SimulatedSpotRequest;

/// How many instances may live at a time.
pub(super) const LIVE_CAP: usize = 1_000;

/// How many terminated instances are remembered.
const REMEMBERED_CAP: usize = 4_096;

/// How many earlier states of an instance are kept.
const EARLIER_CAP: usize = 64;

/// An instance, and what it was before its latest changes.
struct Kept {
    now: SimulatedInstance,
    /// The oldest first; empty unless descriptions are stale.
    earlier: VecDeque<Earlier>,
}

/// What an instance was before a change.
struct Earlier {
    /// Until when descriptions show it.
    until_ms: u64,
    /// Nothing before the launch.
    instance: Option<SimulatedInstance>,
}

impl Kept {
    fn settle(&mut self, now_ms: u64, delays: &Delays) {
        self.now.settle(now_ms, delays);
        self.earlier.retain(|earlier| earlier.until_ms > now_ms);
        for instance in self.earlier.iter_mut().filter_map(|it| it.instance.as_mut()) {
            instance.settle(now_ms, delays);
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
    /// Client tokens of launches: what was asked under each, and the reservation it gave.
    pub(super) tokens: BTreeMap<String, TokenRecord>,
    /// Mutating calls so far, for the throttle.
    pub(super) mutating_calls: u64,
    /// Admitted calls so far, for the variations that refuse some of them.
    pub(super) calls: u64,
    /// For how long descriptions show the world as it was before a change.
    pub(super) stale_ms: u64,
    pub(super) delays: Delays,
    /// In the order of launch, so that a page has a place to go on from.
    instances: BTreeMap<u64, Kept>,
    numbers: BTreeMap<String, u64>,
    terminated: VecDeque<u64>,
    next_number: u64,
    public_ips: u64,
}

/// What a client token stands for.
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
            // Each seed has its turn at another moment, so that refusals of few calls meet every kind of them.
            calls: config.seed % 100,
            stale_ms: config.stale_ms(),
            delays: config.delays(),
            instances: BTreeMap::new(),
            numbers: BTreeMap::new(),
            terminated: VecDeque::new(),
            next_number: 1,
            public_ips: 0,
        }
    }

    /// How many instances are neither terminated nor on the way there.
    pub(super) fn live(&self) -> usize {
        self.instances.len().saturating_sub(self.terminated.len())
    }

    /// The number of the instance with this id, its state brought up to now.
    pub(super) fn find(&mut self, id: &str, now_ms: u64) -> Option<u64> {
        let number = *self.numbers.get(id)?;
        let kept = self.instances.get_mut(&number)?;
        kept.settle(now_ms, &self.delays);
        (!kept.now.is_purged(now_ms, &self.delays)).then_some(number)
    }

    /// The instance of a number that was just found.
    pub(super) fn get(&self, number: u64) -> Option<&SimulatedInstance> {
        Some(&self.instances.get(&number)?.now)
    }

    /// The same as descriptions show it, which may be as it was a while ago.
    pub(super) fn shown(&self, number: u64) -> Option<&SimulatedInstance> {
        let kept = self.instances.get(&number)?;
        match kept.earlier.front() {
            Some(earlier) => earlier.instance.as_ref(),
            None => Some(&kept.now),
        }
    }

    /// The instance, to change it at this moment.
    pub(super) fn change(&mut self, number: u64, now_ms: u64) -> Option<&mut SimulatedInstance> {
        let kept = self.instances.get_mut(&number)?;
        if self.stale_ms > 0 {
            kept.keep(Some(kept.now.clone()), now_ms.saturating_add(self.stale_ms));
        }
        Some(&mut kept.now)
    }

    /// Every instance that is known now, in the order of launch.
    pub(super) fn all(&mut self, now_ms: u64) -> Vec<u64> {
        for kept in self.instances.values_mut() {
            kept.settle(now_ms, &self.delays);
        }
        self.instances
            .iter()
            .filter(|(_, kept)| !kept.now.is_purged(now_ms, &self.delays))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Everything that is known now, in words.
    pub(super) fn told(&mut self, now_ms: u64) -> String {
        let known = self.all(now_ms);
        let instances: Vec<&SimulatedInstance> =
            known.iter().filter_map(|number| self.get(*number)).collect();
        format!("{instances:?}\n{:?}\n{:?}", self.images, self.spot_requests)
    }

    /// Takes a new instance in.
    pub(super) fn add(&mut self, instance: SimulatedInstance, now_ms: u64) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.numbers.insert(instance.id.clone(), number);
        let mut kept = Kept {
            now: instance,
            earlier: VecDeque::new(),
        };
        if self.stale_ms > 0 {
            kept.keep(None, now_ms.saturating_add(self.stale_ms));
        }
        self.instances.insert(number, kept);
        number
    }

    /// An instance id that no instance has.
    pub(super) fn fresh_instance_id(&mut self) -> String {
        loop {
            let id = self.ids.next("i");
            if !self.numbers.contains_key(&id) {
                return id;
            }
        }
    }

    /// Ends an instance, at once or later, and remembers in which order they end.
    pub(super) fn terminate(&mut self, number: u64, at_ms: u64, now_ms: u64) {
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
            instance.terminate_later(at_ms);
        } else {
            instance.terminate(now_ms);
        }
        if !self.terminated.contains(&number) {
            self.terminated.push_back(number);
        }
    }

    /// Forgets what has been terminated for long enough, and the oldest of what is too much.
    pub(super) fn forget(&mut self, now_ms: u64) {
        while let Some(number) = self.terminated.front().copied() {
            let too_many = self.terminated.len() > REMEMBERED_CAP;
            let purged = self.instances.get_mut(&number).is_none_or(|kept| {
                kept.settle(now_ms, &self.delays);
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

    /// Takes a Spot request in, and gives the id it has from now on.
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

    /// The next public address. They come from the block that is set apart for documentation.
    pub(super) fn public_ip(&mut self) -> String {
        self.public_ips += 1;
        format!("203.0.113.{}", self.public_ips % 254 + 1)
    }
}
