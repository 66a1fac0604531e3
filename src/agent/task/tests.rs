//! Tests of [`super`].

use super::*;

fn task(objective: &str) -> Task {
    with(objective, "")
}

fn with(objective: &str, instructions: &str) -> Task {
    Task::read(&Brief {
        objective: objective.to_owned(),
        instructions: Some(instructions.to_owned()),
        business_name: Some("Nopa".to_owned()),
        today: "2026-11-23".to_owned(),
        ..Brief::default()
    })
}

#[test]
fn the_request_is_put_into_words() {
    for (objective, kind, said) in [
        (
            "Book a table for 2 at 7pm",
            Kind::Table,
            "I'd like to book a table for two tonight at seven p.m., please.",
        ),
        (
            "book a table for four tomorrow at 7:30",
            Kind::Table,
            "I'd like to book a table for four tomorrow at seven thirty p.m., please.",
        ),
        (
            "Make a dinner reservation for 6 people on Friday at 20:00, outside if possible",
            Kind::Table,
            "I'd like to book a table for six outside on Friday at eight p.m., please.",
        ),
        (
            "Please schedule a haircut for Anna Lee on Tuesday at 3pm",
            Kind::Booking,
            "I'd like to schedule a haircut for Anna Lee on Tuesday at three p.m., please.",
        ),
        (
            "Book a double room for 2 nights from December 5th",
            Kind::Booking,
            "I'd like to book a double room for two nights from December 5th, please.",
        ),
        (
            "Cancel my reservation under the name Smith for tomorrow at 7pm",
            Kind::Cancel,
            "I'd like to cancel my reservation under the name Smith for tomorrow at seven p.m., please.",
        ),
        (
            "Move the reservation under Smith from Friday to Saturday at 8pm.",
            Kind::Reschedule,
            "I'd like to move the reservation under Smith from Friday to Saturday at eight p.m., please.",
        ),
        (
            "Ask what their opening hours are on Sunday",
            Kind::Hours,
            "Could you tell me what your opening hours are on Sunday, please?",
        ),
        (
            "Get the opening hours for Sunday",
            Kind::Hours,
            "Could you tell me your opening hours on Sunday, please?",
        ),
        (
            "Find out how much a men's haircut costs",
            Kind::Price,
            "Could you tell me how much a men's haircut costs, please?",
        ),
        (
            "Ask if they have vegan options",
            Kind::Question,
            "Could you tell me if you have vegan options, please?",
        ),
        (
            "Do they have parking?",
            Kind::Question,
            "I have a question: do you have parking?",
        ),
        (
            "Leave a message for Anna: the parcel is ready",
            Kind::Message,
            "I have a message for Anna: the parcel is ready.",
        ),
        (
            "Tell them that I will be 10 minutes late",
            Kind::Message,
            "I have a message for you: I will be ten minutes late.",
        ),
        (
            "Order 2 large pizzas for delivery",
            Kind::Request,
            "I'd like to order two large pizzas for delivery, please.",
        ),
        (
            "Complaint about the noise",
            Kind::Request,
            "I'm calling about this: complaint about the noise. Could you help me with that?",
        ),
    ] {
        let task = task(objective);
        assert_eq!(
            (task.kind, task.request.as_str()),
            (kind, said),
            "{objective}"
        );
    }
}

#[test]
fn details_are_found() {
    let task = with(
        "Reserve a table for 3 people next Friday between 6 and 8pm under the name of Dana O'Brien",
        "My number is (415) 555-1234. One of us has a peanut allergy.",
    );
    assert_eq!(task.party, Some(3));
    assert_eq!(task.name.as_deref(), Some("Dana O'Brien"));
    assert_eq!(task.phone.as_deref(), Some("4155551234"));
    assert_eq!(task.needs, ["One of us has a peanut allergy"]);
    assert_eq!(task.time.map(Time::iso).as_deref(), Some("18:00"));
    assert_eq!(task.limits.latest.map(Time::iso).as_deref(), Some("20:00"));
    assert_eq!(task.when_spoken(), "next Friday at six p.m.");
}

#[test]
fn names_are_found_where_people_put_them() {
    for (objective, name) in [
        ("Book a table for 2 at 7pm under Smith", Some("Smith")),
        (
            "book a table for 2 at 7pm under the name smith",
            Some("Smith"),
        ),
        (
            "Book a table for 2 at 7pm. Name: Dana White.",
            Some("Dana White"),
        ),
        ("Book a table for 2 at 7pm for Anna Lee", Some("Anna Lee")),
        (
            "Book a table for 2 at 7pm in the name of Dr. J. Smith, please",
            Some("Dr J Smith"),
        ),
        ("Book a table for 2 at 7pm", None),
        ("Book a table for Thanksgiving dinner at Nopa", None),
        ("Book a table for Friday for Nopa", None),
    ] {
        assert_eq!(task(objective).name.as_deref(), name, "{objective}");
    }
}

#[test]
fn limits_are_read() {
    let limits = |text: &str| task(text).limits;
    assert!(limits("Book a table for 2 at exactly 7pm").exact);
    assert!(limits("Book a table for 2 at 7pm, the time is flexible").any_time);
    assert!(limits("Book the next available appointment").any_day);
    assert_eq!(
        limits("Book a table for 2 at 7pm, no later than 8pm")
            .latest
            .map(Time::iso)
            .as_deref(),
        Some("20:00")
    );
    assert_eq!(
        limits("Book a table for 2 after 6pm")
            .earliest
            .map(Time::iso)
            .as_deref(),
        Some("18:00")
    );
    assert_eq!(limits("Book a table for 2 at 7pm"), Limits::default());
}

#[test]
fn a_day_is_presumed_for_a_table_only() {
    assert_eq!(task("Book a table for 2 at 7pm").day, Some(Day::Tonight));
    assert_eq!(task("Book a table for 2 at noon").day, Some(Day::Today));
    assert_eq!(task("Book a haircut at 3pm").day, None);
}

#[test]
fn any_text_can_be_an_objective() {
    for text in [
        "",
        " ",
        ".",
        "7",
        "???",
        "for for for",
        "Name:",
        "\u{1f600} \u{2014}",
        "Book",
        "tell",
        "ask for",
    ] {
        assert!(!task(text).request.is_empty(), "{text:?}");
    }
}
