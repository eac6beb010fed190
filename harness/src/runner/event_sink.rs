//! Where the events of a case go: to whoever listens, into a buffer, or nowhere.
//!
//! A case that is searched with tells nothing until it is known what becomes of it. Where nobody would listen, events
//! are not even made: that is what makes searching fast.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::journal::{Answer, Bytes, Event, Exchanged};

/// How much of the answers of one case is kept until the case is told, in bytes.
const MOST_KEPT: usize = 8 * 1024 * 1024;
/// The same for one of many instances that are arranged at the same time: hundreds of descriptions.
const LEAST_SHARE: usize = 1024 * 1024;

/// Takes the events of one case.
#[derive(Debug, Clone)]
pub(super) enum EventSink {
    /// They are told at once.
    Live(mpsc::Sender<Event>),
    /// They are kept until the case has ended.
    BufferedEvents(Arc<Mutex<BufferedEvents>>),
    /// They are not made.
    Silent,
}

/// Events that wait to be told.
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

    /// A buffer for one of so many that tell at the same time. What they told is told here, one after the other, once
    /// all have ended: so the order does not hang on who was answered first.
    pub(super) fn beside(&self, all: usize) -> Self {
        match self {
            EventSink::Live(_) | EventSink::BufferedEvents(_) => {
                EventSink::holding((MOST_KEPT / all.max(1)).max(LEAST_SHARE))
            }
            EventSink::Silent => EventSink::Silent,
        }
    }

    /// Whether an event that is told goes anywhere.
    pub(super) fn listens(&self) -> bool {
        !matches!(self, EventSink::Silent)
    }

    /// Tells an event. If nobody listens any more, the run is being given up and the event with it.
    pub(super) async fn tell(&self, event: Event) {
        match self {
            EventSink::Live(events) => _ = events.send(event).await,
            EventSink::BufferedEvents(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.bytes += size_of(&event);
                kept.events.push(event);
            }
            EventSink::Silent => {}
        }
    }

    /// Whether more is kept than a case may need. An endpoint that answers in megabytes ends the case.
    pub(super) fn is_full(&self) -> bool {
        match self {
            EventSink::BufferedEvents(kept) => {
                let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.bytes > kept.most
            }
            EventSink::Live(_) | EventSink::Silent => false,
        }
    }

    /// What was kept, in order.
    pub(super) fn take(&self) -> Vec<Event> {
        match self {
            EventSink::BufferedEvents(kept) => {
                std::mem::take(&mut kept.lock().unwrap_or_else(PoisonError::into_inner).events)
            }
            EventSink::Live(_) | EventSink::Silent => Vec::new(),
        }
    }
}

fn size_of(event: &Event) -> usize {
    match event {
        Event::Exchanged(exchanged) => match &**exchanged {
            Exchanged {
                answer:
                    Answer::Response {
                        body: Bytes::Text(text) | Bytes::Base64(text),
                        ..
                    },
                ..
            } => text.len(),
            Exchanged { .. } => 0,
        },
        _ => 0,
    }
}
