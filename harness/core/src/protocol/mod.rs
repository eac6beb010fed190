//! The protocol of the EC2 Query API: encodes calls, decodes replies.
//!
//! Pure: bytes are arguments. Signing is not done here. Decoding returns a value for any bytes that an endpoint sends: a
//! document within the [`Limits`], an empty body, or the reason why the body cannot be read. Nothing here judges an
//! answer.

pub mod capture;
pub mod encode;
pub mod form;
pub mod limits;
pub mod reply;
mod scrub;
pub mod views;
pub mod watched;
pub mod wellformed;
pub mod xml;

pub use capture::{RawCapture, capture, capture_raw, capture_rest, recorded_bytes, revive};
pub use encode::{EncodeError, RequestTarget, SignError, encode, title_case};
pub use limits::Limits;
pub use reply::{Body, Reply, decode, decode_own};
pub use views::{
    ErrorEntry, Errors, Image, Instance, SpotRequest, StateChange, StateChanges, StateValue, attribute_value,
    errors, first_error, images, instance_statuses, instances, next_token, return_value, sightings,
    spot_requests, state_changes,
};
pub use xml::{Declaration, Document, Element};
