//! Backups: one tar archive with a copy of the database, the installation's secret and the recordings, and a manifest that
//! has the SHA-256 of each at its end. What has no manifest is torn, and nothing of it is used.
//!
//! It decides what is in an archive and when one is good. How the database is copied while others write is the store's
//! matter, and who may ask for it the control socket's.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use protocol::ids::CallId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, Header};

use crate::store::{DataFolder, RESTORING, RedbStore, Store};

/// The version of the archive's shape.
const FORMAT: u32 = 1;
/// The names in an archive.
const DATABASE: &str = "agentphone.redb";
const SECRET: &str = "secret";
const RECORDINGS: &str = "recordings/";
const MANIFEST: &str = "manifest.json";
/// The longest manifest that is read, in bytes: some hundred thousand recordings.
const LONGEST_MANIFEST: u64 = 256 << 20;

/// Why there is no backup, or why it is not restored: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BackupError(String);

/// What is in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the archive's shape.
    pub format: u32,
    /// The program that made it.
    pub version: String,
    /// When.
    pub made_at: Timestamp,
    /// Every file by its name, with its size in bytes and its SHA-256 in hexadecimal.
    pub files: BTreeMap<String, (u64, String)>,
}

impl Manifest {
    /// Returns how many recordings there are.
    #[must_use]
    pub fn recordings(&self) -> usize {
        let names = self.files.keys();
        names.filter(|name| name.starts_with(RECORDINGS)).count()
    }

    /// Returns how many bytes the files have together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|(size, _)| size).sum()
    }
}

/// Writes an archive to a new file `to`, of a copy of the database and what else is in the folder. The file has its name
/// only when it is complete, and is readable by its owner only.
///
/// # Errors
/// When there is such a file already, or the disk fails.
pub fn write(
    to: &Path,
    folder: &DataFolder,
    snapshot: &Path,
    at: Timestamp,
) -> Result<Manifest, BackupError> {
    if to.exists() {
        return Err(BackupError(format!(
            "{} exists already; choose another name.",
            to.display()
        )));
    }
    let cannot =
        |error: io::Error| BackupError(format!("{} cannot be written: {error}.", to.display()));
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .map_err(cannot)?;
    let written = fill(file, folder, snapshot, at);
    let finished = written.and_then(|(manifest, file)| {
        file.sync_all().map_err(cannot)?;
        fs::rename(&partial, to).map_err(cannot)?;
        Ok(manifest)
    });
    if finished.is_err() {
        let _ = fs::remove_file(&partial);
    }
    finished
}

fn fill(
    file: File,
    folder: &DataFolder,
    snapshot: &Path,
    at: Timestamp,
) -> Result<(Manifest, File), BackupError> {
    let store = RedbStore::open(snapshot).map_err(|error| BackupError(error.to_string()))?;
    let recordings = recordings(folder, &store)?;
    drop(store);
    let mut archive = Builder::new(io::BufWriter::new(file));
    let mut files = BTreeMap::new();
    let parts = [
        (DATABASE.to_owned(), snapshot.to_owned()),
        (SECRET.to_owned(), folder.secret()),
    ];
    for (name, path) in parts.into_iter().chain(recordings) {
        let added = add(&mut archive, &name, &path);
        match added {
            Ok(entry) => {
                files.insert(name, entry);
            }
            // A recording may be deleted meanwhile, and then is not wanted in a backup either.
            Err(error) if error.kind() == io::ErrorKind::NotFound && name != SECRET => {}
            Err(error) => {
                return Err(BackupError(format!(
                    "{} cannot be copied: {error}.",
                    path.display()
                )));
            }
        }
    }
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: at,
        files,
    };
    let finish = || -> io::Result<File> {
        let text = serde_json::to_vec_pretty(&manifest)?;
        archive.append_data(&mut header(text.len() as u64), MANIFEST, text.as_slice())?;
        archive.into_inner()?.into_inner().map_err(io::Error::other)
    };
    let file = finish()
        .map_err(|error| BackupError(format!("The archive cannot be written: {error}.")))?;
    Ok((manifest, file))
}

/// Returns the recordings of the calls that the copy of the database knows.
fn recordings(
    folder: &DataFolder,
    store: &dyn Store,
) -> Result<Vec<(String, PathBuf)>, BackupError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.recordings())
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = entry.path();
        let id = path
            .file_stem()
            .and_then(|name| CallId::parse(name.to_str()?));
        let Some(id) = id.filter(|_| path.extension().is_some_and(|end| end == "wav")) else {
            continue;
        };
        let stored = store
            .call(&id)
            .map_err(|error| BackupError(error.to_string()))?;
        if stored.is_some_and(|stored| stored.call.recording_deleted_at.is_none()) {
            found.push((format!("{RECORDINGS}{id}.wav"), path));
        }
    }
    found.sort();
    Ok(found)
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header
}

/// Adds a file as long as it is now; one that is being recorded grows meanwhile.
fn add<W: Write>(archive: &mut Builder<W>, name: &str, path: &Path) -> io::Result<(u64, String)> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut read = Hashing::new(file.take(size));
    archive.append_data(&mut header(size), name, &mut read)?;
    let (hash, bytes) = read.finish();
    if bytes == size {
        Ok((size, hash))
    } else {
        Err(io::Error::other("it became shorter meanwhile"))
    }
}

/// Unpacks an archive into a data folder that is empty or not there, after all of it was checked.
///
/// # Errors
/// When the folder holds something, when the archive is torn, damaged or of another program, or the disk fails. The folder
/// is then as it was.
pub fn restore(archive: &Path, data: &Path, at: Timestamp) -> Result<Manifest, BackupError> {
    let inside = data.join(RESTORING);
    if let Some(found) = something_in(data) {
        return Err(BackupError(format!(
            "{} is not empty: it holds {}. Restore into an empty folder, or move away what is there.",
            data.display(),
            found.display()
        )));
    }
    let cannot =
        |error: io::Error| BackupError(format!("{} cannot be filled: {error}.", data.display()));
    let file = File::open(archive)
        .map_err(|error| BackupError(format!("{} cannot be read: {error}.", archive.display())))?;
    let _ = fs::remove_dir_all(&inside);
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(inside.join(RECORDINGS));
    made.map_err(cannot)?;
    let checked = unpack(file, &inside).and_then(|manifest| {
        let problem = |error: &dyn std::fmt::Display| BackupError(error.to_string());
        let store = RedbStore::open(&inside.join(DATABASE)).map_err(|error| problem(&error))?;
        store.set_restored(at).map_err(|error| problem(&error))?;
        Ok(manifest)
    });
    let manifest = match checked {
        Ok(manifest) => manifest,
        Err(BackupError(why)) => {
            let _ = fs::remove_dir_all(&inside);
            return Err(BackupError(format!("{}: {why}", archive.display())));
        }
    };
    let settle = || -> io::Result<()> {
        let recordings = data.join(RECORDINGS);
        if recordings.exists() {
            fs::remove_dir(&recordings)?;
        }
        fs::rename(inside.join(RECORDINGS), recordings)?;
        fs::rename(inside.join(SECRET), data.join(SECRET))?;
        // Last: whoever finds the database finds all.
        fs::rename(inside.join(DATABASE), data.join(DATABASE))?;
        fs::remove_dir_all(&inside)?;
        File::open(data)?.sync_all()
    };
    settle().map_err(cannot)?;
    Ok(manifest)
}

/// Returns a file in a folder, however deep, but for what an earlier try to restore left.
fn something_in(folder: &Path) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == RESTORING {
            continue;
        }
        if !path.is_dir() {
            return Some(path);
        }
        if let Some(found) = something_in(&path) {
            return Some(found);
        }
    }
    None
}

/// Unpacks the files of an archive and compares them with its manifest.
fn unpack(file: File, into: &Path) -> Result<Manifest, BackupError> {
    let torn = |error: io::Error| {
        BackupError(format!(
            "this is no backup of agentphone, or only a part of one ({error}). Use another copy of it."
        ))
    };
    let mut archive = Archive::new(io::BufReader::new(file));
    let mut found = BTreeMap::new();
    let mut manifest: Option<Manifest> = None;
    for entry in archive.entries().map_err(torn)? {
        let mut entry = entry.map_err(torn)?;
        let name = entry.path().map_err(torn)?.to_string_lossy().into_owned();
        if manifest.is_some() {
            return Err(BackupError(format!("{name} comes after the manifest.")));
        }
        if name == MANIFEST {
            let mut text = Vec::new();
            entry
                .by_ref()
                .take(LONGEST_MANIFEST)
                .read_to_end(&mut text)
                .map_err(torn)?;
            let read = serde_json::from_slice(&text);
            manifest = Some(read.map_err(|error| torn(io::Error::other(error)))?);
            continue;
        }
        if !is_ours(&name) || found.contains_key(&name) {
            return Err(BackupError(format!(
                "\"{name}\" does not belong into a backup of agentphone."
            )));
        }
        let mut read = Hashing::new(entry);
        let mut target = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(into.join(&name))
            .map_err(torn)?;
        io::copy(&mut read, &mut target).map_err(torn)?;
        target.sync_all().map_err(torn)?;
        let (hash, bytes) = read.finish();
        found.insert(name, (bytes, hash));
    }
    let manifest = manifest.ok_or_else(|| torn(io::ErrorKind::UnexpectedEof.into()))?;
    if manifest.format != FORMAT {
        return Err(BackupError(format!(
            "it has the format {}, and this program knows {FORMAT}. Use the program that made it, or a newer one.",
            manifest.format
        )));
    }
    for (name, expected) in &manifest.files {
        if found.get(name) != Some(expected) {
            return Err(BackupError(format!(
                "{name} is damaged or missing. Use another copy of the backup."
            )));
        }
    }
    for needed in [DATABASE, SECRET] {
        if !manifest.files.contains_key(needed) {
            return Err(BackupError(format!("{needed} is not in it.")));
        }
    }
    match found
        .keys()
        .find(|name| !manifest.files.contains_key(*name))
    {
        Some(extra) => Err(BackupError(format!("{extra} is not in its manifest."))),
        None => Ok(manifest),
    }
}

/// Returns whether a name is one that we give: nothing else is ever written to.
fn is_ours(name: &str) -> bool {
    let recording = || {
        let id = name.strip_prefix(RECORDINGS)?.strip_suffix(".wav")?;
        CallId::parse(id)
    };
    name == DATABASE || name == SECRET || recording().is_some()
}

/// Reads through to something, and hashes what comes by.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Returns the hash in hexadecimal, and how many bytes there were.
    fn finish(self) -> (String, u64) {
        let hash = self.hash.finalize();
        let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        (hex, self.bytes)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
