//! Takes the fields of a JSON object one by one, each with the check of its kind, and reports what was left over.

use serde_json::{Map, Value};

use crate::{
    error::{ApiError, ErrorCode},
    rest::Time,
};

/// Every field that a request may have, for "did you mean".
const KNOWN: [&str; 18] = [
    "to_phone_number",
    "objective",
    "business_name",
    "website",
    "language",
    "first_message",
    "max_duration_seconds",
    "voicemail",
    "webhook_url",
    "metadata",
    "result_schema",
    "transfer_to",
    "instructions",
    "scheduled_at",
    "from_phone_number",
    "line",
    "scenario",
    "callee_audio",
];

/// More unknown fields than this are counted, not named.
const MAX_NAMED: usize = 20;

/// The fields of an object that were not taken yet, and the warnings so far.
pub(in crate::rest) struct Fields {
    parent: Option<&'static str>,
    /// Whether the fields are those of [`KNOWN`], so that a misspelling can be recognised.
    hints: bool,
    rest: Map<String, Value>,
    warnings: Vec<String>,
}

impl Fields {
    pub(in crate::rest) fn new(object: Map<String, Value>) -> Self {
        Self {
            parent: None,
            hints: true,
            rest: object,
            warnings: Vec::new(),
        }
    }

    /// The fields of an object that is no request for a call.
    pub(in crate::rest) fn plain(object: Map<String, Value>) -> Self {
        Self {
            hints: false,
            ..Self::new(object)
        }
    }

    /// The fields of an object inside the field `parent`.
    pub(in crate::rest) fn nested(parent: &'static str, object: Map<String, Value>) -> Self {
        Self {
            parent: Some(parent),
            ..Self::plain(object)
        }
    }

    /// Takes a field; `null` is as good as absent.
    pub(in crate::rest) fn take(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a field that must be there.
    pub(in crate::rest) fn required(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Value, ApiError> {
        self.take(name)
            .ok_or_else(|| ApiError::missing_field(name, expected))
    }

    /// Checks that a field is there, and leaves it.
    pub(in crate::rest) fn require(&self, name: &str, expected: &str) -> Result<(), ApiError> {
        match self.rest.get(name) {
            None | Some(Value::Null) => Err(ApiError::missing_field(name, expected)),
            Some(_) => Ok(()),
        }
    }

    /// Takes a text of at most `max` characters; blank is absent. Control characters other than line breaks and
    /// tabs are refused: they can be neither spoken nor shown.
    pub(in crate::rest) fn text(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<Option<String>, ApiError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let forbidden = |character: char| character.is_control() && !"\n\r\t".contains(character);
        match value {
            Value::String(text) if text.chars().count() <= max && !text.contains(forbidden) => {
                Ok((!text.trim().is_empty()).then_some(text))
            }
            _ => Err(self.invalid(name, &format!("a text of at most {max} characters"))),
        }
    }

    /// Takes a web address. The scheme may be left out unless `absolute`.
    pub(in crate::rest) fn url(
        &mut self,
        name: &str,
        absolute: bool,
    ) -> Result<Option<String>, ApiError> {
        let expected = "a web address like https://nopa-sf.com";
        match self.text(name, 2_048) {
            Ok(Some(text)) if is_web_address(&text, absolute) => Ok(Some(text)),
            Ok(None) => Ok(None),
            _ => Err(self.invalid(name, expected)),
        }
    }

    /// Takes a moment as RFC 3339 writes it, with `Z` or an offset from UTC.
    pub(in crate::rest) fn time(&mut self, name: &str) -> Result<Option<Time>, ApiError> {
        let expected = "a time with its offset from UTC, like 2026-02-20T19:00:00Z or 2026-02-20T19:00:00-08:00";
        match self.text(name, 100) {
            Ok(None) => Ok(None),
            Ok(Some(text)) => match text.trim().parse::<jiff::Timestamp>() {
                Ok(moment) => Ok(Some(moment.into())),
                Err(_) => Err(self.invalid(name, expected)),
            },
            Err(_) => Err(self.invalid(name, expected)),
        }
    }

    /// Takes an object of at most `max` bytes of JSON.
    pub(in crate::rest) fn object(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<Option<Map<String, Value>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) if value.is_object() && value.to_string().len() <= max => match value {
                Value::Object(object) => Ok(Some(object)),
                _ => Ok(None),
            },
            Some(_) => Err(self.invalid(name, &format!("a JSON object of at most {max} bytes"))),
        }
    }

    /// Takes over the warnings of an object inside this one.
    pub(in crate::rest) fn adopt_warnings(&mut self, inner: Self) {
        self.warnings.append(&mut inner.into_warnings());
    }

    /// Ends the reading: what was not taken is unknown, and is named.
    pub(in crate::rest) fn into_warnings(mut self) -> Vec<String> {
        let left = self.rest.len().saturating_sub(MAX_NAMED);
        for name in self.rest.keys().take(MAX_NAMED) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            let full = self.full_name(&shown);
            let hint = match closest(name).filter(|_| self.hints) {
                Some(known) => format!(" Did you mean '{known}'?"),
                None => String::new(),
            };
            self.warnings
                .push(format!("Unknown field '{full}' was ignored.{hint}"));
        }
        if left > 0 {
            self.warnings
                .push(format!("{left} more unknown fields were ignored."));
        }
        self.warnings
    }

    fn invalid(&self, name: &str, expected: &str) -> ApiError {
        ApiError::invalid_field(&self.full_name(name), expected)
    }

    fn full_name(&self, name: &str) -> String {
        match self.parent {
            Some(parent) => format!("{parent}.{name}"),
            None => name.to_owned(),
        }
    }
}

/// Reads a body that must be a JSON object; `example` shows one.
///
/// # Errors
/// `invalid_json` or `invalid_body`.
pub(in crate::rest) fn read_object(
    body: &[u8],
    example: &str,
) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::new(
            ErrorCode::InvalidBody,
            format!("Request body must be a JSON object, like {example}"),
        )),
        Err(error) => Err(ApiError::new(
            ErrorCode::InvalidJson,
            format!(
                "Request body is not valid JSON (line {}, column {}).",
                error.line(),
                error.column()
            ),
        )),
    }
}

/// Returns whether `text` is `http(s)://host…`, or `host…` with a dot in the host unless `absolute`.
fn is_web_address(text: &str, absolute: bool) -> bool {
    let lower = text.to_ascii_lowercase();
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| lower.starts_with(scheme));
    let rest = &lower[scheme.map_or(0, str::len)..];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.strip_prefix('[').map_or_else(
        || host.split(':').next().unwrap_or_default(),
        |v6| v6.split(']').next().unwrap_or_default(),
    );
    let plausible = host
        .chars()
        .all(|c| c.is_alphanumeric() || "-._:".contains(c))
        && host.contains(char::is_alphanumeric);
    plausible
        && !text.contains(char::is_whitespace)
        && (scheme.is_some() || (!absolute && host.contains('.') && !authority.contains('@')))
}

/// Returns the known field that `name` is probably a misspelling of: at most two edits away.
fn closest(name: &str) -> Option<&'static str> {
    if name.len() > 32 {
        return None;
    }
    KNOWN
        .into_iter()
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| known)
}

/// Levenshtein's distance in characters, after case and hyphens are evened out.
fn distance(name: &str, known: &str) -> usize {
    let name: Vec<char> = name.to_lowercase().replace('-', "_").chars().collect();
    let mut row: Vec<usize> = (0..=known.chars().count()).collect();
    for (i, a) in name.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in known.chars().enumerate() {
            let substituted = diagonal + usize::from(*a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_are_recognised() {
        assert_eq!(closest("objectve"), Some("objective"));
        assert_eq!(closest("toPhoneNumber"), Some("to_phone_number"));
        assert_eq!(closest("Buisness_name"), Some("business_name"));
        assert_eq!(closest("colour"), None);
    }

    #[test]
    fn web_addresses_are_told_from_other_texts() {
        for good in [
            "https://nopa-sf.com",
            "http://127.0.0.1:8080/x?y#z",
            "HTTPS://Example.COM",
            "nopa-sf.com",
            "nopa-sf.com/menu",
            "https://[::1]/",
            "https://bücher.example",
        ] {
            assert!(is_web_address(good, false), "{good}");
        }
        for bad in [
            "ftp://x.y",
            "javascript:alert(1)",
            "https://",
            "not a url",
            "nopa",
            "http://a b.c",
            "",
            "file:///etc/passwd",
            "://x.y",
            "https://?q",
            "me@example.com",
        ] {
            assert!(!is_web_address(bad, false), "{bad}");
        }
        assert!(!is_web_address("nopa-sf.com", true));
    }
}
