//! mariasnap's unprivileged half: it holds the database's lock, and asks a helper for the snapshot.

#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod error;
pub mod exit;
