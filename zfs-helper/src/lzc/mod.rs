//! libzfs_core, as far as it is needed, with plain values going in and coming out.
//!
//! Opened at run time, so that the helper builds without ZFS and runs with OpenZFS 2.0 to 2.4. This module's
//! children are the only unsafe code in the tree.

#[allow(unsafe_code)]
mod ffi;
#[allow(unsafe_code)]
mod nvlist;
mod value;

pub use ffi::Lzc;
pub use value::{Map, Value};

/// Why a call into libzfs_core failed.
#[derive(Debug, thiserror::Error)]
pub enum LzcError {
    /// The library isn't there, or isn't the one expected.
    #[error("can't use {library}: {source}; it is in Debian's package {package}")]
    Library {
        /// File name of the library.
        library: &'static str,
        /// Debian package that has it.
        package: &'static str,
        /// What the loader said.
        source: libloading::Error,
    },
    /// `/dev/zfs` couldn't be opened.
    #[error("can't open /dev/zfs (is the zfs module loaded?): {0}")]
    Device(std::io::Error),
    /// An argument can't be expressed in C.
    #[error("a NUL byte in {0}")]
    Nul(&'static str),
    /// An nvlist couldn't be built or read.
    #[error("nvlist: {0}")]
    Nvlist(std::io::Error),
    /// The kernel refused. `details` has its words, or errno by dataset; it can be empty.
    #[error("{call}: {source}{details}")]
    Call {
        /// The function called.
        call: &'static str,
        /// Its errno.
        source: std::io::Error,
        /// Its error list.
        details: Map,
    },
}

impl LzcError {
    /// The errno of a refused call, else 0.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Call { source, .. } => source.raw_os_error().unwrap_or(0),
            _ => 0,
        }
    }
}
