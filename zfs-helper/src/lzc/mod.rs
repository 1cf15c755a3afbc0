//! libzfs_core, as far as it is needed, with plain values going in and coming out.
//!
//! Opened at run time, so that the helper builds without ZFS and runs with OpenZFS 2.0 to 2.4. This module's
//! children are the only unsafe code in the tree.

#[allow(unsafe_code)]
mod ffi;
#[allow(unsafe_code)]
mod nvlist;
mod value;

use std::io;

pub use ffi::Lzc;
pub use value::{Map, Value};

/// Why a call into libzfs_core failed, or couldn't be made.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}{details}")]
pub struct LzcError {
    what: &'static str,
    source: io::Error,
    /// The kernel's words, or errno by dataset; it can be empty.
    details: Map,
}

impl LzcError {
    fn new(what: &'static str, source: io::Error) -> Self {
        let details = Map::default();
        Self { what, source, details }
    }

    /// The call's errno, else 0.
    pub fn errno(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(0)
    }
}
