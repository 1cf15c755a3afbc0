//! An owned nvlist, and its copying to and from [`Map`].

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::io;
use std::ptr::{self, NonNull};

use super::ffi::Nvpair;
use super::{LzcError, Map, Value};

/// C's `nvlist_t`, never looked into.
#[repr(C)]
pub(super) struct RawList {
    _private: [u8; 0],
}

/// C's `nvpair_t`, never looked into.
#[repr(C)]
pub(super) struct RawPair {
    _private: [u8; 0],
}

const NV_UNIQUE_NAME: c_uint = 1;
const MAX_DEPTH: usize = 8;

/// An nvlist that is freed when dropped.
pub(super) struct NvList<'lib> {
    lib: &'lib Nvpair,
    list: NonNull<RawList>,
}

impl Drop for NvList<'_> {
    fn drop(&mut self) {
        // SAFETY: `list` came from libnvpair or libzfs_core, is owned by this value alone and freed only here.
        unsafe { (self.lib.free)(self.list.as_ptr()) }
    }
}

impl<'lib> NvList<'lib> {
    /// An nvlist that holds a copy of `map`.
    pub(super) fn from_map(lib: &'lib Nvpair, map: &Map) -> Result<Self, LzcError> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a valid place for the new list; flag 0 lets the allocation sleep.
        checked(unsafe { (lib.alloc)(&mut raw, NV_UNIQUE_NAME, 0) })?;
        let list = Self::adopt(lib, raw).ok_or_else(|| LzcError::new("nvlist", io::ErrorKind::OutOfMemory.into()))?;
        for (key, value) in &map.0 {
            list.add(key, value)?;
        }
        Ok(list)
    }

    /// Takes over a list that a library call handed out; `None` for the NULL that means an empty one.
    pub(super) fn adopt(lib: &'lib Nvpair, raw: *mut RawList) -> Option<Self> {
        NonNull::new(raw).map(|list| Self { lib, list })
    }

    pub(super) fn as_ptr(&self) -> *mut RawList {
        self.list.as_ptr()
    }

    /// A copy of everything in the list.
    pub(super) fn to_map(&self) -> Result<Map, LzcError> {
        read(self.lib, self.as_ptr(), 0)
    }

    fn add(&self, key: &str, value: &Value) -> Result<(), LzcError> {
        let (lib, list) = (self.lib, self.as_ptr());
        let key = c_string(key, "a name")?;
        let name = key.as_ptr();
        let code = match value {
            // SAFETY: list and name are valid for the call, which copies the name.
            Value::Flag => unsafe { (lib.add_boolean)(list, name) },
            // SAFETY: as above.
            Value::Bool(value) => unsafe { (lib.add_boolean_value)(list, name, c_int::from(*value)) },
            // SAFETY: as above.
            Value::Int(value) => unsafe { (lib.add_int64)(list, name, *value) },
            Value::Text(text) => {
                let text = c_string(text, "a string")?;
                // SAFETY: as above; the call copies the string too.
                unsafe { (lib.add_string)(list, name, text.as_ptr()) }
            }
            Value::Texts(texts) => {
                let texts: Vec<CString> = texts
                    .iter()
                    .map(|text| c_string(text, "a string"))
                    .collect::<Result<_, _>>()?;
                let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
                let count = c_uint::try_from(pointers.len())
                    .map_err(|_| LzcError::new("nvlist", io::ErrorKind::InvalidInput.into()))?;
                // SAFETY: `pointers` has `count` valid C strings that outlive the call, which copies them.
                unsafe { (lib.add_string_array)(list, name, pointers.as_ptr(), count) }
            }
            Value::Map(map) => {
                let inner = Self::from_map(lib, map)?;
                // SAFETY: `inner` is a valid list; the call copies it and leaves it ours.
                unsafe { (lib.add_nvlist)(list, name, inner.as_ptr()) }
            }
        };
        checked(code)
    }
}

/// Copies the pairs of `list`, which must be a live nvlist; pairs of a type that nobody sends here are left out.
fn read(lib: &Nvpair, list: *mut RawList, depth: usize) -> Result<Map, LzcError> {
    let mut map = Map::default();
    if depth > MAX_DEPTH {
        return Err(LzcError::new("nvlist", io::ErrorKind::InvalidData.into()));
    }
    // SAFETY: `list` is live, and NULL asks for its first pair.
    let mut pair = unsafe { (lib.next)(list, ptr::null_mut()) };
    while !pair.is_null() {
        // SAFETY: `pair` is a pair of the live `list`; its name is a C string inside it.
        let name = unsafe { CStr::from_ptr((lib.name)(pair)) }
            .to_string_lossy()
            .into_owned();
        if let Some(value) = read_pair(lib, pair, depth)? {
            map.0.insert(name, value);
        }
        // SAFETY: as above.
        pair = unsafe { (lib.next)(list, pair) };
    }
    Ok(map)
}

fn read_pair(lib: &Nvpair, pair: *mut RawPair, depth: usize) -> Result<Option<Value>, LzcError> {
    // SAFETY: `pair` belongs to a live list.
    let kind = unsafe { (lib.kind)(pair) };
    Ok(Some(match kind {
        1 => Value::Flag,
        // SAFETY: each getter matches the kind that the pair says it has.
        5 => Value::Int(fetch(0_i32, |place| unsafe { (lib.value_int32)(pair, place) })?.into()),
        // SAFETY: as above.
        7 => Value::Int(fetch(0_i64, |place| unsafe { (lib.value_int64)(pair, place) })?),
        // SAFETY: as above.
        8 => Value::Int(fetch(0_u64, |place| unsafe { (lib.value_uint64)(pair, place) })?.cast_signed()),
        9 => {
            // SAFETY: as above.
            let text = fetch(ptr::null(), |place| unsafe { (lib.value_string)(pair, place) })?;
            // SAFETY: the getter succeeded, so `text` is a C string inside the live list.
            Value::Text(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
        }
        19 => {
            // SAFETY: as above.
            let inner = fetch(ptr::null_mut(), |place| unsafe { (lib.value_nvlist)(pair, place) })?;
            Value::Map(read(lib, inner, depth + 1)?)
        }
        // SAFETY: as above.
        21 => Value::Bool(fetch(0 as c_int, |place| unsafe { (lib.value_boolean)(pair, place) })? != 0),
        _ => return Ok(None),
    }))
}

fn fetch<T>(mut place: T, get: impl FnOnce(*mut T) -> c_int) -> Result<T, LzcError> {
    checked(get(&mut place))?;
    Ok(place)
}

fn checked(code: c_int) -> Result<(), LzcError> {
    match code {
        0 => Ok(()),
        code => Err(LzcError::new("nvlist", io::Error::from_raw_os_error(code))),
    }
}

pub(super) fn c_string(text: &str, what: &'static str) -> Result<CString, LzcError> {
    CString::new(text).map_err(|error| LzcError::new(what, error.into()))
}
