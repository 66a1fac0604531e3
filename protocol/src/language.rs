//! Languages as clients write them (`spanish`, `es`, `es_MX`) to the BCP 47 tags that services understand.
//!
//! Whether a service speaks a language is not decided here.

/// The language of a call whose request names none.
pub const DEFAULT: &str = "en-US";

/// English and own names of languages, with the tag of each.
const NAMES: [(&str, &str); 60] = [
    ("english", "en-US"),
    ("american english", "en-US"),
    ("british english", "en-GB"),
    ("spanish", "es"),
    ("español", "es"),
    ("castilian", "es-ES"),
    ("mexican spanish", "es-MX"),
    ("french", "fr"),
    ("français", "fr"),
    ("canadian french", "fr-CA"),
    ("german", "de"),
    ("deutsch", "de"),
    ("italian", "it"),
    ("italiano", "it"),
    ("portuguese", "pt"),
    ("português", "pt"),
    ("brazilian portuguese", "pt-BR"),
    ("dutch", "nl"),
    ("nederlands", "nl"),
    ("danish", "da"),
    ("swedish", "sv"),
    ("norwegian", "nb"),
    ("finnish", "fi"),
    ("icelandic", "is"),
    ("polish", "pl"),
    ("czech", "cs"),
    ("slovak", "sk"),
    ("hungarian", "hu"),
    ("romanian", "ro"),
    ("bulgarian", "bg"),
    ("greek", "el"),
    ("turkish", "tr"),
    ("russian", "ru"),
    ("ukrainian", "uk"),
    ("croatian", "hr"),
    ("serbian", "sr"),
    ("slovenian", "sl"),
    ("catalan", "ca"),
    ("basque", "eu"),
    ("welsh", "cy"),
    ("irish", "ga"),
    ("arabic", "ar"),
    ("hebrew", "he"),
    ("persian", "fa"),
    ("farsi", "fa"),
    ("hindi", "hi"),
    ("bengali", "bn"),
    ("punjabi", "pa"),
    ("tamil", "ta"),
    ("telugu", "te"),
    ("urdu", "ur"),
    ("chinese", "zh"),
    ("mandarin", "zh"),
    ("cantonese", "yue"),
    ("japanese", "ja"),
    ("korean", "ko"),
    ("vietnamese", "vi"),
    ("tagalog", "fil"),
    ("indonesian", "id"),
    ("thai", "th"),
];

/// Returns the tag for a language's name or for a tag in any case, or nothing when `text` is neither.
///
/// ```
/// use protocol::language::tag;
/// assert_eq!(tag("Spanish").as_deref(), Some("es"));
/// assert_eq!(tag("EN_us").as_deref(), Some("en-US"));
/// assert_eq!(tag("klingonese"), None);
/// ```
#[must_use]
pub fn tag(text: &str) -> Option<String> {
    let name = text.trim().to_lowercase();
    let named = NAMES.iter().find(|(known, _)| *known == name);
    match named {
        Some((_, tag)) => Some((*tag).to_owned()),
        None => canonical_tag(&name),
    }
}

/// Returns the English name of a tag's language, with a capital; the tag itself where none is listed.
///
/// ```
/// use protocol::language::name;
/// assert_eq!(name("es-MX"), "Spanish");
/// assert_eq!(name("ka"), "ka");
/// ```
#[must_use]
pub fn name(tag: &str) -> String {
    let primary = |tag: &str| tag.split(['-', '_']).next().map(str::to_lowercase);
    let wanted = primary(tag);
    let listed = NAMES.iter().find(|(_, listed)| primary(listed) == wanted);
    let Some((name, _)) = listed else {
        return tag.to_owned();
    };
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// Writes a tag of language, script and region in its usual case (`zh-Hant-TW`); nothing for other shapes.
fn canonical_tag(lower: &str) -> Option<String> {
    let mut parts = lower.split(['-', '_']);
    let language = parts.next()?;
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    if !(2..=3).contains(&language.len()) || !letters(language) {
        return None;
    }
    if language == "en" && lower.len() == 2 {
        return Some(DEFAULT.to_owned());
    }
    let mut tag = language.to_owned();
    let mut seen_region = false;
    for part in parts {
        tag.push('-');
        match part.len() {
            4 if letters(part) && tag.len() == language.len() + 1 => {
                tag.push_str(&part[..1].to_uppercase());
                tag.push_str(&part[1..]);
            }
            2 if letters(part) && !seen_region => {
                tag.push_str(&part.to_uppercase());
                seen_region = true;
            }
            3 if part.bytes().all(|byte| byte.is_ascii_digit()) && !seen_region => {
                tag.push_str(part);
                seen_region = true;
            }
            _ => return None,
        }
    }
    Some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags_become_tags() {
        for (text, expected) in [
            ("english", "en-US"),
            ("English", "en-US"),
            ("en", "en-US"),
            ("en-GB", "en-GB"),
            (" french ", "fr"),
            ("ESPAÑOL", "es"),
            ("es_mx", "es-MX"),
            ("es-419", "es-419"),
            ("ZH-hant-tw", "zh-Hant-TW"),
            ("yue", "yue"),
        ] {
            assert_eq!(tag(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "e",
            "klingonese",
            "en-",
            "en-US-US",
            "12",
            "en us",
            "é",
            "en-x",
            "en-Latn-Latn",
        ] {
            assert_eq!(tag(text), None, "{text}");
        }
    }

    #[test]
    fn every_listed_language_has_a_name() {
        for (name, tag) in NAMES {
            assert!(
                super::name(tag).starts_with(|c: char| c.is_ascii_uppercase()),
                "{name}"
            );
        }
        for (tag, expected) in [
            ("en-GB", "English"),
            ("pt-BR", "Portuguese"),
            ("zh-TW", "Chinese"),
            ("", ""),
        ] {
            assert_eq!(super::name(tag), expected);
        }
    }

    #[test]
    fn every_listed_tag_is_in_its_usual_form() {
        for (name, listed) in NAMES {
            assert_eq!(tag(listed).as_deref(), Some(listed), "{name}");
        }
    }
}
