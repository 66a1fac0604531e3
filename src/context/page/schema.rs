//! What a page states for machines in the words of schema.org, as JSON-LD or as microdata.

use scraper::Html;
use serde_json::Value;

use super::{add, add_phone, select, text_of};
use crate::context::facts::Facts;

/// Nodes of JSON-LD that are looked at.
const MOST: usize = 500;

/// Adds what is stated.
pub(super) fn read(html: &Html, facts: &mut Facts) {
    for script in select(html, "script[type=\"application/ld+json\"]") {
        let text: String = script.text().collect();
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            // Level by level, without recursion.
            let mut waiting = vec![&value];
            let mut seen = 0;
            while let Some(value) = waiting.pop() {
                seen += 1;
                if seen > MOST {
                    break;
                }
                match value {
                    Value::Array(all) => waiting.extend(all),
                    Value::Object(object) => {
                        node(value, facts);
                        waiting.extend(object.values().filter(|v| v.is_object() || v.is_array()));
                    }
                    _ => {}
                }
            }
        }
    }
    for (name, list) in [
        ("openingHours", &mut facts.hours),
        ("address", &mut facts.address),
    ] {
        for element in select(html, &format!("[itemprop=\"{name}\"]")) {
            let stated = element.attr("content").or(element.attr("datetime"));
            add(
                list,
                &stated.map_or_else(|| text_of(element), str::to_owned),
            );
        }
    }
    for element in select(html, "[itemprop=\"telephone\"]") {
        let stated = element
            .attr("content")
            .map_or_else(|| text_of(element), str::to_owned);
        add_phone(&mut facts.phone, stated.trim());
    }
}

fn node(value: &Value, facts: &mut Facts) {
    let kind = texts(&value["@type"]).join(" ");
    for number in texts(&value["telephone"]) {
        add_phone(&mut facts.phone, &number);
    }
    for hours in texts(&value["openingHours"]) {
        add(&mut facts.hours, &hours);
    }
    if kind.contains("OpeningHoursSpecification") || !value["opens"].is_null() {
        let days: Vec<_> = texts(&value["dayOfWeek"])
            .iter()
            .map(|day| day.rsplit('/').next().unwrap_or_default().to_owned())
            .collect();
        let time = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let (opens, closes) = (time("opens"), time("closes"));
        let when = match (opens.as_str(), closes.as_str()) {
            ("", _) | (_, "") => "closed".to_owned(),
            (opens, closes) if opens == closes => "closed".to_owned(),
            (opens, closes) => format!("{opens}-{closes}"),
        };
        if !days.is_empty() {
            add(&mut facts.hours, &format!("{} {when}", days.join(", ")));
        }
    }
    if kind.contains("PostalAddress") {
        let parts = [
            "streetAddress",
            "addressLocality",
            "addressRegion",
            "postalCode",
        ];
        let parts: Vec<_> = parts.iter().flat_map(|part| texts(&value[*part])).collect();
        add(&mut facts.address, &parts.join(", "));
    } else {
        for address in texts(&value["address"]) {
            add(&mut facts.address, &address);
        }
    }
    if kind.contains("MenuItem") || kind.contains("Offer") || kind.contains("Service") {
        let price = match &value["price"] {
            Value::Null => &value["offers"]["price"],
            price => price,
        };
        let name = texts(&value["name"]).join(" ");
        let price = texts(price).join(" ");
        if !name.is_empty() {
            add(&mut facts.offers, &format!("{name} {price}"));
        }
    }
    for cuisine in texts(&value["servesCuisine"]) {
        add(&mut facts.offers, &format!("Cuisine: {cuisine}"));
    }
    for range in texts(&value["priceRange"]) {
        add(&mut facts.offers, &format!("Price range: {range}"));
    }
}

/// The texts and numbers of a value that may be one or several.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(all) => all
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}
