//! Going out to addresses that strangers chose: the websites of callees, the webhooks of clients.
//!
//! Decides where such a request may go ([`guard`]); what is asked there, and how long it may take, is decided by the
//! one who asks.

pub mod guard;
