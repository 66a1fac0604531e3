//! The `Reason` header (RFC 3326): why a request was sent, or why a call was refused further on. Read from whoever
//! sends it, written on every end of ours.
//!
//! A network that blocks a call says so in a `Reason` too, with the address where one can complain ("603+",
//! ATIS-1000099); [`Block`] is what is read of that.

/// One reason of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    /// `Q.850`, `SIP`, or whatever else somebody made up.
    pub(super) protocol: String,
    /// The code in that protocol.
    pub(super) cause: Option<u16>,
    /// The words.
    pub(super) text: String,
    /// Which network says so, as two or three letters: `LN`, `TN`, `RLN`, …
    pub(super) location: String,
}

impl Reason {
    /// Reads all reasons of a header's value. What cannot be read is passed over.
    #[must_use]
    pub(super) fn read(value: &str) -> Vec<Self> {
        split(value, ',')
            .into_iter()
            .filter_map(|entry| {
                let mut parts = split(entry, ';').into_iter();
                let protocol = parts.next()?.trim();
                if protocol.is_empty() {
                    return None;
                }
                let mut reason = Self {
                    protocol: protocol.to_owned(),
                    cause: None,
                    text: String::new(),
                    location: String::new(),
                };
                for part in parts {
                    let Some((name, value)) = part.split_once('=') else {
                        continue;
                    };
                    let value = unquote(value.trim());
                    match name.trim().to_ascii_lowercase().as_str() {
                        "cause" => reason.cause = value.parse().ok(),
                        "text" => reason.text = value,
                        "location" => reason.location = value,
                        _ => {}
                    }
                }
                Some(reason)
            })
            .collect()
    }

    /// Returns the cause if it is one of the telephone network (Q.850).
    #[must_use]
    pub(super) fn network_cause(&self) -> Option<u16> {
        self.protocol
            .eq_ignore_ascii_case("Q.850")
            .then_some(self.cause)
            .flatten()
    }
}

/// A network's word that it blocked a call, as 603+ has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Where to complain: a web address, a telephone number or an e-mail address, if it is told.
    pub(super) redress: Option<String>,
}

impl Block {
    /// Returns what a final answer says about being blocked: its code, the words of its status line, its reasons.
    #[must_use]
    pub(super) fn read(code: u16, phrase: &str, reasons: &[Reason]) -> Option<Self> {
        let analytics = reasons.iter().find(|reason| is_block(reason));
        let said = phrase.to_ascii_lowercase().contains("network blocked");
        let blocked = match code {
            603 => said || analytics.is_some(),
            607 | 608 => true,
            _ => analytics.is_some(),
        };
        blocked.then(|| Self {
            redress: analytics.and_then(|reason| redress(&reason.text)),
        })
    }
}

/// Whether a reason has the syntax of 603+: pairs with a version, in the words of a cause 603 or 21.
fn is_block(reason: &Reason) -> bool {
    matches!(reason.cause, Some(603 | 21))
        && pair(&reason.text, "v").is_some_and(|v| v.starts_with("analytics"))
}

fn redress(text: &str) -> Option<String> {
    ["url", "tel", "email"]
        .into_iter()
        .find_map(|name| pair(text, name))
        .filter(|found| found.len() <= 200 && found.chars().all(|c| c.is_ascii_graphic()))
        .map(str::to_owned)
}

/// Returns the value of `name=value` in a text of such pairs.
fn pair<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        found
            .trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim())
    })
}

/// Splits a text, but not within quotes.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == at && !quoted => {
                parts.push(&text[start..index]);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquote(text: &str) -> String {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read() {
        let read =
            Reason::read(r#"Q.850;cause=17;text="User busy", SIP ;cause=486 ;text="a, \"b\"; c""#);
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].network_cause(), Some(17));
        assert_eq!(read[0].text, "User busy");
        assert_eq!((read[1].network_cause(), read[1].cause), (None, Some(486)));
        assert_eq!(read[1].text, "a, \"b\"; c");
    }

    #[test]
    fn nonsense_is_passed_over() {
        for text in [
            "",
            ",,;;==",
            "Q.850;cause=",
            "Q.850;cause=99999999",
            "\"",
            "Q.850;cause=\"",
            "é;é=é",
        ] {
            for reason in Reason::read(text) {
                assert_eq!(reason.cause, None, "{text}");
            }
        }
    }

    #[test]
    fn a_block_is_told_from_a_decline() {
        let plus = Reason::read(
            r#"SIP;cause=603;location=TN;text="v=analytics1;url=https://redress.example/x;email=a@b.example""#,
        );
        let block = Block::read(603, "Network Blocked", &plus).unwrap();
        assert_eq!(block.redress.as_deref(), Some("https://redress.example/x"));
        assert!(Block::read(603, "Decline", &plus).is_some());
        assert!(Block::read(603, "Decline", &[]).is_none());
        let declined = Reason::read("Q.850;cause=21;text=\"Call Rejected\"");
        assert!(Block::read(603, "Decline", &declined).is_none());
        assert!(Block::read(603, "network blocked", &[]).is_some());
        assert_eq!(
            Block::read(608, "Rejected", &[]),
            Some(Block { redress: None })
        );
        assert!(Block::read(486, "Busy Here", &declined).is_none());
    }
}
