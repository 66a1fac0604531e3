//! What the documents say of an experiment, for its page: what each figure means, and what was tried.
//!
//! Taken from the documents themselves, so that a report and the documents never differ.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};
use serde::Serialize;

use crate::bench::bars::known::{BARGE_IN, CAPACITY, END_OF_TURN, ENDURANCE, LATENCY, SPEECH};

/// One experiment's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Notes {
    /// Where they are from.
    document: &'static str,
    /// What the figures mean, as HTML.
    definitions: String,
    /// What was tried, and limits, as HTML.
    tried: Option<String>,
}

/// Where an experiment is written about.
struct Place {
    experiment: &'static str,
    document: &'static str,
    text: &'static str,
    /// The heading above what its figures mean.
    definitions: &'static str,
    /// The heading above what was tried, if anything was.
    tried: Option<&'static str>,
}

const PLACES: [Place; 6] = [
    Place {
        experiment: END_OF_TURN,
        document: "docs/turn-taking.md",
        text: include_str!("../../../docs/turn-taking.md"),
        definitions: "What the figures mean",
        tried: Some("What was tried, and limits"),
    },
    Place {
        experiment: BARGE_IN,
        document: "docs/turn-taking/barge-in.md",
        text: include_str!("../../../docs/turn-taking/barge-in.md"),
        definitions: "What the figures mean",
        tried: Some("What was tried, and limits"),
    },
    Place {
        experiment: SPEECH,
        document: "docs/speech.md",
        text: include_str!("../../../docs/speech.md"),
        definitions: "What is measured, and how",
        tried: Some("What was found"),
    },
    Place {
        experiment: LATENCY,
        document: "docs/capacity.md",
        text: include_str!("../../../docs/capacity.md"),
        definitions: "The engine's own share",
        tried: None,
    },
    Place {
        experiment: CAPACITY,
        document: "docs/capacity.md",
        text: include_str!("../../../docs/capacity.md"),
        definitions: "Capacity",
        tried: Some("Figures so far"),
    },
    Place {
        experiment: ENDURANCE,
        document: "docs/capacity.md",
        text: include_str!("../../../docs/capacity.md"),
        definitions: "Memory over many calls",
        tried: Some("Figures so far"),
    },
];

impl Notes {
    /// Returns those of every experiment.
    pub(super) fn all() -> BTreeMap<&'static str, Self> {
        let of = |place: Place| {
            let notes = Self {
                document: place.document,
                definitions: html(&section(place.text, place.definitions)),
                tried: place.tried.map(|tried| html(&section(place.text, tried))),
            };
            (place.experiment, notes)
        };
        PLACES.into_iter().map(of).collect()
    }
}

/// Returns what stands under a heading of the second level; nothing where there is none.
fn section(text: &str, heading: &str) -> String {
    let wanted = format!("## {heading}");
    text.lines()
        .skip_while(|line| *line != wanted)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Returns Markdown as HTML. Links keep their words only: where they lead is not in the file.
fn html(markdown: &str) -> String {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES);
    let kept = events.filter(|event| {
        !matches!(
            event,
            Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link)
        )
    });
    let mut out = String::new();
    html::push_html(&mut out, kept);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_experiment_has_definitions_and_what_was_tried() {
        for (experiment, notes) in Notes::all() {
            for text in [Some(&notes.definitions), notes.tried.as_ref()]
                .into_iter()
                .flatten()
            {
                assert!(
                    text.len() > 200,
                    "{experiment}: {text:?}; was a heading renamed?"
                );
            }
        }
        let notes = Notes::all();
        assert!(
            notes[END_OF_TURN]
                .definitions
                .contains("<td>cut pause</td>")
        );
        assert!(
            notes[BARGE_IN]
                .definitions
                .contains("<strong>missed</strong>")
        );
        assert!(notes[SPEECH].definitions.contains("<td>wer</td>"));
        assert!(notes[LATENCY].definitions.contains("engine_ms"));
        assert!(notes[CAPACITY].definitions.contains("cores_per_call"));
        assert!(notes[ENDURANCE].definitions.contains("--total-calls"));
    }

    #[test]
    fn a_section_ends_at_the_next_and_its_links_are_words() {
        let text = "# A\n\n## B\n\nsee [there](x.md) & `<here>`\n\n### C\n\nmore\n\n## D\n\nelse\n";
        let found = html(&section(text, "B"));
        assert_eq!(
            found,
            "<p>see there &amp; <code>&lt;here&gt;</code></p>\n<h3>C</h3>\n<p>more</p>\n"
        );
        assert_eq!(section(text, "E"), "");
    }
}
