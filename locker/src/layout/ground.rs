//! From a place and the mount table to the dataset that it is on: pure.

use std::path::{Path, PathBuf};

use mariasnap_dbus::Dataset;

use super::error::LayoutError;
use super::mounts::{Mount, Mounts};
use super::purpose::Purpose;

/// A directory of the server with its links followed, and the mount that it is on.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    /// What for.
    pub(crate) purpose: Purpose,
    /// Where, links followed.
    pub(crate) path: PathBuf,
    /// The mount it is on.
    pub(crate) mount: u64,
}

/// What is mounted inside the data directory. Snapshots that ZFS mounts by itself below `.zfs` don't count, nor does
/// a mount for temporary files and nothing else; `tmpdir` is a list with colons, as the server has it.
pub(crate) fn within(datadir: &Path, mounts: &Mounts, tmpdir: Option<&str>) -> Vec<Located> {
    let is_temporary = |point: &Path| tmpdir.is_some_and(|list| list.split(':').any(|one| Path::new(one) == point));
    let is_of_server = |mount: &&Mount| {
        let is_snapshot = mount.fs_type == "zfs" && mount.source.contains('@');
        !is_snapshot && !is_temporary(&mount.point)
    };
    let place = |mount: &Mount| Located {
        purpose: Purpose::Within,
        path: mount.point.clone(),
        mount: mount.id,
    };
    mounts.below(datadir).filter(is_of_server).map(place).collect()
}

/// Takes a dataset that is in the pool of the data's, and no other.
pub(crate) fn same_pool(place: &Located, dataset: Dataset, data: &Dataset) -> Result<Dataset, LayoutError> {
    if dataset.pool() == data.pool() {
        return Ok(dataset);
    }
    Err(LayoutError::OtherPool {
        what: place.purpose.describe(),
        path: place.path.clone(),
        dataset,
        pool: data.pool().to_owned(),
    })
}

/// The mount and the dataset of a place.
pub(crate) fn dataset_of<'a>(place: &Located, mounts: &'a Mounts) -> Result<(&'a Mount, Dataset), LayoutError> {
    let mount = mounts.by_id(place.mount).ok_or_else(|| LayoutError::Unmounted {
        path: place.path.clone(),
    })?;
    Ok((mount, zfs_dataset(place, mount)?))
}

fn zfs_dataset(place: &Located, mount: &Mount) -> Result<Dataset, LayoutError> {
    if mount.fs_type != "zfs" {
        return Err(LayoutError::NotZfs {
            what: place.purpose.describe(),
            path: place.path.clone(),
            fs_type: mount.fs_type.clone(),
            source_name: mount.source.clone(),
            point: mount.point.clone(),
        });
    }
    Dataset::parse(&mount.source).map_err(|error| LayoutError::Name {
        path: place.path.clone(),
        source_name: mount.source.clone(),
        error,
    })
}
