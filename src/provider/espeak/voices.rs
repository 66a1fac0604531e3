//! Which of espeak-ng's voices speaks a language. Its own names are almost BCP 47 tags; this knows where they are not.

/// Languages whose voice is named otherwise, or is not there at all (`None`), by their primary subtag.
const RENAMED: [(&str, Option<&str>); 6] = [
    ("zh", Some("cmn")),
    ("no", Some("nb")),
    ("nn", Some("nb")),
    ("iw", Some("he")),
    ("fil", None),
    ("tl", None),
];

/// Voices for a region, by tag in lower case. Every other region gets the language's own voice.
const REGIONAL: [&str; 6] = ["en-us", "en-gb", "es-419", "fr-be", "fr-ch", "pt-br"];

/// Returns the voice for a BCP 47 tag (US English when it is empty); nothing when there is none or `tag` is no tag.
pub(super) fn of_language(tag: &str) -> Option<String> {
    let tag = tag.to_ascii_lowercase().replace('_', "-");
    if tag.is_empty() || tag == "en" {
        return Some("en-us".to_owned());
    }
    if REGIONAL.contains(&tag.as_str()) {
        return Some(tag);
    }
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let is_word = language.bytes().all(|byte| byte.is_ascii_lowercase());
    if !(2..=3).contains(&language.len()) || !is_word {
        return None;
    }
    if let Some((_, renamed)) = RENAMED.iter().find(|(name, _)| *name == language) {
        return renamed.map(str::to_owned);
    }
    let region = parts.next_back().unwrap_or_default();
    Some(match (language, region) {
        ("en", "au" | "ie" | "in" | "nz" | "za") => "en-gb".to_owned(),
        ("en", _) => "en-us".to_owned(),
        // Spanish of the Americas: nobody there says c and z as in Madrid.
        ("es", region) if !matches!(region, "" | "es") => "es-419".to_owned(),
        ("fr", _) => "fr-fr".to_owned(),
        (language, _) => language.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_their_voice() {
        for (tag, voice) in [
            ("", Some("en-us")),
            ("en", Some("en-us")),
            ("en-AU", Some("en-gb")),
            ("en-CA", Some("en-us")),
            ("es", Some("es")),
            ("es-ES", Some("es")),
            ("es-MX", Some("es-419")),
            ("fr", Some("fr-fr")),
            ("fr-CA", Some("fr-fr")),
            ("fr_CH", Some("fr-ch")),
            ("pt", Some("pt")),
            ("pt-BR", Some("pt-br")),
            ("de-AT", Some("de")),
            ("zh-Hant-TW", Some("cmn")),
            ("yue", Some("yue")),
            ("no", Some("nb")),
            ("fil", None),
            ("-v", None),
            ("--", None),
            ("a b", None),
        ] {
            assert_eq!(of_language(tag).as_deref(), voice, "{tag}");
        }
    }
}
