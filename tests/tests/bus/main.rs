//! The helper on a private bus, with storage that stands in for the real one.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod audit;
mod authority;
mod contract;
mod fuzz;
mod idle;
mod limits;
mod methods;
