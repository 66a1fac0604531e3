//! Short forms of words that voices read as they are written.

use super::{Reading, Token};

/// Short forms that mean the same everywhere; with the full stop that belongs to them.
const ANYWHERE: [(&str, &str); 16] = [
    ("mr", "Mister"),
    ("mrs", "Missus"),
    ("ms", "Miz"),
    ("prof", "Professor"),
    ("e.g", "for example"),
    ("i.e", "that is"),
    ("etc", "et cetera"),
    ("approx", "approximately"),
    ("vs", "versus"),
    ("ext", "extension"),
    ("tel", "telephone"),
    ("min", "minutes"),
    ("hrs", "hours"),
    ("mon", "Monday"),
    ("dept", "department"),
    ("asap", "as soon as possible"),
];

/// Short forms that need their full stop to be one.
const WITH_STOP: [&str; 5] = ["min", "mon", "tel", "ext", "etc"];

/// Titles and other short forms; `Dr.` and `St.` before a name.
pub(super) fn abbreviation(tokens: &[Token<'_>], at: usize) -> Reading {
    let token = &tokens[at];
    let lower = token.lower();
    if token.core == "&" {
        return Some(vec!["and".to_owned()]);
    }
    if lower == "w/" {
        return Some(vec!["with".to_owned()]);
    }
    let before_name = tokens
        .get(at + 1)
        .is_some_and(|next| next.core.starts_with(|c: char| c.is_uppercase()));
    let stop = token.after.starts_with('.');
    let long = match lower.as_str() {
        "dr" if before_name => "Doctor",
        "st" if before_name && stop => "Saint",
        "etc" if stop => "et cetera",
        "mr" | "mrs" | "ms" | "prof" if token.core.starts_with(char::is_lowercase) => return None,
        short => {
            let (_, long) = ANYWHERE.iter().find(|(known, _)| *known == short)?;
            if WITH_STOP.contains(&short) && !stop {
                return None;
            }
            long
        }
    };
    Some(vec![long.to_owned()])
}
