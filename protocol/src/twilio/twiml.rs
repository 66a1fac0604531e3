//! TwiML: the XML that tells a carrier what to do with a call. Written only; nothing of it is ever read.
//! Source: <https://www.twilio.com/docs/voice/twiml>.

use std::fmt::Write as _;

/// The longest text of TwiML that fits into a request that creates a call, in characters.
pub const MAX_INLINE: usize = 4_000;

/// The longest name and value of one parameter together, in characters.
pub const MAX_PARAMETER: usize = 500;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// A stream that carries a call's sound both ways and holds the call as long as it is open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectStream<'a> {
    /// Where the carrier connects to, `wss://`, without a query.
    pub url: &'a str,
    /// Where the carrier reports on the stream itself.
    pub status_callback: Option<&'a str>,
    /// Further attributes of `<Stream>`.
    pub attributes: &'a [(&'a str, &'a str)],
    /// What the carrier says again when the stream starts.
    pub parameters: &'a [(&'a str, &'a str)],
}

/// Returns the document that connects a call to a stream.
#[must_use]
pub fn connect(stream: &ConnectStream<'_>) -> String {
    let mut text = format!(
        r#"{HEAD}<Response><Connect><Stream url="{}""#,
        escaped(stream.url)
    );
    // Writing into a String cannot fail; so everywhere in this file.
    if let Some(url) = stream.status_callback {
        let _ = write!(
            text,
            r#" statusCallback="{}" statusCallbackMethod="POST""#,
            escaped(url)
        );
    }
    for (name, value) in stream.attributes {
        let _ = write!(text, r#" {name}="{}""#, escaped(value));
    }
    text.push('>');
    for (name, value) in stream.parameters {
        let (name, value) = (escaped(name), escaped(value));
        let _ = write!(text, r#"<Parameter name="{name}" value="{value}"/>"#);
    }
    text.push_str("</Stream></Connect></Response>");
    text
}

/// Returns the document that does not take an incoming call, as if the line were engaged.
#[must_use]
pub fn reject_busy() -> String {
    format!(r#"{HEAD}<Response><Reject reason="busy"/></Response>"#)
}

/// Returns the document that connects the other side with `number`.
#[must_use]
pub fn dial(number: &str) -> String {
    format!(
        "{HEAD}<Response><Dial><Number>{}</Number></Dial></Response>",
        escaped(number)
    )
}

/// Returns `text` as it may stand in an attribute or between tags. What XML 1.0 cannot hold becomes U+FFFD.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // In an attribute these three would be read as spaces.
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_with_its_token() {
        let text = connect(&ConnectStream {
            url: "wss://phone.example/lines/twilio/media",
            status_callback: Some("https://phone.example/lines/twilio/stream?ref=a&b=c"),
            attributes: &[("codec", "PCMU")],
            parameters: &[("token", "a\"b<c>&'d'\n")],
        });
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect>\
             <Stream url=\"wss://phone.example/lines/twilio/media\" \
             statusCallback=\"https://phone.example/lines/twilio/stream?ref=a&amp;b=c\" \
             statusCallbackMethod=\"POST\" codec=\"PCMU\">\
             <Parameter name=\"token\" value=\"a&quot;b&lt;c&gt;&amp;&apos;d&apos;&#10;\"/>\
             </Stream></Connect></Response>"
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escaped("a\0b\u{8}c\u{ffff}é😀"),
            "a\u{fffd}b\u{fffd}c\u{fffd}é😀"
        );
    }

    #[test]
    fn the_other_documents() {
        assert!(reject_busy().ends_with(r#"<Response><Reject reason="busy"/></Response>"#));
        assert!(dial("+14155551234").contains("<Dial><Number>+14155551234</Number></Dial>"));
    }
}
