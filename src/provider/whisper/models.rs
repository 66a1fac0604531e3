//! Which models of Whisper can be got, whether a file is one, and getting it.
//!
//! A file is written under another name and renamed when its checksum is right, so a file that is there is whole; what was
//! got of one that was broken off is gone on with. Checksums are those that whisper.cpp publishes (`models/README.md`, SHA-1)
//! for the files it knows, and one that the operator gives (SHA-256) for others, which is then kept beside the file.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::StreamExt;
use native::whisper::file;
use reqwest::{StatusCode, header};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::driver::clock;

/// Where whisper.cpp keeps its models.
pub const DEFAULT_URL: &str = "https://huggingface.co/ggerganov/whisper.cpp/resolve/main";
/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// A model that whisper.cpp publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its name, as in `ggml-NAME.bin`.
    pub name: &'static str,
    /// About how large it is, in MiB.
    pub mebibytes: u32,
    sha1: &'static str,
}

/// The models that whisper.cpp publishes checksums of, small ones first.
pub const KNOWN: [Known; 14] = [
    known("tiny.en", 75, "c78c86eb1a8faa21b369bcd33207cc90d64ae9df"),
    known("tiny", 75, "bd577a113a864445d4c299885e0cb97d4ba92b5f"),
    known("base.en", 142, "137c40403d78fd54d454da0f9bd998f78703390c"),
    known("base", 142, "465707469ff3a37a2b9b8d8f89f2f99de7299dac"),
    known("small.en", 466, "db8a495a91d927739e50b3fc1cc4c6b8f6c2d022"),
    known("small", 466, "55356645c2b361a969dfd0ef2c5a50d530afd8d5"),
    known(
        "large-v3-turbo-q5_0",
        547,
        "e050f7970618a659205450ad97eb95a18d69c9ee",
    ),
    known(
        "large-v3-q5_0",
        1126,
        "e6e2ed78495d403bef4b7cff42ef4aaadcfea8de",
    ),
    known(
        "large-v2-q5_0",
        1126,
        "00e39f2196344e901b3a2bd5814807a769bd1630",
    ),
    known(
        "medium.en",
        1536,
        "8c30f0e44ce9560643ebd10bbe50cd20eafd3723",
    ),
    known("medium", 1536, "fd9727b6e1217c2f614f9b698455c4ffd82463b4"),
    known(
        "large-v3-turbo",
        1536,
        "4af2b29d7ec73d781377bfd1758ca957a807e941",
    ),
    known("large-v2", 2970, "0f4c8e34f21cf1a914c59d8b3ce882345ad349d6"),
    known("large-v3", 2970, "ad82bf6a9043ceed055076d0fd39f5f186ff8062"),
];

const fn known(name: &'static str, mebibytes: u32, sha1: &'static str) -> Known {
    Known {
        name,
        mebibytes,
        sha1,
    }
}

/// What a file must come out as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-1, in hex.
    Sha1(String),
    /// SHA-256, in hex.
    Sha256(String),
}

impl Checksum {
    /// Reads a SHA-256 in hex.
    ///
    /// # Errors
    /// When it is none.
    pub fn sha256(text: &str) -> Result<Self, String> {
        let hex = text.trim().to_ascii_lowercase();
        if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self::Sha256(hex))
        } else {
            Err(format!(
                "\"{text}\" is no SHA-256; it has 64 hexadecimal digits"
            ))
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha1(hex) => write!(f, "SHA-1 {hex}"),
            Self::Sha256(hex) => write!(f, "SHA-256 {hex}"),
        }
    }
}

/// Returns where the model of this name lies in a folder of models.
#[must_use]
pub fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("ggml-{name}.bin"))
}

/// Returns what the model of this name must come out as: what whisper.cpp publishes, or what was kept beside the file.
#[must_use]
pub fn checksum(file: &Path) -> Option<Checksum> {
    let name = file.file_name()?.to_str()?;
    let name = name
        .strip_prefix("ggml-")
        .and_then(|name| name.strip_suffix(".bin"));
    let published = KNOWN.iter().find(|known| Some(known.name) == name);
    let kept = || Checksum::sha256(&fs::read_to_string(beside(file)).ok()?).ok();
    published
        .map(|known| Checksum::Sha1(known.sha1.to_owned()))
        .or_else(kept)
}

/// Reads a whole file: whether its checksum is right, if one is known, and whether it is a model. Returns what it is.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn verify(file: &Path, progress: impl FnMut(u64)) -> Result<String, String> {
    let header = file::inspect(file).map_err(|error| error.to_string())?;
    let Some(wanted) = checksum(file) else {
        return Ok(format!("{}; no checksum of it is known", header.describe()));
    };
    if found(file, &wanted, progress).map_err(|error| format!("{}: {error}", file.display()))?
        != wanted
    {
        return Err(format!(
            "the model file {} is damaged: it should have {wanted}; pull it again with `agentphone models pull`",
            file.display()
        ));
    }
    Ok(format!("{}; {wanted}", header.describe()))
}

/// The checksum of a file, of the kind that is wanted.
fn found(file: &Path, wanted: &Checksum, progress: impl FnMut(u64)) -> io::Result<Checksum> {
    Ok(match wanted {
        Checksum::Sha1(_) => Checksum::Sha1(digest::<Sha1>(file, progress)?),
        Checksum::Sha256(_) => Checksum::Sha256(digest::<Sha256>(file, progress)?),
    })
}

fn digest<D: Digest>(file: &Path, mut progress: impl FnMut(u64)) -> io::Result<String> {
    let mut file = fs::File::open(file)?;
    let (mut digest, mut piece) = (D::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => {
                digest.update(&piece[..count]);
                progress(count as u64);
            }
        }
    }
    let bytes = digest.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where a checksum is kept beside a file.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}

/// How far a pull has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes are here of so many, if the server says.
    Here(u64, Option<u64>),
    /// Everything is here, and its checksum is computed.
    Checking,
}

/// Gets `ggml-NAME.bin` from below `url` into the folder. Returns where it lies.
///
/// # Errors
/// A sentence that says what went wrong. What is here already is kept for the next try, unless it is wrong.
pub async fn pull(
    url: &str,
    folder: &Path,
    name: &str,
    wanted: &Checksum,
    mut progress: impl FnMut(Progress),
) -> Result<PathBuf, String> {
    let target = path(folder, name);
    let part = target.with_extension("bin.part");
    let here = |error: io::Error| format!("{} cannot be written: {error}", part.display());
    fs::create_dir_all(folder).map_err(here)?;
    let address = format!("{}/ggml-{name}.bin", url.trim_end_matches('/'));
    let response = ask(&address, fs::metadata(&part).map_or(0, |known| known.len())).await?;
    if let Some((response, before)) = response {
        let total = response.content_length().map(|rest| before + rest);
        let mut file = tokio::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(before == 0)
            .append(before > 0)
            .open(&part)
            .await
            .map_err(here)?;
        let mut count = before;
        let mut body = response.bytes_stream();
        progress(Progress::Here(count, total));
        loop {
            let piece = match clock::timeout(SILENCE, body.next()).await {
                None => {
                    return Err(format!(
                        "{address} sends nothing any more; try again, it goes on from here"
                    ));
                }
                Some(None) => break,
                Some(Some(piece)) => piece.map_err(|_| {
                    format!(
                        "{address} broke off after {} MiB; try again, it goes on from here",
                        count >> 20
                    )
                })?,
            };
            file.write_all(&piece).await.map_err(here)?;
            count += piece.len() as u64;
            progress(Progress::Here(count, total));
        }
        file.sync_all().await.map_err(here)?;
    }
    progress(Progress::Checking);
    settle(&part, &target, wanted.clone())
        .await
        .map_err(|problem| format!("{address}: {problem}"))?;
    Ok(target)
}

/// Asks for the file from byte `before` on. Returns the response and where it begins; `None` when all is here already.
async fn ask(address: &str, before: u64) -> Result<Option<(reqwest::Response, u64)>, String> {
    // One cryptography provider for the program; an error only says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build();
    let client = client.map_err(|error| format!("no TLS client could be made: {error}"))?;
    let mut request = client.get(address);
    if before > 0 {
        request = request.header(header::RANGE, format!("bytes={before}-"));
    }
    let response = clock::timeout(SILENCE, request.send())
        .await
        .ok_or_else(|| format!("{address} does not answer"))?
        .map_err(|error| {
            let why = if error.is_connect() {
                "cannot be reached"
            } else {
                "cannot be asked"
            };
            format!("{address} {why}; check the network, or set stt.whisper.models_url to a mirror")
        })?;
    match response.status() {
        StatusCode::OK => Ok(Some((response, 0))),
        StatusCode::PARTIAL_CONTENT => Ok(Some((response, before))),
        // There is nothing behind what is here.
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(None),
        StatusCode::NOT_FOUND => Err(format!("{address} is not there; check the model's name")),
        status => Err(format!(
            "{address} answers with status {}; try again later",
            status.as_u16()
        )),
    }
}

/// Checks what was got and gives it its name. What is wrong is thrown away.
async fn settle(part: &Path, target: &Path, wanted: Checksum) -> Result<(), String> {
    let (part, target) = (part.to_owned(), target.to_owned());
    let settled = tokio::task::spawn_blocking(move || {
        let got = found(&part, &wanted, |_| {}).map_err(|error| error.to_string())?;
        let right = if got == wanted {
            file::inspect(&part)
                .map(drop)
                .map_err(|error| error.to_string())
        } else {
            Err(format!(
                "what came has {got} and must have {wanted}; it was thrown away"
            ))
        };
        if let Err(problem) = right {
            // It would be gone on with the next time.
            let _ = fs::remove_file(&part);
            return Err(problem);
        }
        if let Checksum::Sha256(hex) = &wanted {
            fs::write(beside(&target), format!("{hex}\n")).map_err(|error| error.to_string())?;
        }
        fs::rename(&part, &target).map_err(|error| error.to_string())
    });
    settled.await.map_err(|error| error.to_string())?
}
