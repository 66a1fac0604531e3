//! Finds scenarios by name: those that are built in, those of a configured folder, or a file.
//!
//! Does not read recordings and does not judge what a scenario says.

use std::path::{Path, PathBuf};

use super::{
    parse::{LONGEST_FILE, parse},
    scenario::Scenario,
};
use crate::line::DialError;

/// The scenario that plays when none is named.
pub const DEFAULT: &str = "books";

/// The ending of a scenario's file.
const EXTENSION: &str = "scenario";

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../fixtures/scenarios/", $name, ".scenario")))),*]
    };
}

/// The built-in scenarios, name and text, so that the program runs from anywhere.
const SHIPPED: &[(&str, &str)] = shipped![
    "books",
    "busy",
    "closed",
    "coughs",
    "declines",
    "echo",
    "full",
    "hangs-up",
    "hangs-up-on-agent",
    "hesitates",
    "hold",
    "interrupts",
    "invalid-number",
    "menu",
    "no-answer",
    "noisy",
    "opening-hours",
    "refuses",
    "talks-over",
    "uh-huh",
    "voicemail",
    "wrong-number",
];

/// A scenario that was found and read.
#[derive(Debug, Clone)]
pub struct Found {
    /// How messages name it.
    pub file: String,
    /// From where its recordings count; `None` for a built-in one, which has none.
    pub folder: Option<PathBuf>,
    /// What it says.
    pub scenario: Scenario,
}

/// Returns name and description of every scenario that can be named, sorted by name.
#[must_use]
pub fn list(folder: Option<&Path>) -> Vec<(String, String)> {
    let describe = |name: String| {
        let about = find(&name, folder).map_or_else(|error| error.0, |found| found.scenario.about);
        (name, about)
    };
    names(folder).into_iter().map(describe).collect()
}

/// Finds and reads a scenario. What holds a `/` or ends with `.scenario` is a file; anything else is a name,
/// looked up in `folder` first.
///
/// # Errors
/// When there is none, when its file cannot be read, or when its text is not a scenario's.
pub fn find(name: &str, folder: Option<&Path>) -> Result<Found, DialError> {
    if is_path(name) {
        return read(Path::new(name));
    }
    let file = folder.map(|folder| folder.join(format!("{name}.{EXTENSION}")));
    if let Some(file) = file.filter(|file| file.is_file()) {
        return read(&file);
    }
    let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) else {
        let known = names(folder).join(", ");
        return Err(DialError(format!(
            "There is no scenario `{name}`. Give the path of a .{EXTENSION} file, or one of: {known}."
        )));
    };
    let file = format!("{name}.{EXTENSION}");
    let scenario =
        parse(&file, text).map_err(|error| DialError(format!("The scenario {error}.")))?;
    Ok(Found {
        file,
        folder: None,
        scenario,
    })
}

/// Whether a scenario is named by its file.
#[must_use]
pub fn is_path(name: &str) -> bool {
    name.contains('/')
        || Path::new(name)
            .extension()
            .is_some_and(|end| end == EXTENSION)
}

fn read(path: &Path) -> Result<Found, DialError> {
    let file = path.display().to_string();
    let fail = |why: String| DialError(format!("The scenario {file} cannot be read: {why}."));
    let metadata = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > LONGEST_FILE as u64 {
        let most = LONGEST_FILE / 1024;
        return Err(fail(format!("it is not a file of at most {most} KiB")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let scenario =
        parse(&file, &text).map_err(|error| DialError(format!("The scenario {error}.")))?;
    let folder = path.parent().map(Path::to_owned);
    Ok(Found {
        file,
        folder,
        scenario,
    })
}

/// Every name that can be given, sorted. A folder that cannot be read has none.
fn names(folder: Option<&Path>) -> Vec<String> {
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let name = |path: PathBuf| {
        let fits = path.extension().is_some_and(|end| end == EXTENSION);
        fits.then(|| path.file_stem()?.to_str().map(str::to_owned))
            .flatten()
    };
    let in_folder = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| name(entry.path()));
    let shipped = SHIPPED.iter().map(|(name, _)| (*name).to_owned());
    let mut names: Vec<String> = in_folder.chain(shipped).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::simulated::scenario::{Reaction, Sound};

    #[test]
    fn every_file_of_the_fixtures_is_built_in_and_reads() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
        let mut files: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == EXTENSION))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        assert_eq!(files, names(None));
        let guide = include_str!("../../../docs/scenarios.md");
        for name in files {
            let scenario = find(&name, None).unwrap().scenario;
            assert!(
                scenario.about.ends_with('.'),
                "{name} says what it is about"
            );
            let listed = format!("`{name}`");
            assert!(guide.contains(&listed), "docs/scenarios.md names {name}");
            let recording = |sound: &Sound| matches!(sound, Sound::Recording(_));
            assert!(
                !scenario.sounds.iter().any(recording),
                "{name} needs no file"
            );
        }
    }

    #[test]
    fn the_folder_comes_first_and_paths_are_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("books.scenario");
        std::fs::write(&file, "about: Mine.\n---\nbusy\n").unwrap();
        let found = find("books", Some(folder.path())).unwrap();
        assert_eq!(found.scenario.reaction, Reaction::Busy);
        let found = find(file.to_str().unwrap(), None).unwrap();
        assert_eq!(found.scenario.about, "Mine.");
        assert_eq!(found.folder.as_deref(), Some(folder.path()));
        let listed = list(Some(folder.path()));
        assert!(listed.contains(&("books".into(), "Mine.".into())));
        assert!(listed.iter().any(|(name, _)| name == "voicemail"));
    }

    #[test]
    fn what_is_not_there_is_said_in_a_sentence() {
        let unknown = find("nobody", None).unwrap_err().0;
        assert!(
            unknown.starts_with("There is no scenario `nobody`."),
            "{unknown}"
        );
        assert!(unknown.contains("books, busy, closed"), "{unknown}");
        let missing = find("/nowhere/x.scenario", None).unwrap_err().0;
        assert!(
            missing.starts_with("The scenario /nowhere/x.scenario cannot be read:"),
            "{missing}"
        );
        let device = find("/dev/zero", None).unwrap_err().0;
        assert_eq!(
            device,
            "The scenario /dev/zero cannot be read: it is not a file of at most 64 KiB."
        );
    }
}
