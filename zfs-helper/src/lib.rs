//! The half with the capability: every method is parse -> configured? -> polkit -> act -> audit log.
//!
//! It knows nothing of databases. A client names a target and snapshots that the helper itself made, never a
//! dataset, a path or a flag. [`program`] wires these modules; tests wire them with another [`storage::Storage`].

#![deny(unsafe_code)]

mod activity;
pub mod args;
mod audit;
mod authority;
mod bus;
mod caller;
pub mod config;
mod core;
mod cut;
mod date;
mod interface;
pub mod log;
pub mod lzc;
mod peer;
pub mod pools;
pub mod privilege;
pub mod program;
mod properties;
mod rate;
mod request;
mod serve;
pub mod storage;
mod ticket;
mod unit;
pub mod zfs;

pub use serve::{Limits, ServeError, Wiring, serve};
