//! One entry per cut, out of one entry per dataset.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use mariasnap_dbus::{HelperError, Snapshot, properties};

use crate::lzc::{Map, Value};

/// Groups what the program `list` returned by name and id, oldest first.
pub(super) fn grouped(answer: Map) -> Result<Vec<Snapshot>, HelperError> {
    let mut singles = Vec::new();
    for (full, entry) in answer.0 {
        let one = match entry {
            Value::Map(entry) => single(&full, entry),
            _ => None,
        };
        singles.push(one.ok_or_else(|| HelperError::StorageFailed(format!("can't read {full}")))?);
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

fn single(full: &str, mut entry: Map) -> Option<Snapshot> {
    let (dataset, name) = full.split_once('@')?;
    let (properties, clones) = (texts(entry.0.remove("properties")), texts(entry.0.remove("clones")));
    Some(Snapshot {
        name: name.to_owned(),
        guid: entry.unsigned("guid")?,
        createtxg: entry.unsigned("createtxg")?,
        creation: entry.unsigned("creation")?,
        used: entry.unsigned("used")?,
        referenced: entry.unsigned("referenced")?,
        holds: u32::try_from(entry.unsigned("userrefs")?).ok()?,
        clones: clones.into_values().collect(),
        datasets: vec![dataset.to_owned()],
        properties,
    })
}

/// The strings of a map, if it is one.
fn texts(value: Option<Value>) -> BTreeMap<String, String> {
    let Some(Value::Map(map)) = value else {
        return BTreeMap::new();
    };
    let text = |(key, value)| match value {
        Value::Text(text) => Some((key, text)),
        _ => None,
    };
    map.0.into_iter().filter_map(text).collect()
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
        let cuts = grouped(answer).unwrap();
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
        let cuts = grouped(answer).unwrap();
        assert_eq!(
            (cuts[0].guid, &cuts[0].datasets[..]),
            (1, &["t/a".to_owned(), "t/a/b".to_owned()][..])
        );
    }
}
