//! agentphone: one program that lets any software agent make a real phone call.
//!
//! `ARCHITECTURE.md` is the map. Data goes round one ring: a line's packets become words, the call core
//! decides, its actions become speech. Nothing below the driver knows HTTP; nothing in the server decides
//! anything about a conversation.

pub mod admin;
pub mod agent;
pub mod app;
pub mod backup;
pub mod bench;
pub mod billing;
pub mod bus;
pub mod cli;
pub mod config;
pub mod contact;
pub mod context;
pub mod disk;
mod doctor;
pub mod driver;
pub mod handover;
pub mod line;
pub mod links;
pub mod mcp;
pub mod net;
mod packed;
pub mod private;
pub mod provider;
pub mod retention;
pub mod server;
pub mod store;
pub mod supervisor;
pub mod testing;
mod turns;
pub mod watch;
pub mod webhooks;
pub mod worker;
