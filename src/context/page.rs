//! Finds out what a page says: its visible text line by line, and the facts in it.
//!
//! Facts that the page states for machines (schema.org, as JSON-LD or microdata) are believed first; what only people can
//! read is recognised by its shape: lines with weekdays and times, what follows a heading like "Menu", prices, addresses with
//! a postal code. The HTML is parsed by `scraper`, as browsers do; this file never fails, whatever it is given.

mod schema;

use std::collections::HashMap;

use reqwest::Url;
use scraper::{ElementRef, Html, Node, Selector};

use super::facts::{About, Facts, add};

/// Lines that are looked at; what is beyond is not.
const MOST_LINES: usize = 3000;
/// Elements within each other; a page for people has a few dozen.
const DEEPEST: u32 = 2000;
/// Elements that need no end.
const UNCLOSED: [&str; 18] = [
    "p", "li", "td", "th", "tr", "dd", "dt", "br", "hr", "img", "input", "link", "meta", "option",
    "source", "wbr", "area", "col",
];
/// Lines after a heading that belong to it.
const SECTION: usize = 30;
/// Elements whose text nobody sees, or that only lead elsewhere.
const UNSEEN: [&str; 10] = [
    "script", "style", "noscript", "svg", "template", "iframe", "nav", "head", "select", "form",
];
/// Elements that do not end a line.
const INLINE: [&str; 20] = [
    "a", "abbr", "b", "bdi", "cite", "code", "data", "em", "font", "i", "mark", "q", "s", "small",
    "span", "strong", "sub", "sup", "time", "u",
];
/// Words of headings above what is offered.
const OFFERS: [&str; 14] = [
    "menu",
    "services",
    "service",
    "prices",
    "pricing",
    "rates",
    "treatments",
    "specials",
    "starters",
    "mains",
    "desserts",
    "speisekarte",
    "leistungen",
    "carte",
];
/// Words of links to contact and hours.
const CONTACT: [&str; 11] = [
    "hours",
    "contact",
    "visit",
    "location",
    "find us",
    "reservations",
    "kontakt",
    "contacto",
    "horario",
    "horaires",
    "ffnungszeiten",
];
/// How days are written, from their beginnings.
const DAYS: [&str; 13] = [
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "daily",
    "every day",
    "weekday",
    "weekend",
    "open",
    "hours",
];

/// Another page of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) url: Url,
    pub(super) about: About,
}

#[derive(Debug, Default)]
struct Line {
    text: String,
    heading: bool,
}

/// Reads a page that was found at `url`.
pub(super) fn read(url: &Url, text: &str) -> (Facts, Vec<Link>) {
    let html = Html::parse_document(shallow(text));
    let mut facts = Facts::default();
    for title in ["title", "meta[property=\"og:site_name\"]", "h1"] {
        if let Some(element) = select(&html, title).next() {
            let text = element
                .attr("content")
                .map_or_else(|| text_of(element), str::to_owned);
            let mut titles = Vec::new();
            add(&mut titles, &text);
            facts.title = facts.title.or(titles.pop());
        }
    }
    schema::read(&html, &mut facts);
    for element in select(&html, "a[href^=\"tel:\"]") {
        let number = element.attr("href").unwrap_or_default();
        add_phone(&mut facts.phone, number.trim_start_matches("tel:"));
    }
    for element in select(&html, "address") {
        let lines = lines_below(element);
        let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        add(&mut facts.address, &lines.join(", "));
    }
    let lines = lines_below(html.root_element());
    recognise(&lines, &mut facts);
    for line in lines {
        if line.text.chars().any(char::is_alphanumeric) && !facts.lines.contains(&line.text) {
            facts.lines.push(line.text);
        }
    }
    (facts, links(&html, url))
}

/// The page as far as it is not nested deeper than any page for people: parsing takes the square of the depth.
fn shallow(text: &str) -> &str {
    let mut open: HashMap<String, u32> = HashMap::new();
    let mut depth = 0;
    for (at, _) in text.match_indices('<') {
        let rest = &text[at + 1..];
        let closes = rest.starts_with('/');
        let rest = rest.trim_start_matches('/');
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
        let name = rest[..end.unwrap_or(rest.len())].to_ascii_lowercase();
        if name.is_empty() || UNCLOSED.contains(&name.as_str()) {
            continue;
        }
        let count = open.entry(name).or_default();
        if !closes {
            *count += 1;
            depth += 1;
        } else if *count > 0 {
            *count -= 1;
            depth -= 1;
        }
        if depth > DEEPEST {
            return &text[..at];
        }
    }
    text
}

fn select<'a>(html: &'a Html, selector: &str) -> impl Iterator<Item = ElementRef<'a>> {
    let selector = Selector::parse(selector).ok();
    let found: Vec<_> = selector
        .iter()
        .flat_map(|selector| html.select(selector))
        .collect();
    found.into_iter()
}

fn text_of(element: ElementRef<'_>) -> String {
    element.text().collect::<Vec<_>>().join(" ")
}

/// The visible text below an element, a line a block.
fn lines_below(root: ElementRef<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut end = |line: &mut Line| {
        let text = line.text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && lines.len() < MOST_LINES {
            let heading = line.heading;
            lines.push(Line { text, heading });
        }
        *line = Line::default();
    };
    // By hand and not by recursion: a page may be nested deeper than any stack.
    let mut node = *root;
    loop {
        let mut below = node.first_child();
        match node.value() {
            Node::Text(text) => line.text.push_str(text),
            Node::Element(element) => {
                let name = element.name();
                let style = element.attr("style").unwrap_or_default().replace(' ', "");
                let hidden = element.attr("hidden").is_some() || style.contains("display:none");
                if UNSEEN.contains(&name) || hidden {
                    below = None;
                }
                match name {
                    "td" | "th" | "img" => line.text.push(' '),
                    name if !INLINE.contains(&name) => end(&mut line),
                    _ => {}
                }
                line.heading |= is_heading(name);
            }
            _ => {}
        }
        if let Some(child) = below {
            node = child;
            continue;
        }
        loop {
            if let Node::Element(element) = node.value()
                && !INLINE.contains(&element.name())
                && !matches!(element.name(), "td" | "th" | "img")
            {
                end(&mut line);
            }
            if node.id() == root.id() {
                end(&mut line);
                return lines;
            }
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            match node.parent() {
                Some(parent) => node = parent,
                None => return lines,
            }
        }
    }
}

fn is_heading(name: &str) -> bool {
    matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

fn recognise(lines: &[Line], facts: &mut Facts) {
    let mut offers_until = 0;
    for (place, line) in lines.iter().enumerate() {
        let lower = line.text.to_lowercase();
        if line.heading {
            let words = lower.split(|c: char| !c.is_alphanumeric());
            let offers = words.filter(|word| OFFERS.contains(word)).count() > 0;
            offers_until = if offers { place + SECTION } else { 0 };
            continue;
        }
        if is_hours(&lower) {
            add(&mut facts.hours, &line.text);
        } else if place < offers_until || has_price(&line.text) {
            add(&mut facts.offers, &line.text);
        }
        if has_postal_code(&line.text) && line.text.len() < 200 {
            add(&mut facts.address, &line.text);
        }
        if let Some(number) = phone_in(&line.text) {
            add_phone(&mut facts.phone, number);
        }
    }
}

/// A short line that names days, and times or that it is closed.
fn is_hours(lower: &str) -> bool {
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    let day = words.any(|word| {
        DAYS.iter().any(|day| word.starts_with(day)) && word.len() <= "wednesdays".len()
    });
    let time = lower.as_bytes().windows(2).any(|two| {
        two[0].is_ascii_digit() && matches!(two[1], b':' | b'a' | b'p' | b'h')
            || two == b"am"
            || two == b"pm"
    });
    let digit = lower.contains(|c: char| c.is_ascii_digit());
    lower.len() < 160 && day && (digit && time || lower.contains("closed"))
}

fn has_price(text: &str) -> bool {
    let mut before = ' ';
    text.len() < 200
        && text.chars().any(|c| {
            let sign = |c| matches!(c, '$' | '\u{20ac}' | '\u{a3}');
            let price = sign(before) && c.is_ascii_digit() || before.is_ascii_digit() && sign(c);
            before = c;
            price
        })
}

/// Two capital letters and five digits, as in `CA 94117`.
fn has_postal_code(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|two| {
        let state = two[0].trim_matches(',');
        let code = two[1].trim_matches([',', '.']);
        state.len() == 2
            && state.bytes().all(|b| b.is_ascii_uppercase())
            && code.len() >= 5
            && code.bytes().take(5).all(|b| b.is_ascii_digit())
    })
}

/// The first stretch of a line that has the digits of a telephone number.
fn phone_in(text: &str) -> Option<&str> {
    let fits = |c: char| c.is_ascii_digit() || " +-.()\u{a0}".contains(c);
    let edge = |c: char| " -.\u{a0}".contains(c);
    text.split(|c| !fits(c))
        .map(|part| part.trim_matches(edge))
        .find(|part| {
            let digits = part.bytes().filter(u8::is_ascii_digit).count();
            (10..=15).contains(&digits) && part.len() <= digits + 8
        })
}

/// Adds a number unless one with the same digits is there.
fn add_phone(list: &mut Vec<String>, number: &str) {
    let digits = |text: &str| -> String {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits
            .strip_prefix('1')
            .filter(|d| d.len() == 10)
            .unwrap_or(&digits)
            .to_owned()
    };
    let new = digits(number);
    if new.len() >= 7 && !list.iter().any(|known| digits(known) == new) {
        add(list, number);
    }
}

/// Pages of the same site that may tell what the first one lacks, those about what is offered first.
fn links(html: &Html, base: &Url) -> Vec<Link> {
    let mut found: Vec<Link> = Vec::new();
    for element in select(html, "a[href]") {
        let Ok(mut url) = base.join(element.attr("href").unwrap_or_default()) else {
            continue;
        };
        url.set_fragment(None);
        let path = url.path().to_lowercase();
        let page = !["pdf", "jpg", "jpeg", "png", "gif", "webp", "zip", "mp4"]
            .iter()
            .any(|ending| path.ends_with(ending));
        if url.origin() != base.origin() || !page || url.path() == base.path() {
            continue;
        }
        let text = text_of(element).to_lowercase();
        let says = |words: &[&str]| words.iter().any(|w| text.contains(w) || path.contains(w));
        let about = if says(&OFFERS) {
            About::Offers
        } else if says(&CONTACT) {
            About::Contact
        } else {
            continue;
        };
        if !found
            .iter()
            .any(|link| link.url == url || link.about == about)
        {
            found.push(Link { url, about });
        }
    }
    found.sort_by_key(|link| link.about != About::Offers);
    found
}

#[cfg(test)]
mod tests;
