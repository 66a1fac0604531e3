//! `agentphone play`: plays the recording of a call by a player of this machine, or writes it to a file; whole, from somewhere
//! on, or one side of it.

use std::{
    env, fs,
    io::{self, Seek},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use clap::{Args, ValueEnum};
use hound::{WavReader, WavSpec, WavWriter};
use protocol::{ids::CallId, rest::Call};
use serde_json::json;

use super::{
    Failure,
    client::{Target, call_id},
    complain,
    terminal::{Output, data},
};

/// Players, in the order in which they are looked for, with what they need before the file's name.
const PLAYERS: [(&str, &[&str]); 6] = [
    ("pw-play", &[]),
    ("paplay", &[]),
    ("aplay", &["--quiet"]),
    ("afplay", &[]),
    (
        "ffplay",
        &["-loglevel", "error", "-nodisp", "-autoexit", "-i"],
    ),
    ("play", &["-q"]),
];

#[derive(Debug, Args)]
pub(super) struct Command {
    /// The call's id: cl_…
    #[arg(value_name = "CALL", value_parser = call_id)]
    id: CallId,
    /// Only what this side sounds like; both when not given, the agent left and the callee right
    #[arg(long, value_name = "SIDE")]
    side: Option<Side>,
    /// Begin so many seconds after the answer
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    from: Option<f64>,
    /// Begin with this turn of the transcript, counted from 1
    #[arg(long, value_name = "N", conflicts_with = "from", value_parser = clap::value_parser!(u32).range(1..))]
    turn: Option<u32>,
    /// Write it to this WAV file instead of playing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Play it with this program, which gets a WAV file as its argument
    #[arg(
        long,
        value_name = "PROGRAM",
        env = "AGENTPHONE_PLAYER",
        conflicts_with = "out"
    )]
    player: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// A side of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    Agent,
    Callee,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .ok_or_else(|| "expected seconds, like 12.5".into())
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let client = command.target.client()?;
    let id = command.id.as_str();
    // Without a player there is no need to fetch anything.
    let player = match &command.out {
        Some(_) => None,
        None => Some(find_player(&command)?),
    };
    let call = client.call(id).await?.value.data;
    let from = begin(&command, &call)?;
    let mut whole = tempfile::tempfile()?;
    client.recording(id, &mut whole).await?;
    whole.rewind()?;
    let folder;
    let file = match &command.out {
        Some(file) => file.clone(),
        None => {
            folder = tempfile::tempdir()?;
            folder.path().join(format!("{id}.wav"))
        }
    };
    let lasts = cut(whole, &file, command.side, from)?;
    if let Some((player, options)) = &player {
        let played = play(player, options, &file).await?;
        if !played {
            complain("Playing was stopped.");
        }
    } else {
        complain(&format!("written to {}", file.display()));
    }
    if command.output.json {
        data(json!({
            "call_id": id,
            "side": command.side.map(|side| match side { Side::Agent => "agent", Side::Callee => "callee" }),
            "from_seconds": from,
            "seconds": lasts,
            "file": command.out,
            "player": player.map(|(program, _)| program),
        }));
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns where to begin, in seconds.
fn begin(command: &Command, call: &Call) -> Result<f64, Failure> {
    let Some(turn) = command.turn else {
        return Ok(command.from.unwrap_or(0.0));
    };
    let found = call.turns.get(turn as usize - 1).ok_or_else(|| {
        Failure::new(format!(
            "The transcript has {} turns; there is no turn {turn}.",
            call.turns.len()
        ))
    })?;
    Ok(found.started_ms as f64 / 1000.0)
}

/// Writes a part of a recording to a file; returns how many seconds that is.
fn cut(whole: fs::File, to: &Path, side: Option<Side>, from: f64) -> Result<f64, Failure> {
    let broken = |error| Failure::new(format!("The recording cannot be read: {error}."));
    let mut reader = WavReader::new(io::BufReader::new(whole)).map_err(broken)?;
    let spec = reader.spec();
    let rate = f64::from(spec.sample_rate);
    let frames = reader.duration();
    // Anything beyond the end becomes the end.
    let first = (from * rate).min(f64::from(u32::MAX)) as u32;
    if first >= frames {
        return Err(Failure::new(format!(
            "The recording is {:.1} s long; there is nothing from {from:.1} s on.",
            f64::from(frames) / rate
        )));
    }
    reader.seek(first)?;
    let channels = usize::from(spec.channels);
    let wanted = match side {
        Some(Side::Agent) => Some(0),
        Some(Side::Callee) => Some(1),
        None => None,
    };
    let single = WavSpec {
        channels: 1,
        ..spec
    };
    let cannot =
        |error: hound::Error| Failure::new(format!("{} cannot be written: {error}.", to.display()));
    let spec = if wanted.is_some() { single } else { spec };
    let mut writer = WavWriter::create(to, spec).map_err(cannot)?;
    for (place, sample) in reader.samples::<i16>().enumerate() {
        if wanted.is_none_or(|channel| place % channels == channel) {
            writer
                .write_sample(sample.map_err(broken)?)
                .map_err(cannot)?;
        }
    }
    writer.finalize().map_err(cannot)?;
    Ok(f64::from(frames - first) / rate)
}

/// Returns the program that plays, and its options.
fn find_player(command: &Command) -> Result<(PathBuf, &'static [&'static str]), Failure> {
    if let Some(player) = &command.player {
        return Ok((player.clone(), &[]));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = PLAYERS.iter().find_map(|(name, options)| {
        let file = env::split_paths(&path).map(|folder| folder.join(name));
        let mut file = file.filter(|file| is_program(file));
        file.next().map(|file| (file, *options))
    });
    found.ok_or_else(|| {
        let names = PLAYERS.map(|(name, _)| name).join(", ");
        Failure::new(format!(
            "No program that plays sound was found ({names}). Install one, for example the package alsa-utils; name another \
             with --player; or write the recording to a file with --out FILE."
        ))
    })
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let about = fs::metadata(file);
    about.is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// Plays a file; returns whether it was played to its end, and not stopped by Ctrl-C, which the player gets, too.
async fn play(player: &Path, options: &[&str], file: &Path) -> Result<bool, Failure> {
    let name = player.display();
    let mut playing = tokio::process::Command::new(player)
        .args(options)
        .arg(file)
        .stdin(Stdio::null())
        // Standard output is for JSON.
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::new(format!("{name} cannot be run: {error}.")))?;
    tokio::select! {
        ended = playing.wait() => match ended? {
            status if status.success() => Ok(true),
            status => Err(Failure::new(format!(
                "{name} could not play the recording ({status}). Name another program with --player, or write it to a file \
                 with --out FILE."
            ))),
        },
        _ = tokio::signal::ctrl_c() => Ok(false),
    }
}
