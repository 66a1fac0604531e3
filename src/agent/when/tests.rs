//! Tests of [`super`].

use jiff::civil::Weekday;

use super::*;
use crate::agent::words::words;

fn read(text: &str) -> Vec<String> {
    times(&words(text), false)
        .iter()
        .map(|t| t.usual(Time::new(9 * 60)).iso())
        .collect()
}

#[test]
fn times_as_people_write_and_say_them() {
    for (text, expected) in [
        ("at 7pm", "19:00"),
        ("7:30 p.m.", "19:30"),
        ("19:00", "19:00"),
        ("0:15", "00:15"),
        ("seven thirty", "19:30"),
        ("seven oh five p m", "19:05"),
        ("at noon", "12:00"),
        ("midnight", "00:00"),
        ("half past six", "18:30"),
        ("quarter to eight", "19:45"),
        ("ten past seven in the morning", "07:10"),
        ("at ate thirty", "20:30"),
        ("at for thirty", "16:30"),
        ("eight o'clock", "20:00"),
        ("about eleven", "11:00"),
        ("12:30 am", "00:30"),
        ("twelve pm", "12:00"),
        ("eight forty five tonight", "20:45"),
    ] {
        assert_eq!(read(text), [expected], "{text}");
    }
    assert_eq!(read("from nine to five"), ["09:00", "17:00"]);
    assert_eq!(read("between 6 and 8"), ["18:00", "20:00"]);
    assert_eq!(read("six thirty or eight thirty"), ["18:30", "20:30"]);
}

#[test]
fn other_numbers_are_no_times() {
    for text in [
        "a table for two",
        "for thirty people",
        "four one five five five five one two three four",
        "it costs twenty five dollars",
        "two people",
        "25:00",
        "7:61",
        "about ten minutes",
    ] {
        assert!(times(&words(text), false).is_empty(), "{text}");
    }
    assert_eq!(
        times(&words("seven"), true).len(),
        1,
        "an answer to a question about the time"
    );
}

#[test]
fn a_bare_hour_is_read_by_what_it_is_near() {
    let heard = &times(&words("how about nine or"), false)[0];
    assert_eq!(heard.near(Time::new(19 * 60)).iso(), "21:00");
    assert_eq!(heard.near(Time::new(10 * 60)).iso(), "09:00");
    assert_eq!(heard.usual(Time::new(8 * 60)).iso(), "09:00");
}

#[test]
fn times_are_said_and_written() {
    let said: Vec<String> = [0, 720, 1140, 510, 1145, 30]
        .map(|m| Time::new(m).spoken())
        .into();
    assert_eq!(
        said,
        [
            "midnight",
            "noon",
            "seven p.m.",
            "eight thirty a.m.",
            "seven oh five p.m.",
            "twelve thirty a.m."
        ]
    );
    assert_eq!(Time::new(1140).written(), "7:00 PM");
    for minutes in (0..1440).step_by(5) {
        let time = Time::new(minutes);
        let back = times(&words(&format!("at {}", time.spoken())), false);
        assert_eq!(
            back.first().map(|t| t.near(time)),
            Some(time),
            "{}",
            time.spoken()
        );
    }
}

#[test]
fn days_resolve_from_the_date_of_the_call() {
    let today = "2026-11-23".parse().ok(); // a Monday
    for (text, date, said) in [
        ("tonight", "2026-11-23", "tonight"),
        ("tomorrow evening", "2026-11-24", "tomorrow"),
        (
            "the day after tomorrow",
            "2026-11-25",
            "the day after tomorrow",
        ),
        ("on friday", "2026-11-27", "on Friday"),
        ("Monday", "2026-11-23", "on Monday"),
        ("December 5th", "2026-12-05", "on December fifth"),
        ("the fifth of march", "2027-03-05", "on March fifth"),
        ("5 March", "2027-03-05", "on March fifth"),
        ("2026-12-24", "2026-12-24", "on December twenty-fourth"),
        ("12/24", "2026-12-24", "on December twenty-fourth"),
        (
            "friday the fourth of december",
            "2026-12-04",
            "on December fourth",
        ),
    ] {
        let found = days(&words(text));
        assert_eq!(found.len(), 1, "{text}");
        let day = found[0].1;
        assert_eq!(
            day.date(today).map(|d| d.to_string()).as_deref(),
            Some(date),
            "{text}"
        );
        assert_eq!(day.spoken(), said, "{text}");
    }
    assert!(days(&words("may i have your name")).is_empty());
    assert_eq!(Day::Weekday(Weekday::Friday, true).date(today), None);
}

#[test]
fn the_same_day_by_two_names() {
    let today = "2026-11-23".parse().ok();
    assert!(Day::Tonight.is_same(Day::Weekday(Weekday::Monday, false), today));
    assert!(
        Day::Weekday(Weekday::Friday, true).is_same(Day::Weekday(Weekday::Friday, false), today)
    );
    assert!(Day::Today.is_same(Day::Tonight, None));
    assert!(!Day::Tomorrow.is_same(Day::Tonight, today));
}
