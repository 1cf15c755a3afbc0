//! The locker against real servers, and a helper that stands in for the real one.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check;
mod connect;
mod early;
mod freeze;
mod galera;
mod helper;
mod input;
mod lock;
mod mysql;
mod quiet;
mod replica;
mod strategy;
mod strategy_bounds;
