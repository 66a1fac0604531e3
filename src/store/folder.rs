//! The data folder: what lies where. It makes the folders and decides their permissions; what is in the files
//! is decided by those who write them.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::StoreError;

/// How the names of copies of the database begin.
const SNAPSHOT: &str = "snapshot-";
/// A folder in the data folder in which a backup is unpacked, as long as that lasts.
pub const RESTORING: &str = ".restoring";

/// Where everything lies that must survive a restart.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Makes the folder and its subfolders where they are missing, readable by their owner only.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if path.join(RESTORING).exists() {
            return Err(StoreError::damaged(format!(
                "A restore into {} did not come to its end. Run `agentphone restore` once more, or delete the folder {RESTORING} \
                 in it to start empty.",
                path.display()
            )));
        }
        for folder in [path.to_owned(), path.join("recordings"), path.join("cache")] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|error| {
                    StoreError::io(&format!("make the folder {}", folder.display()), error)
                })?;
        }
        Ok(Self(path.to_owned()))
    }

    /// Returns the folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns where the database is.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("agentphone.redb")
    }

    /// Returns where recordings are, one `ID.wav` a call.
    #[must_use]
    pub fn recordings(&self) -> PathBuf {
        self.0.join("recordings")
    }

    /// Returns where the installation's secret is.
    #[must_use]
    pub fn secret(&self) -> PathBuf {
        self.0.join("secret")
    }

    /// Returns a place for a copy of the database.
    #[must_use]
    pub fn snapshot(&self, name: &str) -> PathBuf {
        self.0.join(format!("{SNAPSHOT}{name}.redb"))
    }

    /// Deletes copies of the database whose makers died over them.
    pub fn sweep(&self) {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with(SNAPSHOT)) {
                // It is tried again at the next start.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Returns where things lie that can be made again. May be deleted at any time.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// Returns where a running server can be asked things by this machine's own user.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }
}
