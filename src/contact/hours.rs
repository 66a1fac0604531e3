//! At what time of day somebody may be called: by the clock of the place that the number belongs to. Where an area code
//! lies in several time zones, it must be a good time in all of them.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, ToSpan, civil::Time, tz::TimeZone};

use super::zones;

/// Rounds of looking for a time that is good everywhere; each goes forward in at least one zone.
const ROUNDS: usize = 32;

/// From when to when calls are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// Minutes after midnight.
    start: u16,
    /// Minutes after midnight, at most 24 hours; calls begin before it.
    end: u16,
}

/// When a number may be called next, and by which clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// The time.
    pub at: Timestamp,
    /// The time zones that the number may be in.
    pub zones: String,
    /// The hours that hold there.
    pub hours: Hours,
}

impl Hours {
    /// Makes hours from two texts like `08:00`.
    ///
    /// # Errors
    /// A sentence when one is no time of day, or the end is not after the start.
    pub fn new(start: &str, end: &str) -> Result<Self, String> {
        let hours = Self {
            start: start.parse::<Minutes>()?.0,
            end: end.parse::<Minutes>()?.0,
        };
        if hours.start >= hours.end {
            return Err(format!("\"{start}\" is not before \"{end}\""));
        }
        Ok(hours)
    }

    /// Returns when `number` may be called, if that is not at `now`.
    #[must_use]
    pub fn wait(self, number: &str, now: Timestamp) -> Option<Later> {
        let zones = zones::of(number);
        let mut at = now;
        for _ in 0..ROUNDS {
            let next = zones.iter().map(|(_, zone)| self.next(zone, at)).max();
            let next = next.unwrap_or(at);
            if next == at {
                break;
            }
            at = next;
        }
        (at > now).then(|| Later {
            at,
            zones: zones
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", "),
            hours: self,
        })
    }

    /// Returns the first time from `at` on that is good in one zone.
    fn next(self, zone: &TimeZone, at: Timestamp) -> Timestamp {
        let local = at.to_zoned(zone.clone());
        let now = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute()));
        let now = now.unwrap_or(0);
        if (self.start..self.end).contains(&now) {
            return at;
        }
        let today = local.date();
        let day = if now < self.start {
            today
        } else {
            today.checked_add(1.day()).unwrap_or(today)
        };
        let hour = i8::try_from(self.start / 60).unwrap_or(0);
        let minute = i8::try_from(self.start % 60).unwrap_or(0);
        let opens = Time::new(hour, minute, 0, 0).unwrap_or(Time::midnight());
        // Where the clocks are set forward over it, it is as much later.
        let opens = day.to_datetime(opens).to_zoned(zone.clone());
        opens.map_or(at, |opens| opens.timestamp().max(at))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start, self.end);
        write!(
            f,
            "{:02}:{:02} to {:02}:{:02}",
            start / 60,
            start % 60,
            end / 60,
            end % 60
        )
    }
}

struct Minutes(u16);

impl FromStr for Minutes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no time of day like \"08:00\"");
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(hours) || !digits(minutes) {
            return Err(wrong());
        }
        let number = |digits: &str| digits.parse::<u16>().map_err(|_| wrong());
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let all = hours * 60 + minutes;
        if minutes > 59 || all > 24 * 60 {
            return Err(wrong());
        }
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(hours: (&str, &str), number: &str, now: &str) -> Option<String> {
        let hours = Hours::new(hours.0, hours.1).unwrap();
        let later = hours.wait(number, now.parse().unwrap());
        later.map(|later| later.at.to_string())
    }

    #[test]
    fn the_callees_clock_counts() {
        let day = ("08:00", "21:00");
        // 12:00 UTC is 04:00 in San Francisco and 07:00 in New York.
        for (number, now, next) in [
            (
                "+14155551234",
                "2026-02-20T12:00:00Z",
                Some("2026-02-20T16:00:00Z"),
            ),
            (
                "+12125551234",
                "2026-02-20T12:00:00Z",
                Some("2026-02-20T13:00:00Z"),
            ),
            ("+12125551234", "2026-02-20T13:00:00Z", None),
            ("+12125551234", "2026-02-21T01:59:59Z", None),
            (
                "+12125551234",
                "2026-02-21T02:00:00Z",
                Some("2026-02-21T13:00:00Z"),
            ),
            // In summer an hour earlier.
            ("+12125551234", "2026-07-20T12:00:00Z", None),
            // Phoenix has no summer time.
            (
                "+16025551234",
                "2026-07-20T14:59:00Z",
                Some("2026-07-20T15:00:00Z"),
            ),
            // Newfoundland is half an hour ahead of Labrador, which has the same area code.
            (
                "+17095551234",
                "2026-02-20T11:00:00Z",
                Some("2026-02-20T12:00:00Z"),
            ),
            (
                "+17095551234",
                "2026-02-21T00:30:00Z",
                Some("2026-02-21T12:00:00Z"),
            ),
        ] {
            assert_eq!(wait(day, number, now).as_deref(), next, "{number} {now}");
        }
    }

    #[test]
    fn several_zones_must_all_agree() {
        let day = ("08:00", "21:00");
        // 850 lies in Florida's two zones: from 08:00 Central to 21:00 Eastern.
        for (now, next) in [
            ("2026-02-20T13:30:00Z", Some("2026-02-20T14:00:00Z")),
            ("2026-02-20T14:00:00Z", None),
            ("2026-02-21T01:59:00Z", None),
            ("2026-02-21T02:00:00Z", Some("2026-02-21T14:00:00Z")),
        ] {
            assert_eq!(wait(day, "+18505551234", now).as_deref(), next, "{now}");
        }
        // A toll-free number may ring on either coast.
        assert_eq!(
            wait(day, "+18005551234", "2026-02-20T15:00:00Z").as_deref(),
            Some("2026-02-20T16:00:00Z")
        );
    }

    #[test]
    fn clocks_that_are_set_do_not_confuse_it() {
        // On 2026-03-08 there is no 02:30 in New York: 01:59:59 is followed by 03:00.
        let early = ("02:30", "05:00");
        let next = wait(early, "+12125551234", "2026-03-08T05:00:00Z");
        assert_eq!(next.as_deref(), Some("2026-03-08T07:30:00Z"));
    }

    #[test]
    fn hours_are_read() {
        assert_eq!(
            Hours::new("08:00", "24:00").unwrap().to_string(),
            "08:00 to 24:00"
        );
        for (start, end) in [
            ("8:00", "21:00"),
            ("08:60", "21:00"),
            ("08:00", "24:01"),
            ("21:00", "08:00"),
            ("08:00", "08:00"),
            ("", ""),
            ("08-00", "21:00"),
            ("+8:00", "21:00"),
        ] {
            assert!(Hours::new(start, end).is_err(), "{start} {end}");
        }
    }
}
