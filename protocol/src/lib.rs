//! Bytes and text to typed messages and back; no IO, no runtime.

pub mod control;
pub mod error;
pub mod ids;
pub mod language;
pub mod phone;
pub mod rest;
pub mod sdp;
pub mod stripe;
pub mod telephone_event;
pub mod twilio;
pub mod webhook;
