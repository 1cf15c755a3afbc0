//! mariasnap's unprivileged half: it holds the database's lock, and asks a helper for the snapshot.

#![forbid(unsafe_code)]

pub mod cli;
pub mod commands;
pub mod config;
pub mod database;
pub mod error;
pub mod events;
pub mod exit;
pub mod freeze;
mod generate;
pub mod helper;
pub mod hook;
pub mod interrupt;
pub mod layout;
pub mod lock;
pub mod logging;
pub mod pool;
pub mod quiet;
mod ready;
pub mod report;
pub mod retention;
mod run_id;
pub mod setup;
pub mod snapshot;
mod table;
