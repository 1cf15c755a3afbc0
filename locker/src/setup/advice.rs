//! What could be better about the datasets and the server; none of it is a condition: pure.

use std::collections::BTreeMap;

use super::layout::Layout;
use crate::layout::variables::Variables;

/// The properties that advice is given on, as `zfs get` takes them.
pub(crate) const PROPERTIES: &str = "atime,logbias,primarycache,recordsize";

/// `zfs get -Hp -o name,property,value`, by dataset and property.
#[derive(Debug, Default)]
pub(crate) struct Properties(BTreeMap<(String, String), String>);

impl Properties {
    /// Takes the command's output; lines of another form are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        let entry = |line: &str| {
            let mut fields = line.split('\t').map(str::to_owned);
            Some(((fields.next()?, fields.next()?), fields.next()?))
        };
        Self(text.lines().filter_map(entry).collect())
    }

    fn get(&self, dataset: &str, property: &str) -> Option<&str> {
        let key = (dataset.to_owned(), property.to_owned());
        self.0.get(&key).map(String::as_str)
    }
}

/// One line each.
pub(crate) fn advise(layout: &Layout, properties: &Properties, variables: &Variables) -> Vec<String> {
    let mut advice = Vec::new();
    let data = layout.data.as_str();
    let page = variables.get("innodb_page_size").unwrap_or("16384");
    let record = properties.get(data, "recordsize").unwrap_or(page);
    if layout.datadir != layout.point {
        advice.push(format!(
            "{data} is mounted on {} and holds more than the data directory; its snapshots hold all of that too",
            layout.point.display()
        ));
    }
    if record != page {
        advice.push(format!(
            "recordsize of {data} is {record}, InnoDB's page {page} bytes: zfs set recordsize={page} {data} (for files \
             written from then on)"
        ));
    } else if variables
        .get("innodb_doublewrite")
        .is_some_and(|value| value != "OFF" && value != "0")
    {
        advice.push(format!(
            "{data} writes InnoDB's pages whole (recordsize = page size), so innodb_doublewrite may be off"
        ));
    }
    if properties.get(data, "atime") == Some("on") {
        advice.push(format!(
            "atime of {data} is on, so that reads write: zfs set atime=off {data}"
        ));
    }
    if properties.get(data, "primarycache") == Some("all") {
        advice.push(format!(
            "{data} is cached by ZFS and by InnoDB: with a large buffer pool, zfs set primarycache=metadata {data}"
        ));
    }
    advice.extend(advise_on_redo(layout, properties));
    if variables.get("innodb_flush_log_at_trx_commit") == Some("0") {
        advice.push(
            "innodb_flush_log_at_trx_commit is 0: a crash loses commits of the last second, and a recorded position can \
             be ahead of the data"
                .to_owned(),
        );
    }
    advice
}

fn advise_on_redo(layout: &Layout, properties: &Properties) -> Option<String> {
    let redo = layout.redo.as_str();
    match properties.get(redo, "logbias")? {
        "throughput" => Some(format!(
            "logbias of {redo}, which holds the redo log, is throughput, so that commits take longer: zfs set \
             logbias=latency {redo}"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mariasnap_dbus::Dataset;

    fn layout(point: &str) -> Layout {
        Layout {
            data: Dataset::parse("tank/mysql").unwrap(),
            redo: Dataset::parse("tank/redo").unwrap(),
            point: point.into(),
            datadir: "/var/lib/mysql".into(),
            members: vec![],
            needs: vec![],
            warnings: vec![],
        }
    }

    #[test]
    fn a_tuned_server_needs_no_advice() {
        let text = "tank/mysql\trecordsize\t16384\ntank/mysql\tatime\toff\ntank/mysql\tprimarycache\tmetadata\n\
                    tank/redo\tlogbias\tlatency\n";
        let variables = Variables::new([("innodb_doublewrite".to_owned(), "OFF".to_owned())]);
        let advice = advise(&layout("/var/lib/mysql"), &Properties::parse(text), &variables);
        assert!(advice.is_empty(), "{advice:?}");
    }

    #[test]
    fn each_hint_names_the_dataset() {
        let text = "tank/mysql\trecordsize\t131072\ntank/mysql\tatime\ton\ntank/mysql\tprimarycache\tall\n\
                    tank/redo\tlogbias\tthroughput\n";
        let variables = Variables::new([("innodb_flush_log_at_trx_commit".to_owned(), "0".to_owned())]);
        let advice = advise(&layout("/"), &Properties::parse(text), &variables);
        assert_eq!(advice.len(), 6, "{advice:?}");
        assert!(advice[1].contains("recordsize=16384 tank/mysql"), "{advice:?}");
    }
}
