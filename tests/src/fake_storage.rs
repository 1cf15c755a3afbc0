//! Storage that lives in memory and writes every change it makes to a file, for the tests to read.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mariasnap_dbus::properties::{NAMESPACE, STATE, STATE_CONSISTENT, STATE_UNPROVEN};
use mariasnap_dbus::{Dataset, DestroyOutcome, DestroyRequest, HelperError, Outcome, Snapshot, SnapshotName};
use mariasnap_zfs_helper::config::Target;
use mariasnap_zfs_helper::storage::{Confirmation, Plan, Properties, Storage, Taken};

/// Environment: the file that changes are appended to, one a line.
pub const RECORD: &str = "FAKE_STORAGE_RECORD";
/// Environment: how long a cut takes, in milliseconds.
pub const TAKE_MS: &str = "FAKE_STORAGE_TAKE_MS";

/// One pool. Guids and transaction groups count up; the guards are those of the real storage, less holds and clones.
#[derive(Debug, Default)]
pub struct FakeStorage {
    snapshots: BTreeMap<(String, String), Snapshot>,
    txg: u64,
}

impl FakeStorage {
    /// An empty pool.
    pub fn open() -> Result<Self, String> {
        Ok(Self::default())
    }

    fn record(&self, what: &str) {
        let path = std::env::var_os(RECORD).expect("no file to record to");
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        writeln!(file, "{what}").unwrap();
    }

    fn without_namespace(properties: &Properties) -> BTreeMap<String, String> {
        let bare = |key: &str| key.strip_prefix(NAMESPACE).unwrap().to_owned();
        properties
            .iter()
            .map(|(key, value)| (bare(key), value.clone()))
            .collect()
    }

    fn consistent(&self, target: &Target) -> usize {
        let is = |snapshot: &&Snapshot| snapshot.property(STATE) == Some(STATE_CONSISTENT);
        self.of(target).filter(is).count()
    }

    fn of(&self, target: &Target) -> impl Iterator<Item = &Snapshot> {
        let name = target.name.to_string();
        self.snapshots
            .iter()
            .filter(move |((target, _), _)| *target == name)
            .map(|(_, snapshot)| snapshot)
    }

    fn destroy_one(&mut self, target: &Target, request: &DestroyRequest) -> Outcome {
        let key = (target.name.to_string(), request.name.clone());
        let kept = self.consistent(target);
        match self.snapshots.get(&key) {
            None => Outcome::NotFound,
            Some(found) if found.guid != request.guid => Outcome::GuidMismatch,
            Some(found) if found.property(STATE) == Some(STATE_CONSISTENT) && kept <= target.min_keep as usize => {
                Outcome::MinKeep
            }
            Some(_) => {
                self.record(&format!("destroy {}", request.name));
                self.snapshots.remove(&key);
                Outcome::Destroyed
            }
        }
    }
}

impl Storage for FakeStorage {
    fn prepare(&mut self, target: &Target, name: SnapshotName) -> Result<Plan, HelperError> {
        let datasets: Vec<Dataset> = target.datasets.iter().map(|dataset| dataset.name.clone()).collect();
        let pool = target.pool().to_owned();
        Ok(Plan { pool, datasets, name })
    }

    fn sync(&mut self, _pool: &str) -> Result<(), HelperError> {
        Ok(())
    }

    fn take(&mut self, plan: &Plan, properties: &Properties) -> Result<Taken, HelperError> {
        let takes = std::env::var(TAKE_MS).ok().and_then(|ms| ms.parse().ok());
        let takes = takes.map_or(Duration::ZERO, Duration::from_millis);
        std::thread::sleep(takes);
        self.record(&format!("take {}", plan.name));
        self.txg += 1;
        let (guid, createtxg) = (u64::MAX - self.txg, self.txg);
        let properties = Self::without_namespace(properties);
        let target = properties.get("target").unwrap().clone();
        let snapshot = Snapshot {
            name: plan.name.to_string(),
            guid,
            createtxg,
            creation: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
            used: 0,
            referenced: 0,
            holds: 0,
            clones: Vec::new(),
            datasets: plan.datasets.iter().map(Dataset::to_string).collect(),
            properties,
        };
        self.snapshots.insert((target, plan.name.to_string()), snapshot);
        Ok(Taken { guid, createtxg })
    }

    fn confirm(&mut self, target: &Target, confirmation: &Confirmation) -> Result<(), HelperError> {
        let key = (target.name.to_string(), confirmation.name.to_string());
        let fits = |snapshot: &&mut Snapshot| {
            snapshot.guid == confirmation.guid
                && snapshot.creation >= confirmation.not_before
                && snapshot.property(STATE) == Some(STATE_UNPROVEN)
        };
        let Some(snapshot) = self.snapshots.get_mut(&key).filter(fits) else {
            return Err(HelperError::NoSuchSnapshot(confirmation.name.to_string()));
        };
        snapshot
            .properties
            .extend(Self::without_namespace(&confirmation.properties));
        self.record(&format!("confirm {}", confirmation.name));
        Ok(())
    }

    fn list(&mut self, target: &Target) -> Result<Vec<Snapshot>, HelperError> {
        let mut listed: Vec<Snapshot> = self.of(target).cloned().collect();
        listed.sort_by_key(|snapshot| snapshot.createtxg);
        Ok(listed)
    }

    fn destroy(&mut self, target: &Target, requests: &[DestroyRequest]) -> Result<Vec<DestroyOutcome>, HelperError> {
        let mut outcomes = Vec::new();
        for request in requests {
            let outcome = self.destroy_one(target, request).as_str().to_owned();
            outcomes.push(DestroyOutcome {
                name: request.name.clone(),
                outcome,
                detail: String::new(),
            });
        }
        Ok(outcomes)
    }
}
