//! From directories and mounts to datasets: pure.

use std::fmt;
use std::path::{Path, PathBuf};

use mariasnap_dbus::Dataset;

use super::target::{Member, covers, is_below, tidy};
use crate::layout::error::LayoutError;
use crate::layout::ground::{Located, dataset_of, same_pool, within};
use crate::layout::mounts::Mounts;
use crate::layout::purpose::Purpose;

/// What is to be snapshotted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The dataset of the data directory.
    pub(crate) data: Dataset,
    /// The dataset of the redo log.
    pub(crate) redo: Dataset,
    /// Where the data's dataset is mounted.
    pub(crate) point: PathBuf,
    /// The data directory.
    pub(crate) datadir: PathBuf,
    /// The target's datasets.
    pub(crate) members: Vec<Member>,
    /// Every dataset that a restorable snapshot needs, with the directory on it.
    pub(crate) needs: Vec<Need>,
    /// What is left out, for people.
    pub(crate) warnings: Vec<String>,
}

/// A dataset that the server writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    purpose: Purpose,
    path: PathBuf,
    dataset: Dataset,
    /// Whether it is mounted below the data directory from a descendant of the data's dataset.
    child: bool,
}

impl Need {
    /// Whether setup may widen the target for it by itself. A link may have been made by whoever can write to the
    /// data directory, so what it points to is the admin's to name.
    fn is_automatic(&self) -> bool {
        self.purpose != Purpose::Linked
    }
}

/// Decides on the datasets; `chosen` is what the admin named, if anything.
pub(crate) fn layout(
    places: &[Located],
    mounts: &Mounts,
    chosen: &[Member],
    tmpdir: Option<&str>,
) -> Result<Layout, LayoutError> {
    let Some(data_place) = places.iter().find(|place| place.purpose == Purpose::Data) else {
        return Err(LayoutError::Unmounted { path: PathBuf::new() });
    };
    let (mount, data) = dataset_of(data_place, mounts)?;
    let mut warnings = Vec::new();
    let mut needs = needs_of_places(places, mounts, &data, &mut warnings)?;
    needs.extend(needs_below(data_place, mounts, &data, tmpdir)?);
    let members = match chosen {
        [] => automatic(&data, &needs),
        _ => tidy(chosen.to_vec()),
    };
    check_pool(&members, &data)?;
    check_cover(&members, &needs)?;
    let redo = needs.iter().find(|need| need.purpose == Purpose::Redo);
    Ok(Layout {
        redo: redo.map_or(&data, |need| &need.dataset).clone(),
        point: mount.point.clone(),
        datadir: data_place.path.clone(),
        members,
        needs,
        warnings,
        data,
    })
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, what) = (self.path.display(), self.purpose.describe());
        write!(f, "{path} ({what}) is on {}", self.dataset)
    }
}

/// What a restorable snapshot needs and these members leave out.
pub(crate) fn uncovered<'a>(members: &[Member], needs: &'a [Need]) -> Option<&'a Need> {
    needs.iter().find(|need| !covers(members, &need.dataset))
}

fn check_cover(members: &[Member], needs: &[Need]) -> Result<(), LayoutError> {
    let Some(need) = uncovered(members, needs) else {
        return Ok(());
    };
    let mut all = members.to_vec();
    all.extend(needs.iter().map(|need| Member {
        name: need.dataset.clone(),
        children: false,
    }));
    let flags: Vec<_> = tidy(all).iter().map(|member| format!("--dataset {member}")).collect();
    Err(LayoutError::Uncovered {
        need: need.to_string(),
        flags: flags.join(" "),
    })
}

fn check_pool(members: &[Member], data: &Dataset) -> Result<(), LayoutError> {
    match members.iter().find(|member| member.name.pool() != data.pool()) {
        None => Ok(()),
        Some(member) => Err(LayoutError::ForeignDataset {
            dataset: member.name.clone(),
            pool: data.pool().to_owned(),
        }),
    }
}

/// The data's dataset, with its children if one of them is mounted in the data directory, and the others that the
/// server's own settings name.
fn automatic(data: &Dataset, needs: &[Need]) -> Vec<Member> {
    let others = needs.iter().filter(|need| need.is_automatic() && !need.child);
    let mut members: Vec<_> = others
        .map(|need| Member {
            name: need.dataset.clone(),
            children: false,
        })
        .collect();
    members.push(Member {
        name: data.clone(),
        children: needs.iter().any(|need| need.child),
    });
    tidy(members)
}

fn needs_of_places(
    places: &[Located],
    mounts: &Mounts,
    data: &Dataset,
    warnings: &mut Vec<String>,
) -> Result<Vec<Need>, LayoutError> {
    let mut needs = Vec::new();
    for place in places {
        let found = dataset_of(place, mounts).and_then(|(_, dataset)| same_pool(place, dataset, data));
        match found {
            Ok(dataset) => needs.push(need(place.purpose, &place.path, dataset, false)),
            Err(error) => match place.purpose.loss() {
                Some(loss) => warnings.push(format!("left out, so that {loss}: {error}")),
                None => return Err(error),
            },
        }
    }
    Ok(needs)
}

/// What is mounted inside the data directory.
fn needs_below(
    data_place: &Located,
    mounts: &Mounts,
    data: &Dataset,
    tmpdir: Option<&str>,
) -> Result<Vec<Need>, LayoutError> {
    let mut needs = Vec::new();
    for place in within(&data_place.path, mounts, tmpdir) {
        let (_, dataset) = dataset_of(&place, mounts)?;
        let dataset = same_pool(&place, dataset, data)?;
        let child = is_below(dataset.as_str(), data.as_str());
        needs.push(need(Purpose::Within, &place.path, dataset, child));
    }
    Ok(needs)
}

fn need(purpose: Purpose, path: &Path, dataset: Dataset, child: bool) -> Need {
    Need {
        purpose,
        path: path.to_owned(),
        dataset,
        child,
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
