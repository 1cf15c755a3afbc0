//! [`Storage`] on OpenZFS: one `lzc_snapshot` for the cut, fixed channel programs for all else.
//!
//! The programs' sources never change; what a client sent reaches them as values only.
#![forbid(unsafe_code)]

mod limits;
mod listing;

use std::collections::BTreeMap;

use mariasnap_dbus::{Dataset, DestroyOutcome, DestroyRequest, HelperError, Outcome, Snapshot, SnapshotName};
use mariasnap_dbus::{limits::MAX_ZFS_NAME_BYTES, properties::NAMESPACE};
use nix::errno::Errno;

use crate::config::Target;
use crate::lzc::{Lzc, LzcError, Map, Value};
use crate::storage::{Confirmation, Plan, Properties, Storage, Taken};

const DATASETS: &str = include_str!("programs/datasets.lua");
const LIST: &str = include_str!("programs/list.lua");
const CONFIRM: &str = include_str!("programs/confirm.lua");
const DESTROY: &str = include_str!("programs/destroy.lua");
const IDENTIFY: &str = include_str!("programs/identify.lua");

/// OpenZFS, as one thread uses it.
pub struct Zfs {
    lzc: Lzc,
}

impl Zfs {
    /// Opens `/dev/zfs`; needs CAP_SYS_ADMIN from the first call on.
    pub fn open() -> Result<Self, LzcError> {
        Lzc::open().map(|lzc| Self { lzc })
    }

    fn query(&self, pool: &str, program: &str, arguments: &Map) -> Result<Map, HelperError> {
        let answer = self.lzc.query(pool, program, arguments);
        answer.map_err(|error| refused(&error))
    }

    /// A program that changes things may have stopped midway, for want of memory or time as well, and isn't rolled back.
    fn transact(&self, pool: &str, program: &str, arguments: &Map) -> Result<Map, HelperError> {
        let answer = self.lzc.transact(pool, program, arguments);
        answer.map_err(|error| HelperError::OutcomeUnknown(error.to_string()))
    }

    /// The target's datasets as they are now, sorted, so that all agree on which is the first.
    fn datasets(&self, target: &Target) -> Result<(Vec<Dataset>, Map), HelperError> {
        let configured: Map = target
            .datasets
            .iter()
            .map(|d| (d.name.as_str(), Value::Bool(d.children)))
            .collect();
        let arguments = Map::default().with("datasets", Value::Map(configured));
        let answer = self.query(target.pool(), DATASETS, &arguments)?;
        if let Some(missing) = answer.map("missing").filter(|missing| !missing.0.is_empty()) {
            let names: Vec<&str> = missing.0.keys().map(String::as_str).collect();
            let text = format!("no such dataset: {}", names.join(", "));
            return Err(HelperError::Misconfigured(text));
        }
        let found = answer.map("found").cloned().unwrap_or_default();
        let parsed: Result<Vec<_>, _> = found.0.keys().map(|name| Dataset::parse(name)).collect();
        let datasets = parsed.map_err(|error| HelperError::Misconfigured(error.to_string()))?;
        Ok((datasets, answer.map("limits").cloned().unwrap_or_default()))
    }

    /// The arguments that all programs on a target's snapshots have in common.
    fn arguments(&self, target: &Target) -> Result<Map, HelperError> {
        let datasets = self.datasets(target)?.0.iter().map(Dataset::to_string).collect();
        Ok(Map::default()
            .with("datasets", Value::Texts(datasets))
            .with("target", target.name.as_str().into())
            .with("prefix", target.prefix.as_str().into())
            .with("namespace", NAMESPACE.into()))
    }
}

impl Storage for Zfs {
    fn prepare(&mut self, target: &Target, name: SnapshotName) -> Result<Plan, HelperError> {
        let (datasets, limits) = self.datasets(target)?;
        limits::check(&datasets, &limits)?;
        let pool = target.pool().to_owned();
        let plan = Plan { pool, datasets, name };
        let is_long = |full: &String| full.len() > MAX_ZFS_NAME_BYTES;
        match plan.snapshots().into_iter().find(is_long) {
            None => Ok(plan),
            Some(full) => {
                let text = format!("{full} is over {MAX_ZFS_NAME_BYTES} bytes");
                Err(HelperError::Misconfigured(text))
            }
        }
    }

    fn sync(&mut self, pool: &str) -> Result<(), HelperError> {
        self.lzc.sync(pool).map_err(|error| refused(&error))
    }

    fn take(&mut self, plan: &Plan, properties: &Properties) -> Result<Taken, HelperError> {
        let snapshots = plan.snapshots();
        let taken = self.lzc.snapshot(&snapshots, &text_map(properties));
        taken.map_err(|error| refused(&error))?;
        // From here on the snapshot exists, whatever becomes of the reading.
        let lost = |why: &str| HelperError::OutcomeUnknown(format!("{} was taken, but: {why}", plan.name));
        let first = snapshots.first().ok_or_else(|| lost("the plan is empty"))?;
        let arguments = Map::default().with("snapshot", first.as_str().into());
        let answer = self.lzc.query(&plan.pool, IDENTIFY, &arguments);
        let answer = answer.map_err(|error| lost(&error.to_string()))?;
        match (answer.unsigned("guid"), answer.unsigned("createtxg")) {
            (Some(guid), Some(createtxg)) => Ok(Taken { guid, createtxg }),
            _ => Err(lost("it has no guid")),
        }
    }

    fn confirm(&mut self, target: &Target, confirmation: &Confirmation) -> Result<(), HelperError> {
        let arguments = self
            .arguments(target)?
            .with("name", confirmation.name.as_str().into())
            .with("guid", Value::Int(confirmation.guid.cast_signed()))
            .with("not_before", Value::Int(confirmation.not_before.cast_signed()))
            .with("properties", Value::Map(text_map(&confirmation.properties)));
        let answer = self.transact(target.pool(), CONFIRM, &arguments)?;
        let at = answer.text("at").unwrap_or_default();
        let failed = |errno| format!("can't set properties on {at}: error {errno}");
        match (answer.text("refused"), answer.int("failed"), answer.int("midway")) {
            (Some(why), _, _) => Err(HelperError::NoSuchSnapshot(format!("can't confirm: {why}"))),
            (_, Some(errno), _) => Err(HelperError::StorageFailed(failed(errno))),
            (_, _, Some(errno)) => Err(HelperError::OutcomeUnknown(failed(errno))),
            (None, None, None) => Ok(()),
        }
    }

    fn list(&mut self, target: &Target) -> Result<Vec<Snapshot>, HelperError> {
        let arguments = self.arguments(target)?;
        listing::grouped(self.query(target.pool(), LIST, &arguments)?)
    }

    fn destroy(&mut self, target: &Target, requests: &[DestroyRequest]) -> Result<Vec<DestroyOutcome>, HelperError> {
        let guids = requests
            .iter()
            .map(|r| (r.name.as_str(), Value::Int(r.guid.cast_signed())))
            .collect();
        let arguments = self
            .arguments(target)?
            .with("names", Value::Texts(requests.iter().map(|r| r.name.clone()).collect()))
            .with("guids", Value::Map(guids))
            .with("min_keep", Value::Int(target.min_keep.into()));
        let answer = self.transact(target.pool(), DESTROY, &arguments)?;
        let told = |request: &DestroyRequest| {
            let found = answer.map(&request.name);
            let text = |key| found.and_then(|map| map.text(key)).map(str::to_owned);
            DestroyOutcome {
                name: request.name.clone(),
                outcome: text("outcome").unwrap_or_else(|| Outcome::Failed.as_str().to_owned()),
                detail: text("detail").unwrap_or_else(|| "ZFS said nothing about it".to_owned()),
            }
        };
        Ok(requests.iter().map(told).collect())
    }
}

fn text_map(texts: &BTreeMap<String, String>) -> Map {
    let entry = |(key, value): (&String, &String)| (key.clone(), value.as_str().into());
    texts.iter().map(entry).collect()
}

/// What an errno of libzfs_core means to the client.
fn refused(error: &LzcError) -> HelperError {
    let text = error.to_string();
    match Errno::from_raw(error.errno()) {
        Errno::EEXIST => HelperError::NameTaken(text),
        Errno::EXDEV | Errno::ENOENT => HelperError::Misconfigured(text),
        Errno::ENOSPC | Errno::EDQUOT => HelperError::NoSpace(text),
        Errno::E2BIG | Errno::ENAMETOOLONG => HelperError::InvalidArgument(text),
        Errno::EBUSY => HelperError::Busy(text),
        Errno::EAGAIN => HelperError::StorageFailed(format!("the pool is suspended: {text}")),
        _ => HelperError::StorageFailed(text),
    }
}
