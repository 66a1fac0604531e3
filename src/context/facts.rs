//! What is known of a callee: gathered from pages, and cut to a number of tokens, the most useful first.

use protocol::rest::{Context, Time};

/// What a page may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Offers,
    Contact,
}

/// Facts, without repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(super) title: Option<String>,
    pub(super) hours: Vec<String>,
    pub(super) phone: Vec<String>,
    pub(super) address: Vec<String>,
    pub(super) offers: Vec<String>,
    pub(super) lines: Vec<String>,
}

/// Most entries of one kind.
const MOST: usize = 40;
/// Longest entry, in characters.
const LONGEST: usize = 300;

/// Adds an entry, tidied, unless it is there already.
pub(super) fn add(list: &mut Vec<String>, entry: &str) {
    let entry = entry.split_whitespace().collect::<Vec<_>>().join(" ");
    let entry: String = entry
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    if !entry.is_empty() && list.len() < MOST && !list.contains(&entry) {
        list.push(entry);
    }
}

impl Facts {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a page about this would tell something new.
    pub(super) fn lacks(&self, about: About) -> bool {
        match about {
            About::Offers => self.offers.len() < 3,
            About::Contact => {
                self.hours.is_empty() || self.phone.is_empty() || self.address.is_empty()
            }
        }
    }

    /// Adds what another page says.
    pub(super) fn add(&mut self, other: Self) {
        self.title = self.title.take().or(other.title);
        for (list, more) in [
            (&mut self.hours, other.hours),
            (&mut self.phone, other.phone),
            (&mut self.address, other.address),
            (&mut self.offers, other.offers),
        ] {
            for entry in more {
                add(list, &entry);
            }
        }
        for line in other.lines {
            if !self.lines.contains(&line) {
                self.lines.push(line);
            }
        }
    }

    /// Returns as much as fits into so many tokens: title, hours, phone, address, offers, and the text with what is left.
    pub(super) fn within(
        self,
        tokens: u32,
        url: String,
        problem: Option<String>,
        read_at: Time,
    ) -> Context {
        let mut left = tokens;
        let mut take = |entries: Vec<String>| -> Vec<String> {
            let mut taken = Vec::new();
            for entry in entries {
                let cost = cost(&entry);
                if cost > left {
                    break;
                }
                left -= cost;
                taken.push(entry);
            }
            taken
        };
        let title = take(self.title.into_iter().collect()).pop();
        let (hours, phone, address) = (take(self.hours), take(self.phone), take(self.address));
        let offers = take(self.offers);
        let text = take(self.lines).join("\n");
        Context {
            url,
            title,
            hours,
            phone,
            address,
            offers,
            text: (!text.is_empty()).then_some(text),
            tokens: tokens - left,
            problem,
            read_at,
        }
    }
}

/// Tokens of an entry with its line: a third of its bytes, which is more than tokenizers in use make of ordinary text in any
/// language.
fn cost(entry: &str) -> u32 {
    u32::try_from(entry.len().div_ceil(3) + 2).unwrap_or(u32::MAX)
}

/// Returns what is known as the text that a model is given.
pub(crate) fn told(context: &Context) -> Option<String> {
    let mut lines = Vec::new();
    let mut add = |name: &str, entries: &[String]| {
        if !entries.is_empty() {
            lines.push(format!("{name}: {}", entries.join("; ")));
        }
    };
    add("Title", context.title.as_slice());
    add("Opening hours", &context.hours);
    add("Phone", &context.phone);
    add("Address", &context.address);
    add("Menu, services and prices", &context.offers);
    add("Text", context.text.as_slice());
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_useful_comes_first_and_nothing_beyond_the_limit() {
        let many = |name: &str| (0..30).map(|n| format!("{name} number {n}")).collect();
        let facts = Facts {
            title: Some("Nopa".into()),
            hours: vec!["Mo-Su 17:00-22:00".into()],
            offers: many("dish"),
            lines: many("line"),
            ..Facts::default()
        };
        for tokens in [0, 5, 50, 200, 400] {
            let time = Time::from(jiff::Timestamp::UNIX_EPOCH);
            let context = facts.clone().within(tokens, String::new(), None, time);
            let told = told(&context).unwrap_or_default();
            assert!(context.tokens <= tokens);
            assert_eq!(told.contains("Mo-Su"), tokens >= 50, "{tokens}: {told}");
            assert_eq!(told.contains("line number 0"), tokens >= 400, "{tokens}");
        }
    }
}
