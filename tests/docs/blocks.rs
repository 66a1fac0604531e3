//! The fenced blocks of a document, and what their first lines say about them: the language, and then, for what cannot run here,
//! `no-run:` and why; for JSON, which schema of the interface it has.

use std::fs;

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where it begins: `docs/api.md:36`.
    pub(crate) place: String,
    pub(crate) language: String,
    /// What stands behind the language.
    pub(crate) rest: String,
    pub(crate) text: String,
}

impl Block {
    /// Why it cannot run here, if it says so.
    pub(crate) fn no_run(&self) -> Option<&str> {
        self.rest.strip_prefix("no-run:").map(str::trim)
    }
}

/// Every document whose examples are checked: path and text.
pub(crate) fn documents() -> Vec<(String, String)> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut paths = vec!["README.md".to_owned(), "docs/llms.txt".to_owned()];
    let mut folders = vec!["docs".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(format!("{root}/{folder}")).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read = |path: String| {
        let text = fs::read_to_string(format!("{root}/{path}")).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The blocks of a document.
pub(crate) fn blocks(path: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
                open = Some(Block {
                    place: format!("{path}:{}", number + 1),
                    language: language.to_owned(),
                    rest: rest.trim().to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text += line;
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{path}: a block has no end");
    blocks
}
