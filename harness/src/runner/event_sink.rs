//! Where the events of a case go: to the receiver at once, into a buffer, or nowhere.
//!
//! A case that is played during a search emits nothing until its outcome is known. Where nothing is recorded, events
//! are not even built, which is what makes searching fast.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::journal::{Bytes, Event};

/// How many bytes of the answers of one case are buffered until its events are emitted.
const MOST_KEPT: usize = 8 * 1024 * 1024;
/// The least buffer, in bytes, for one of many instances that are arranged at the same time: hundreds of descriptions.
const LEAST_SHARE: usize = 1024 * 1024;

/// How many bytes of an answer one place of the queue holds.
const BYTES_OF_A_PLACE: usize = 8 * 1024;

/// Takes the events of one case.
#[derive(Debug, Clone)]
pub(super) enum EventSink {
    /// Events are sent at once.
    Live(mpsc::Sender<Event>),
    /// Events are buffered until the case has ended.
    BufferedEvents(Arc<Mutex<BufferedEvents>>),
    /// Events are not built.
    Silent,
}

/// Events that wait to be emitted.
#[derive(Debug)]
pub(super) struct BufferedEvents {
    events: Vec<Event>,
    bytes: usize,
    most: usize,
}

impl EventSink {
    /// A buffer.
    pub(super) fn kept() -> Self {
        EventSink::holding(MOST_KEPT)
    }

    fn holding(most: usize) -> Self {
        let (events, bytes) = (Vec::new(), 0);
        EventSink::BufferedEvents(Arc::new(Mutex::new(BufferedEvents { events, bytes, most })))
    }

    /// A buffer for one of `all` senders that work at the same time. Once all have ended, their events are emitted
    /// here, one sender after the other, so that the order does not depend on which was answered first.
    pub(super) fn beside(&self, all: usize) -> Self {
        match self {
            EventSink::Live(_) | EventSink::BufferedEvents(_) => {
                EventSink::holding((MOST_KEPT / all.max(1)).max(LEAST_SHARE))
            }
            EventSink::Silent => EventSink::Silent,
        }
    }

    /// Whether an emitted event goes anywhere.
    pub(super) fn listens(&self) -> bool {
        !matches!(self, EventSink::Silent)
    }

    /// Builds an event and emits it. If the receiver is gone, the run is being given up and the event is dropped.
    pub(super) async fn emit(&self, event: impl FnOnce() -> Event) {
        match self {
            EventSink::Live(events) => send(events, event()).await,
            EventSink::BufferedEvents(kept) => {
                let event = event();
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.bytes += size_of(&event);
                kept.events.push(event);
            }
            EventSink::Silent => {}
        }
    }

    /// Whether the buffer holds more than a case may need. An endpoint that answers in megabytes ends the case.
    pub(super) fn is_full(&self) -> bool {
        match self {
            EventSink::BufferedEvents(kept) => {
                let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.bytes > kept.most
            }
            EventSink::Live(_) | EventSink::Silent => false,
        }
    }

    /// Takes the buffered events, in order.
    pub(super) fn take(&self) -> Vec<Event> {
        match self {
            EventSink::BufferedEvents(kept) => {
                std::mem::take(&mut kept.lock().unwrap_or_else(PoisonError::into_inner).events)
            }
            EventSink::Live(_) | EventSink::Silent => Vec::new(),
        }
    }
}

/// Sends an event. A large one needs much room in the queue, so that large answers do not pile up there. If the receiver
/// is gone, the run is being given up and the event is dropped.
pub(super) async fn send(events: &mpsc::Sender<Event>, event: Event) {
    let room = 1 + size_of(&event) / BYTES_OF_A_PLACE;
    if let Ok(mut places) = events.reserve_many(room.min(events.max_capacity())).await
        && let Some(place) = places.next()
    {
        place.send(event);
    }
}

fn size_of(event: &Event) -> usize {
    match event {
        Event::Exchanged(exchange) => {
            let bodies = exchange.answers.iter().map(|answer| {
                let (Bytes::Text(text) | Bytes::Base64(text)) = &answer.body;
                text.len()
            });
            bodies.sum()
        }
        _ => 0,
    }
}
