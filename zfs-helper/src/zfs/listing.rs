//! One entry per cut, out of one entry per dataset.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use mariasnap_dbus::{HelperError, Snapshot, properties};

use crate::lzc::Map;

/// Groups what the program `list` returned by name and id, oldest first.
pub(super) fn grouped(answer: &Map) -> Result<Vec<Snapshot>, HelperError> {
    let mut singles = Vec::new();
    for (full, entry) in answer.maps() {
        singles.push(single(full, entry).ok_or_else(|| HelperError::StorageFailed(format!("can't read {full}")))?);
    }
    // By dataset alone: `t/a/b@s` sorts before `t/a@s`, though `t/a` is the target's first dataset.
    singles.sort_by(|one, two| one.datasets.cmp(&two.datasets));
    let mut cuts: BTreeMap<(String, String), Snapshot> = BTreeMap::new();
    for one in singles {
        let id = one.property(properties::ID).unwrap_or_default().to_owned();
        match cuts.get_mut(&(one.name.clone(), id.clone())) {
            Some(cut) => join(cut, one),
            None => drop(cuts.insert((one.name.clone(), id), one)),
        }
    }
    let mut cuts: Vec<Snapshot> = cuts.into_values().collect();
    cuts.sort_by_key(|cut| (cut.createtxg, cut.name.clone()));
    Ok(cuts)
}

fn single(full: &str, entry: &Map) -> Option<Snapshot> {
    let (dataset, name) = full.split_once('@')?;
    let own = entry.map("properties").into_iter().flat_map(Map::texts);
    Some(Snapshot {
        name: name.to_owned(),
        guid: entry.unsigned("guid")?,
        createtxg: entry.unsigned("createtxg")?,
        creation: entry.unsigned("creation")?,
        used: entry.unsigned("used")?,
        referenced: entry.unsigned("referenced")?,
        holds: u32::try_from(entry.unsigned("userrefs")?).ok()?,
        clones: entry
            .map("clones")
            .into_iter()
            .flat_map(Map::texts)
            .map(|(_, clone)| clone.to_owned())
            .collect(),
        datasets: vec![dataset.to_owned()],
        properties: own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    })
}

fn join(cut: &mut Snapshot, one: Snapshot) {
    cut.used = cut.used.saturating_add(one.used);
    cut.referenced = cut.referenced.saturating_add(one.referenced);
    cut.holds = cut.holds.saturating_add(one.holds);
    cut.clones.extend(one.clones);
    cut.datasets.extend(one.datasets);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lzc::Value;

    fn entry(guid: i64, txg: i64, id: &str) -> Value {
        let numbers = [
            ("guid", guid),
            ("createtxg", txg),
            ("creation", 1),
            ("used", 2),
            ("referenced", 3),
            ("userrefs", 1),
        ];
        let map: Map = numbers
            .into_iter()
            .map(|(key, value)| (key, Value::Int(value)))
            .collect();
        let own = Map::default().with("id", id.into());
        Value::Map(
            map.with("properties", Value::Map(own))
                .with("clones", Value::Map(Map::default())),
        )
    }

    #[test]
    fn members_of_one_cut_are_one_entry() {
        let answer = Map::default()
            .with("t/a@m-1", entry(-1, 9, "x"))
            .with("t/b@m-1", entry(7, 9, "x"))
            .with("t/b@m-0", entry(8, 5, "y"));
        let cuts = grouped(&answer).unwrap();
        assert_eq!(
            cuts.iter().map(|cut| cut.name.as_str()).collect::<Vec<_>>(),
            ["m-0", "m-1"]
        );
        assert_eq!((cuts[1].guid, cuts[1].used, cuts[1].holds), (u64::MAX, 4, 2));
        assert_eq!(cuts[1].datasets, ["t/a", "t/b"]);
    }

    #[test]
    fn the_first_dataset_gives_the_guid() {
        let answer = Map::default()
            .with("t/a@m-1", entry(1, 9, "x"))
            .with("t/a/b@m-1", entry(2, 9, "x"));
        let cuts = grouped(&answer).unwrap();
        assert_eq!(
            (cuts[0].guid, &cuts[0].datasets[..]),
            (1, &["t/a".to_owned(), "t/a/b".to_owned()][..])
        );
    }
}
