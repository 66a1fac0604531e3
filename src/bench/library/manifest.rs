//! The list of recordings in a folder: a Markdown table, one recording a line.
//!
//! ```text
//! | file | length@rate | source | licence | transcript |
//! |---|---|---|---|---|
//! | digits/7.wav | 0.6s@8000 | Debian asterisk-core-sounds-en-wav | CC BY-SA 3.0 | seven |
//! ```
//!
//! Columns are found by their names and may stand in any order; `file` and `transcript` are needed, `kind` may be added
//! (see [`Kind`]), others are for people. Text around the table is for people, too. Decides nothing about sound.

use std::path::{Path, PathBuf};

use super::LibraryError;

/// What a recording is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Somebody says what the transcript says.
    Speech,
    /// A cough.
    Cough,
    /// A laugh.
    Laugh,
    /// Any other sound of a room: a door, a keyboard, a dropped cup.
    Noise,
}

impl Kind {
    const NAMES: [(&'static str, Self); 4] = [
        ("speech", Self::Speech),
        ("cough", Self::Cough),
        ("laugh", Self::Laugh),
        ("noise", Self::Noise),
    ];
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line of the manifest, from 1.
    pub(super) line: usize,
    /// Where the recording lies, seen from the manifest.
    pub(super) file: String,
    /// What is said in it; empty when nobody has written it down.
    pub(super) transcript: String,
    /// What it is of.
    pub(super) kind: Kind,
}

/// Returns the manifest that `path` means: itself, or the one in that folder.
pub(super) fn locate(path: &Path) -> Result<PathBuf, LibraryError> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let manifest = path.join("MANIFEST.md");
    if manifest.is_file() {
        return Ok(manifest);
    }
    Err(LibraryError(format!(
        "{} has no MANIFEST.md: write one, a table with the columns `file` and `transcript` (see docs/turn-taking.md).",
        path.display()
    )))
}

/// Where the columns are.
struct Columns {
    count: usize,
    file: usize,
    transcript: usize,
    kind: Option<usize>,
}

impl Columns {
    /// Reads the heading of a table.
    fn find(cells: &[&str]) -> Option<Self> {
        let column = |name: &str| {
            cells
                .iter()
                .position(|cell| cell.eq_ignore_ascii_case(name))
        };
        Some(Self {
            count: cells.len(),
            file: column("file")?,
            transcript: column("transcript")?,
            kind: column("kind"),
        })
    }
}

/// Reads a manifest.
///
/// # Errors
/// A sentence naming `name` and the line that cannot be used.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<Entry>, LibraryError> {
    let mut columns: Option<Columns> = None;
    let mut entries = Vec::new();
    for (line, row) in (1..).zip(text.lines()) {
        let Some(cells) = cells(row) else {
            // A table ends where a line is none of it.
            columns = None;
            continue;
        };
        let ruled = cells
            .iter()
            .all(|cell| !cell.is_empty() && cell.trim_matches([':', '-']).is_empty());
        match &columns {
            _ if ruled => {}
            None => columns = Columns::find(&cells),
            Some(columns) => {
                let entry = entry(columns, line, &cells);
                entries.push(entry.map_err(|why| LibraryError(format!("{name}:{line}: {why}")))?);
            }
        }
    }
    if entries.is_empty() {
        return Err(LibraryError(format!(
            "{name} lists no recordings: it needs a table with the columns `file` and `transcript`."
        )));
    }
    Ok(entries)
}

fn entry(columns: &Columns, line: usize, cells: &[&str]) -> Result<Entry, String> {
    if cells.len() != columns.count {
        return Err(format!(
            "this line has {} cells and the heading {}: write `\\|` for a bar inside a cell, and nothing for what is not known.",
            cells.len(),
            columns.count
        ));
    }
    let file = cells[columns.file].trim_matches('`').to_owned();
    if file.is_empty() {
        return Err("the file is not named.".into());
    }
    let kind = match columns.kind.map(|kind| cells[kind]) {
        None | Some("") => Kind::Speech,
        Some(word) => Kind::NAMES
            .into_iter()
            .find_map(|(name, kind)| name.eq_ignore_ascii_case(word).then_some(kind))
            .ok_or_else(|| {
                let known = Kind::NAMES.map(|(name, _)| name).join(", ");
                format!("there is no kind {word:?}: write one of {known}, or nothing for speech.")
            })?,
    };
    Ok(Entry {
        line,
        file,
        transcript: cells[columns.transcript].replace("\\|", "|"),
        kind,
    })
}

/// Splits a row of a table; `None` for a line that is none.
fn cells(row: &str) -> Option<Vec<&str>> {
    let mut rest = row.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = Vec::new();
    let mut from = 0;
    while let Some(at) = rest[from..].find('|').map(|at| at + from) {
        if rest[..at].ends_with('\\') {
            from = at + 1;
            continue;
        }
        cells.push(rest[..at].trim());
        rest = &rest[at + 1..];
        from = 0;
    }
    cells.push(rest.trim());
    Some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_text_around_is_for_people() {
        let text = "# Voices\n\n| kind | transcript | file |\n|---|:-:|---|\n| | a \\| b | x.wav |\n\
                    | Cough | | `c.flac` |\n\nMore words | with bars.\n";
        let entries = parse("m", text).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].file, "x.wav");
        assert_eq!(entries[0].transcript, "a | b");
        assert_eq!((entries[1].line, entries[1].kind), (6, Kind::Cough));
        assert_eq!(entries[1].file, "c.flac");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let head = "| file | transcript | kind |\n|---|---|---|\n";
        let fails = |row: &str| parse("list.md", &format!("{head}{row}\n")).unwrap_err().0;
        assert!(fails("| a.wav | one |").starts_with("list.md:3: this line has 2 cells"));
        assert!(fails("| | one | |").starts_with("list.md:3: the file is not named"));
        let unknown = fails("| a.wav | | sneeze |");
        assert!(unknown.contains("cough, laugh, noise"), "{unknown}");
        let none = parse("list.md", "| name | words |\n|---|---|\n| a | b |\n").unwrap_err();
        assert!(none.0.contains("lists no recordings"), "{}", none.0);
    }
}
