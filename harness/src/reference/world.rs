//! Everything that exists in the account: instances, images, Spot requests.
//!
//! Time is let pass for an instance whenever it is looked at, so a request costs what it touches and not what exists.
//! Memory is bounded: by a cap on live instances, and by forgetting the longest-terminated before their hour is up.

use std::collections::{BTreeMap, VecDeque};

use super::config::{Config, Delays};
use super::ids::ResourceIds;
use super::image::{self, Image};
use super::instance::{Instance, State};
use super::spot::SpotRequest;

/// How many instances may live at a time.
pub(super) const LIVE_CAP: usize = 1_000;

/// How many terminated instances are remembered.
const REMEMBERED_CAP: usize = 4_096;

/// The contents of the account.
pub(super) struct World {
    pub(super) ids: ResourceIds,
    pub(super) images: Vec<Image>,
    pub(super) spot_requests: BTreeMap<String, SpotRequest>,
    /// Client tokens of launches: what was asked under each, and the reservation it gave.
    pub(super) tokens: BTreeMap<String, Launched>,
    /// Mutating calls so far, for the throttle.
    pub(super) mutating_calls: u64,
    delays: Delays,
    /// In the order of launch, so that a page has a place to go on from.
    instances: BTreeMap<u64, Instance>,
    numbers: BTreeMap<String, u64>,
    terminated: VecDeque<u64>,
    next_number: u64,
}

/// What a client token stands for.
pub(super) struct Launched {
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
            delays: config.delays,
            instances: BTreeMap::new(),
            numbers: BTreeMap::new(),
            terminated: VecDeque::new(),
            next_number: 1,
        }
    }

    /// How many instances are neither terminated nor on the way there.
    pub(super) fn live(&self) -> usize {
        self.instances.len().saturating_sub(self.terminated.len())
    }

    /// The number of the instance with this id, its state brought up to now.
    pub(super) fn find(&mut self, id: &str, now_ms: u64) -> Option<u64> {
        let number = *self.numbers.get(id)?;
        let instance = self.instances.get_mut(&number)?;
        instance.settle(now_ms, &self.delays);
        (!instance.is_purged(now_ms, &self.delays)).then_some(number)
    }

    /// The instance of a number that was just found.
    pub(super) fn get(&self, number: u64) -> Option<&Instance> {
        self.instances.get(&number)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Instance> {
        self.instances.get_mut(&number)
    }

    /// Every instance that is known now, in the order of launch.
    pub(super) fn all(&mut self, now_ms: u64) -> Vec<u64> {
        for instance in self.instances.values_mut() {
            instance.settle(now_ms, &self.delays);
        }
        self.instances
            .iter()
            .filter(|(_, instance)| !instance.is_purged(now_ms, &self.delays))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Everything that is known now, in words.
    pub(super) fn told(&mut self, now_ms: u64) -> String {
        let known = self.all(now_ms);
        let instances: Vec<&Instance> = known.iter().filter_map(|number| self.get(*number)).collect();
        format!("{instances:?}\n{:?}\n{:?}", self.images, self.spot_requests)
    }

    /// Takes a new instance in.
    pub(super) fn add(&mut self, instance: Instance) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.numbers.insert(instance.id.clone(), number);
        self.instances.insert(number, instance);
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

    /// Ends an instance and remembers in which order they ended.
    pub(super) fn terminate(&mut self, number: u64, now_ms: u64) {
        let Some(instance) = self.instances.get_mut(&number) else {
            return;
        };
        if !matches!(instance.state(), State::ShuttingDown | State::Terminated) {
            instance.terminate(now_ms);
            self.terminated.push_back(number);
        }
    }

    /// Forgets what has been terminated for long enough, and the oldest of what is too much.
    pub(super) fn forget(&mut self, now_ms: u64) {
        while let Some(number) = self.terminated.front().copied() {
            let too_many = self.terminated.len() > REMEMBERED_CAP;
            let purged = self.instances.get_mut(&number).is_none_or(|instance| {
                instance.settle(now_ms, &self.delays);
                instance.is_purged(now_ms, &self.delays)
            });
            if !(too_many || purged) {
                return;
            }
            self.terminated.pop_front();
            let Some(instance) = self.instances.remove(&number) else {
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
    pub(super) fn add_spot_request(&mut self, request: SpotRequest) -> String {
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
        let count = self.next_number.wrapping_add(self.mutating_calls);
        format!("203.0.113.{}", count % 254 + 1)
    }
}
