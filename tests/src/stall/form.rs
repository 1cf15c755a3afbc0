//! The forms of the bench.

use super::{DISKS, Disk, SIDES};

/// What is asked for; of the whole, what is left out is measured.
#[derive(Debug, clap::Args)]
pub struct Form {
    /// Three rounds on the fast disk: to see that it works.
    #[arg(long)]
    quick: bool,
    /// How often each side is run [default: 40]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Disks, of fast,hdd [default: all]
    #[arg(long, value_delimiter = ',')]
    profiles: Vec<String>,
    /// Sides [default: all]
    #[arg(long, value_delimiter = ',')]
    sides: Vec<String>,
    /// Tables made before, each opened again before each turn.
    #[arg(long, default_value_t = 0)]
    pub tables: u32,
}

impl Form {
    /// How often each side is run.
    pub fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 3 } else { 40 }, usize::from)
    }

    /// The disks, in the order in which they are measured.
    pub fn disks(&self) -> Result<Vec<Disk>, String> {
        let fast = ["fast".to_owned()];
        let wanted = if self.quick && self.profiles.is_empty() {
            &fast[..]
        } else {
            &self.profiles
        };
        let names = pick(wanted, &DISKS.map(|disk| disk.name))?;
        Ok(DISKS.into_iter().filter(|disk| names.contains(&disk.name)).collect())
    }

    /// The sides' names, in order.
    pub fn sides(&self) -> Result<Vec<&'static str>, String> {
        pick(&self.sides, &SIDES.map(|side| side.name))
    }

    /// Whether its figures may stand in the documentation.
    pub fn is_whole(&self) -> bool {
        !self.quick && self.tables == 0 && self.rounds() >= 40 && self.profiles.is_empty() && self.sides.is_empty()
    }
}

/// Those of `all` that are wanted; all if none is.
fn pick(wanted: &[String], all: &[&'static str]) -> Result<Vec<&'static str>, String> {
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(&name.as_str())) {
        return Err(format!("no {unknown:?} among {}", all.join(", ")));
    }
    let is_wanted = |name: &&str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    Ok(all.iter().copied().filter(|name| is_wanted(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        form: Form,
    }

    fn form(line: &str) -> Form {
        Cli::try_parse_from(format!("bench {line}").split_whitespace())
            .unwrap()
            .form
    }

    fn disks(form: &Form) -> Vec<&'static str> {
        form.disks().unwrap().iter().map(|disk| disk.name).collect()
    }

    #[test]
    fn the_whole_is_what_is_measured_unless_told_otherwise() {
        let whole = form("");
        assert!(whole.is_whole());
        assert_eq!((whole.rounds(), disks(&whole)), (40, vec!["fast", "hdd"]));
        assert_eq!(whole.sides().unwrap().len(), 7);
        for part in [
            "--quick",
            "--rounds 39",
            "--profiles fast",
            "--sides idle",
            "--tables 1",
        ] {
            assert!(!form(part).is_whole(), "{part}");
        }
    }

    #[test]
    fn parts_are_measured_in_the_order_of_the_whole() {
        let part = form("--quick --sides exact,idle");
        assert_eq!((part.rounds(), disks(&part)), (3, vec!["fast"]));
        assert_eq!(part.sides().unwrap(), ["idle", "exact"]);
        assert_eq!(disks(&form("--quick --profiles hdd")), ["hdd"]);
        assert!(form("--sides exakt").sides().unwrap_err().contains("exakt"));
    }
}
