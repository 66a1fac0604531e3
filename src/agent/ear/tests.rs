use super::*;

fn said(text: &str) -> String {
    spoken(text, "en-US").text
}

fn check(cases: &[(&str, &str)]) {
    for (written, expected) in cases {
        assert_eq!(said(written), *expected, "{written}");
    }
}

#[test]
fn amounts_and_ordinals() {
    check(&[
        ("A table for 2, please.", "A table for two, please."),
        ("We are 120 people.", "We are one hundred twenty people."),
        (
            "It has 1,250 seats.",
            "It has one thousand two hundred fifty seats.",
        ),
        ("about 3.5 miles", "about three point five miles"),
        ("15% off", "fifteen percent off"),
        ("the 3rd floor", "the third floor"),
        ("the 21st and the 40th", "the twenty-first and the fortieth"),
        ("1/2 portion", "one half portion"),
        ("4-6 people", "four to six people"),
        ("room #12", "room number twelve"),
        ("2,000,000 users", "two million users"),
        ("order 00451", "order zero zero four five one"),
        ("item 123456", "item one two three four five six"),
    ]);
}

#[test]
fn times_of_day() {
    check(&[
        ("at 7:30 p.m. tonight", "at seven thirty p m tonight"),
        ("at 7pm", "at seven p m"),
        ("at 7 PM", "at seven p m"),
        ("at 7:00", "at seven o'clock"),
        ("at 19:30", "at seven thirty p m"),
        ("at 7:05 am?", "at seven oh five a m?"),
        ("from 9am-5pm", "from nine a m to five p m"),
        ("11:30-14:00", "eleven thirty to two p m"),
        ("5-7 pm", "five to seven p m"),
        ("at 12:15 AM.", "at twelve fifteen a m."),
        ("I am 7 years old", "I am seven years old"),
    ]);
}

#[test]
fn dates() {
    check(&[
        (
            "on 2026-11-26.",
            "on November twenty-sixth, twenty twenty-six.",
        ),
        (
            "on 11/26/2026",
            "on November twenty-sixth, twenty twenty-six",
        ),
        ("on Nov. 26", "on November twenty-sixth"),
        (
            "November 26, 2026",
            "November twenty-sixth, twenty twenty-six",
        ),
        ("December 3rd", "December third"),
        ("the 5 May", "the fifth of May"),
        ("you may 2 times", "you may two times"),
    ]);
}

#[test]
fn prices() {
    check(&[
        ("It is $12.50.", "It is twelve dollars and fifty cents."),
        ("$1", "one dollar"),
        ("$1,250", "one thousand two hundred fifty dollars"),
        ("$0.99", "ninety-nine cents"),
        ("US$20", "twenty dollars"),
        ("\u{20ac}20", "twenty euros"),
        ("20\u{20ac}", "twenty euros"),
        ("\u{a3}3.01", "three pounds and one penny"),
        ("$5 million", "five million dollars"),
        ("$2.5 million", "two point five million dollars"),
    ]);
}

#[test]
fn telephone_numbers() {
    let number = "four one five, five five five, one two three four";
    for written in [
        "415-555-1234",
        "(415) 555-1234",
        "415.555.1234",
        "4155551234",
        "415 555 1234",
    ] {
        assert_eq!(
            said(&format!("Call {written}.")),
            format!("Call {number}."),
            "{written}"
        );
    }
    check(&[
        ("+1 (415) 555-1234", &format!("one, {number}")),
        ("+14155551234, please", &format!("one, {number}, please")),
        ("555-1234", "five five five, one two three four"),
    ]);
}

#[test]
fn addresses() {
    check(&[
        ("123 Main St.", "one twenty-three Main Street."),
        (
            "at 560 Divisadero St, San Francisco",
            "at five sixty Divisadero Street, San Francisco",
        ),
        ("1200 N 5th Ave", "twelve hundred North fifth Avenue"),
        (
            "2005 Market St Apt 4B",
            "twenty oh five Market Street apartment four B",
        ),
        (
            "San Francisco, CA 94117.",
            "San Francisco, California nine four one one seven.",
        ),
        ("with Dr. Chen", "with Doctor Chen"),
    ]);
}

#[test]
fn mail_sites_names_and_codes() {
    check(&[
        (
            "Write to maria.lopez@gmail.com.",
            "Write to maria dot lopez at gmail dot com.",
        ),
        (
            "j_smith99@sf-mail.co",
            "j underscore smith nine nine at s f dash mail dot co",
        ),
        (
            "see www.nopasf.com/menu",
            "see w w w dot nopasf dot com slash menu",
        ),
        ("nopa.com", "nopa dot com"),
        ("That is L-O-P-E-Z.", "That is L, O, P, E, Z."),
        (
            "L O P E Z, like the singer",
            "L, O, P, E, Z, like the singer",
        ),
        ("code AB12C3", "code A B one two C three"),
        ("seat 4B", "seat four B"),
        ("fish & chips", "fish and chips"),
    ]);
}

#[test]
fn plain_words_stay_as_they_are() {
    for text in [
        "Hello, I'd like to book a table, please.",
        "That's well-known; isn't it?",
        "\u{201c}Nopa\u{201d} \u{2014} good evening!",
        "I may be late. March on.",
        "A B test",
        "The U.S. team",
    ] {
        let spoken = spoken(text, "en");
        assert_eq!(spoken.text, text);
        assert!(!spoken.differs());
    }
    assert_eq!(
        spoken("Mesa para 2 a las 19:30", "es").text,
        "Mesa para 2 a las 19:30"
    );
}

#[test]
fn every_written_word_knows_when_it_was_said() {
    let spoken = spoken("Pay $12.50 at 7 pm.", "en");
    assert_eq!(
        spoken.text,
        "Pay twelve dollars and fifty cents at seven p m."
    );
    let ends: Vec<_> = (1..=10).map(|n| Duration::from_millis(100 * n)).collect();
    let ms = |all: &[u64]| {
        all.iter()
            .map(|ms| Duration::from_millis(*ms))
            .collect::<Vec<_>>()
    };
    assert_eq!(spoken.written(&ends), ms(&[100, 600, 700, 800, 1000]));
    assert_eq!(
        spoken.written(&ends[..3]),
        ms(&[100]),
        "no price before its last word"
    );
    let estimate = spoken.estimate(Some(Duration::from_secs(4)));
    assert_eq!(estimate.len(), 5);
    assert_eq!(estimate[4], Duration::from_secs(4));
    assert!(estimate[1] > Duration::from_secs(2), "{estimate:?}");
}

#[test]
fn no_text_is_too_strange() {
    let mut random = fastrand::Rng::with_seed(11);
    let parts = [
        "$",
        "7",
        "30",
        ":",
        "-",
        ".",
        "@",
        "/",
        "#",
        "%",
        "pm",
        "St",
        "CA",
        " ",
        "(",
        ")",
        ",",
        "\u{20ac}",
        "A",
        "May",
        "999999999999999999999",
        "\u{e9}",
        "th",
    ];
    for _ in 0..20_000 {
        let text: String = (0..random.usize(..12))
            .map(|_| parts[random.usize(..parts.len())])
            .collect();
        let spoken = spoken(&text, "en");
        assert_eq!(
            spoken.until.len(),
            text.split_whitespace().count(),
            "{text:?}"
        );
        assert!(spoken.until.is_sorted());
        let words = spoken.text.split_whitespace().count();
        assert_eq!(spoken.until.last().copied().unwrap_or(0), words, "{text:?}");
    }
}
