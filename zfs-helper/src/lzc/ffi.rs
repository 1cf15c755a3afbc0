//! The two libraries' functions, and the calls made of them.

use std::ffi::{c_char, c_int, c_uint};
use std::io;
use std::ptr;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::nvlist::{NvList, RawList, RawPair, c_string};
use super::{LzcError, Map, Value};

macro_rules! library {
    ($(#[$doc:meta])* $name:ident, $file:literal, { $($field:ident = $symbol:literal: $type:ty,)* }) => {
        $(#[$doc])*
        pub(super) struct $name {
            $(pub(super) $field: $type,)*
            /// Keeps the functions mapped; dropped last.
            _library: Library,
        }

        impl $name {
            fn open() -> Result<Self, LzcError> {
                const FAILED: &str = concat!("can't use ", $file, " of OpenZFS (Debian, Ubuntu: zfsutils-linux)");
                let failed = |error| LzcError::new(FAILED, io::Error::other(error));
                // SAFETY: the loader looks in the system's own directories (the file name has no slash), and
                // these libraries' initialisers only set up their own data.
                let library = unsafe { Library::open(Some($file), RTLD_NOW | RTLD_LOCAL) }.map_err(failed)?;
                Ok(Self {
                    // SAFETY: the soname fixes the ABI, and each type is the prototype of that ABI's header.
                    $($field: *unsafe { library.get::<$type>($symbol) }.map_err(failed)?,)*
                    _library: library,
                })
            }
        }
    };
}

type List = *mut RawList;
type Pair = *mut RawPair;
type Name = *const c_char;

library! {
    /// libnvpair's functions.
    Nvpair, "libnvpair.so.3", {
        alloc = b"nvlist_alloc": unsafe extern "C" fn(*mut List, c_uint, c_int) -> c_int,
        free = b"nvlist_free": unsafe extern "C" fn(List),
        add_boolean = b"nvlist_add_boolean": unsafe extern "C" fn(List, Name) -> c_int,
        add_boolean_value = b"nvlist_add_boolean_value": unsafe extern "C" fn(List, Name, c_int) -> c_int,
        add_int64 = b"nvlist_add_int64": unsafe extern "C" fn(List, Name, i64) -> c_int,
        add_string = b"nvlist_add_string": unsafe extern "C" fn(List, Name, Name) -> c_int,
        add_string_array = b"nvlist_add_string_array": unsafe extern "C" fn(List, Name, *const Name, c_uint) -> c_int,
        add_nvlist = b"nvlist_add_nvlist": unsafe extern "C" fn(List, Name, List) -> c_int,
        next = b"nvlist_next_nvpair": unsafe extern "C" fn(List, Pair) -> Pair,
        name = b"nvpair_name": unsafe extern "C" fn(Pair) -> Name,
        kind = b"nvpair_type": unsafe extern "C" fn(Pair) -> c_int,
        value_boolean = b"nvpair_value_boolean_value": unsafe extern "C" fn(Pair, *mut c_int) -> c_int,
        value_int32 = b"nvpair_value_int32": unsafe extern "C" fn(Pair, *mut i32) -> c_int,
        value_int64 = b"nvpair_value_int64": unsafe extern "C" fn(Pair, *mut i64) -> c_int,
        value_uint64 = b"nvpair_value_uint64": unsafe extern "C" fn(Pair, *mut u64) -> c_int,
        value_string = b"nvpair_value_string": unsafe extern "C" fn(Pair, *mut Name) -> c_int,
        value_nvlist = b"nvpair_value_nvlist": unsafe extern "C" fn(Pair, *mut List) -> c_int,
    }
}

type Program = unsafe extern "C" fn(Name, Name, u64, u64, List, *mut List) -> c_int;

library! {
    /// libzfs_core's functions.
    Core, "libzfs_core.so.3", {
        init = b"libzfs_core_init": unsafe extern "C" fn() -> c_int,
        fini = b"libzfs_core_fini": unsafe extern "C" fn(),
        snapshot = b"lzc_snapshot": unsafe extern "C" fn(List, List, *mut List) -> c_int,
        sync = b"lzc_sync": unsafe extern "C" fn(Name, List, *mut List) -> c_int,
        program = b"lzc_channel_program": Program,
        program_nosync = b"lzc_channel_program_nosync": Program,
    }
}

/// libzfs_core with `/dev/zfs` open.
pub struct Lzc {
    core: Core,
    nvpair: Nvpair,
}

impl Drop for Lzc {
    fn drop(&mut self) {
        // SAFETY: pairs with the successful `init` of `open`; the library counts them.
        unsafe { (self.core.fini)() }
    }
}

impl Lzc {
    /// Loads the libraries and opens `/dev/zfs`.
    pub fn open() -> Result<Self, LzcError> {
        let (nvpair, core) = (Nvpair::open()?, Core::open()?);
        // SAFETY: no arguments; returns an errno.
        match unsafe { (core.init)() } {
            0 => Ok(Self { core, nvpair }),
            errno => Err(LzcError::new(
                "can't open /dev/zfs (is the zfs module loaded?)",
                io::Error::from_raw_os_error(errno),
            )),
        }
    }

    /// Takes all `snapshots` (full names, one pool) in one transaction group, with `properties` on each; all or none.
    pub fn snapshot(&self, snapshots: &[String], properties: &Map) -> Result<(), LzcError> {
        let names: Map = snapshots.iter().map(|name| (name.as_str(), Value::Flag)).collect();
        let names = NvList::from_map(&self.nvpair, &names)?;
        let properties = NvList::from_map(&self.nvpair, properties)?;
        let mut errors = ptr::null_mut();
        // SAFETY: both lists live through the call; it writes NULL or a list that becomes ours to `errors`.
        let code = unsafe { (self.core.snapshot)(names.as_ptr(), properties.as_ptr(), &mut errors) };
        self.finish("lzc_snapshot", code, errors).map(drop)
    }

    /// Waits until the pool has written its open transaction group.
    pub fn sync(&self, pool: &str) -> Result<(), LzcError> {
        let pool = c_string(pool, "a pool's name")?;
        let arguments = NvList::from_map(&self.nvpair, &Map::default().with("force", Value::Bool(false)))?;
        let mut out = ptr::null_mut();
        // SAFETY: name and list live through the call; it writes NULL or a list that becomes ours to `out`.
        let code = unsafe { (self.core.sync)(pool.as_ptr(), arguments.as_ptr(), &mut out) };
        self.finish("lzc_sync", code, out).map(drop)
    }

    /// Runs a channel program that can't change anything; returns what it returned.
    pub fn query(&self, pool: &str, source: &str, arguments: &Map) -> Result<Map, LzcError> {
        self.program(self.core.program_nosync, pool, source, arguments)
    }

    /// Runs a channel program in one transaction group; returns what it returned.
    pub fn transact(&self, pool: &str, source: &str, arguments: &Map) -> Result<Map, LzcError> {
        self.program(self.core.program, pool, source, arguments)
    }

    fn program(&self, call: Program, pool: &str, source: &str, arguments: &Map) -> Result<Map, LzcError> {
        /// The kernel allows 100 million and 100 MiB at most; this is enough to list ten thousand snapshots.
        const INSTRUCTIONS: u64 = 100_000_000;
        const MEMORY_BYTES: u64 = 64 << 20;
        let (pool, source) = (c_string(pool, "a pool's name")?, c_string(source, "a program")?);
        let arguments = NvList::from_map(&self.nvpair, arguments)?;
        let mut out = ptr::null_mut();
        // SAFETY: strings and list live through the call; it writes NULL or a list that becomes ours to `out`.
        let code = unsafe {
            call(
                pool.as_ptr(),
                source.as_ptr(),
                INSTRUCTIONS,
                MEMORY_BYTES,
                arguments.as_ptr(),
                &mut out,
            )
        };
        match self.finish("lzc_channel_program", code, out)?.0.remove("return") {
            Some(Value::Map(returned)) => Ok(returned),
            _ => Ok(Map::default()),
        }
    }

    /// Takes `list` over, and makes an error of a call that returned one or listed some.
    fn finish(&self, what: &'static str, code: c_int, list: *mut RawList) -> Result<Map, LzcError> {
        let details = NvList::adopt(&self.nvpair, list).map_or(Ok(Map::default()), |list| list.to_map())?;
        let listed = details.0.values().find_map(|value| match value {
            Value::Int(errno) if *errno != 0 => i32::try_from(*errno).ok(),
            _ => None,
        });
        match (code, listed) {
            (0, None) => Ok(details),
            (0, Some(errno)) | (errno, _) => {
                let source = io::Error::from_raw_os_error(errno);
                Err(LzcError { what, source, details })
            }
        }
    }
}
