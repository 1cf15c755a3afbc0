//! What the cross-crate tests share.

#![forbid(unsafe_code)]
// A test that can't set up its world must stop, and loudly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod append;
pub mod build;
pub mod container;
pub mod fake_helper;
pub mod fake_pool;
pub mod fake_storage;
pub mod galera;
pub mod ledger;
pub mod locker;
pub mod mariadb;
pub mod mysql;
pub mod outline;
pub mod private_bus;
pub mod replica;
pub mod stall;
pub mod tls;
pub mod vm;
