//! Sentences and what they look like. Each line is one judgement.

use super::{Asked as A, Shape as S, *};

#[test]
fn questions_ask_for_what_they_name() {
    for (text, expected) in [
        ("", A::Nothing),
        ("Great, thank you.", A::Nothing),
        ("Could I have your phone number?", A::Number(Length::Phone)),
        ("And what's your e-mail?", A::Email),
        ("Could you spell that for me?", A::Spelling),
        ("Under what name?", A::Name),
        ("For how many people?", A::Amount),
        ("I see. Do you have a table at seven?", A::YesNo),
        ("So that's two people at seven, right?", A::YesNo),
        ("How does that work?", A::Open),
        (
            "Please tell me the confirmation number.",
            A::Number(Length::Unknown),
        ),
        (
            "What are the last four digits of the card?",
            A::Number(Length::Exactly(4)),
        ),
        (
            "And the security code of the card?",
            A::Number(Length::Unknown),
        ),
        ("What is your zip code?", A::Number(Length::Exactly(5))),
        ("And the card number?", A::Number(Length::Exactly(16))),
        ("What's the best number?", A::Number(Length::Phone)),
        ("Do you have a table for—", A::Nothing),
    ] {
        assert_eq!(asked(text), expected, "{text}");
    }
}

#[test]
fn whole_sentences_are_complete() {
    for text in [
        "we open at five",
        "I'd like a table for two please",
        "we can do seven thirty",
        "sorry we are fully booked tonight",
        "for what",
        "yes we do have a table",
        "some time in november",
        "the third of july",
    ] {
        assert_eq!(shape(text, A::Open, false), S::Complete, "{text}");
    }
}

#[test]
fn sentences_that_trail_off_are_not() {
    for text in [
        "I'd like to book a table for",
        "we have something at",
        "so that would be two people and",
        "the earliest we could",
        "let me see if",
        "I want",
        "you can put it under",
        "saturday july",
        "thursday may",
    ] {
        assert_eq!(shape(text, A::Open, false), S::Incomplete, "{text}");
    }
    assert_eq!(shape("we could do um", A::Open, false), S::Hesitation);
    assert_eq!(shape("yes it is", A::YesNo, false), S::Short);
    assert_eq!(shape("my number is", A::Open, false), S::Announced);
}

#[test]
fn short_answers_fit_their_question() {
    assert_eq!(shape("yes", A::YesNo, false), S::Short);
    assert_eq!(shape("no thank you", A::YesNo, false), S::Short);
    assert_eq!(shape("yes", A::Open, false), S::Part);
    assert_eq!(shape("seven", A::Amount, false), S::Part);
    assert_eq!(shape("seven thirty", A::Amount, false), S::Complete);
    assert_eq!(shape("seven thirty", A::Open, false), S::Complete);
    assert_eq!(shape("maria lopez", A::Name, false), S::Neutral);
    assert_eq!(shape("hello", A::Nothing, true), S::Short);
    assert_eq!(shape("okay bye bye", A::Nothing, false), S::Short);
}

#[test]
fn numbers_are_under_way_until_they_have_all_digits() {
    let phone = A::Number(Length::Phone);
    for (text, expected) in [
        ("four one five", S::NumberUnderWay),
        ("it's 415", S::NumberUnderWay),
        (
            "four one five five five five twelve thirty four",
            S::NumberComplete,
        ),
        ("415-555-1234", S::NumberComplete),
        ("my number is", S::Announced),
        ("five five five one two double four", S::NumberComplete),
        ("I don't have one", S::Complete),
        ("double five five one two double four", S::NumberComplete),
    ] {
        assert_eq!(shape(text, phone, false), expected, "{text}");
    }
    assert_eq!(
        shape("sure it's four one five", A::Nothing, false),
        S::NumberUnderWay
    );
    assert_eq!(shape("at seven thirty", A::Open, false), S::Complete);
}

#[test]
fn groups_tell_whether_a_number_is_whole() {
    let grouped = |text: &str, asked| {
        let mut joined = String::new();
        let mut pauses = Vec::new();
        for piece in text.split(" / ") {
            if !joined.is_empty() {
                pauses.push(joined.len());
                joined.push(' ');
            }
            joined.push_str(piece);
        }
        let said = Said {
            text: &joined,
            pauses: &pauses,
        };
        shape(said, asked, false)
    };
    for (text, length, expected) in [
        (
            "it's five five five / one two three four",
            Length::Phone,
            S::NumberComplete,
        ),
        (
            "five five five one two three four",
            Length::Phone,
            S::NumberComplete,
        ),
        (
            "oh it's five five five / one two three four",
            Length::Phone,
            S::NumberComplete,
        ),
        (
            "four one five / five five five",
            Length::Phone,
            S::NumberUnderWay,
        ),
        (
            "six one / two three / four five / six seven",
            Length::Phone,
            S::NumberLocal,
        ),
        // "zero" that was heard twice, and digits that were heard as words.
        (
            "zero oh six / zero five / seven nine",
            Length::Phone,
            S::NumberUnderWay,
        ),
        (
            "three one one / one nine kayla three",
            Length::Phone,
            S::NumberComplete,
        ),
        (
            "three kayla one / client nine kayla three",
            Length::Phone,
            S::NumberLocal,
        ),
        ("five five client / three", Length::Phone, S::NumberUnderWay),
        // More words than digits are talk.
        (
            "five well I would have to look it up",
            Length::Phone,
            S::NumberUnderWay,
        ),
        (
            "four one two three / four five six seven",
            Length::Exactly(16),
            S::NumberUnderWay,
        ),
        (
            "nine four / one one oh",
            Length::Exactly(5),
            S::NumberComplete,
        ),
        (
            "nine four one one client",
            Length::Exactly(5),
            S::NumberLocal,
        ),
        (
            "four one two three / four five six seven / eight nine",
            Length::Unknown,
            S::NumberLocal,
        ),
    ] {
        assert_eq!(grouped(text, A::Number(length)), expected, "{text}");
    }
}

#[test]
fn addresses_and_letters_are_heard_out() {
    assert_eq!(shape("maria dot lopez", A::Email, false), S::EmailUnderWay);
    assert_eq!(shape("maria at gmail", A::Email, false), S::EmailUnderWay);
    assert_eq!(
        shape("maria at gmail dot com", A::Email, false),
        S::EmailComplete
    );
    assert_eq!(shape("maria@gmail.com", A::Open, false), S::EmailComplete);
    assert_eq!(shape("l o p", A::Spelling, false), S::Spelling);
    assert_eq!(shape("lopez l o", A::Name, false), S::Spelling);
    for (text, whole) in [
        ("it's fischer f i s c h", false),
        ("it's fischer f i s c h e r", true),
        ("l e", false),
        ("l o p e z", true),
        ("g r a n t", true),
        ("g r a n", false),
        ("m i double l e r", true),
        ("m i double l", false),
        ("it's vandersloot v a n d e r s l double o t", true),
        ("s as in sierra m i t h", true),
        ("p for peter a tea e l", true),
        ("then e l s o n", true),
        ("x z q v", false),
        ("m i l double", false),
        ("smith with a y", false),
    ] {
        let expected = if whole {
            S::SpellingComplete
        } else {
            S::Spelling
        };
        assert_eq!(shape(text, A::Spelling, false), expected, "{text}");
    }
}
