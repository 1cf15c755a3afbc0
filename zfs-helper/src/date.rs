//! Snapshot names: `PREFIX-YYYYMMDDTHHMMSSZ-xxxxxx`.
#![forbid(unsafe_code)]

use mariasnap_dbus::{HelperError, Prefix, SnapshotName};

/// The name of a snapshot taken at `unix` seconds, made unique by the low 24 bits of `random`.
pub(crate) fn snapshot_name(prefix: &Prefix, unix: u64, random: u32) -> Result<SnapshotName, HelperError> {
    let name = format!("{prefix}-{}-{:06x}", utc_stamp(unix), random & 0xff_ffff);
    SnapshotName::parse(&name).map_err(|error| HelperError::Misconfigured(error.to_string()))
}

/// `YYYYMMDDTHHMMSSZ` of a time in seconds since the epoch, proleptic Gregorian.
fn utc_stamp(unix: u64) -> String {
    let (days, second) = (unix / 86_400, unix % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Year, month and day of a number of days since 1970-01-01, by counting years from March in eras of 400.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        assert_eq!(utc_stamp(0), "19700101T000000Z");
        assert_eq!(utc_stamp(951_782_399), "20000228T235959Z");
        assert_eq!(utc_stamp(951_782_400), "20000229T000000Z");
        assert_eq!(utc_stamp(4_107_542_400), "21000301T000000Z");
        assert_eq!(utc_stamp(1_795_211_655), "20261120T215415Z");
    }

    proptest! {
        #[test]
        fn names_sort_by_time(a in 0u64..200_000_000_000, b in 0u64..200_000_000_000) {
            prop_assert_eq!(a.cmp(&b), utc_stamp(a).cmp(&utc_stamp(b)));
        }

        #[test]
        fn names_parse(prefix in "[a-z0-9][a-z0-9_.]{0,31}", unix in 0u64..200_000_000_000, random: u32) {
            let prefix = Prefix::parse(&prefix).unwrap();
            prop_assert!(snapshot_name(&prefix, unix, random).is_ok());
        }
    }
}
