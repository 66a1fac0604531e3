//! What `doctor` finds out about the machine: room on the disk, limits, the clock, and how long the certificate is good.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{Finding, State, own::Server};
use crate::{config::Config, driver::clock};

/// Below this much free space calls are likely to fill the disk: a day of one line's recordings.
const ENOUGH_SPACE: u64 = 3 << 30;
/// Files that the program has open without calls and clients: database, cache, workers, libraries.
const FILES: u64 = 128;
/// Files of one call: its sockets, its connections to services, its recording.
const FILES_PER_CALL: u64 = 8;
/// This program is not older; a clock that says so is wrong.
const OLDEST: i64 = 1_767_225_600;
/// A database that was written so far in the future means that the clock was set back.
const AHEAD: Duration = Duration::from_secs(300);
/// A certificate should be renewed so many days before its end.
const RENEW: i64 = 14;

pub(super) fn all(config: &Config, data: &Path, server: &Server) -> Vec<Finding> {
    let mut findings = vec![
        ("disk space", space(data, config.data.reserve())),
        ("open files", files(config, server)),
        ("clock", time(clock::wall(), data)),
    ];
    if config.server.tls.is_set() {
        findings.push((
            "certificate",
            certificate(&config.server.tls.cert, clock::wall()),
        ));
    }
    findings
}

fn space(path: &Path, reserve: u64) -> State {
    // The folder may not exist when it could not be made; then the disk is that of the first parent that does.
    let existing = path
        .ancestors()
        .find(|path| path.exists())
        .map_or_else(|| PathBuf::from("/"), Path::to_owned);
    match free_space(&existing) {
        Ok(bytes) if bytes < reserve => State::Bad(format!(
            "{} MiB free, less than data.min_free_mib: no call is taken. Free some, or choose another folder with --data.",
            bytes >> 20
        )),
        Ok(bytes) if bytes < ENOUGH_SPACE => State::Note(format!(
            "{} MiB free; a call's recording takes about 2 MiB a minute. Free some, or choose another folder with \
             --data.",
            bytes >> 20
        )),
        Ok(bytes) => State::Good(format!("{} GiB free", bytes >> 30)),
        Err(error) => State::Note(format!("cannot be asked: {error}")),
    }
}

fn free_space(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Compares the limit of the running server, or of this process when there is none, with what the configuration may need.
fn files(config: &Config, server: &Server) -> State {
    let (whose, limit) = match server {
        Server::Running(standing) => (
            format!("process {}", standing.pid),
            limit_of(standing.pid).or_else(own_limit),
        ),
        _ => ("a server started from here".to_owned(), own_limit()),
    };
    let Some(limit) = limit else {
        return State::Good("no limit".into());
    };
    let calls = FILES + FILES_PER_CALL * config.calls.max_concurrent as u64;
    let all = calls + config.server.max_connections as u64;
    if limit < calls {
        State::Bad(format!(
            "{whose} may open {limit}, and {} calls at the same time take about {calls}; raise it (LimitNOFILE= of the \
             service, ulimit -n), or lower calls.max_concurrent",
            config.calls.max_concurrent
        ))
    } else if limit < all {
        State::Note(format!(
            "{whose} may open {limit}, enough for all calls; with server.max_connections clients beside them it takes about \
             {all}"
        ))
    } else {
        State::Good(format!(
            "{whose} may open {limit}, and needs about {all} at most"
        ))
    }
}

fn own_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Reads the limit of another process; `None` when it has none, or may not be looked at.
fn limit_of(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = text
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// Says whether the time of day can be believed: calls, keys and webhooks are timed by it.
fn time(now: Timestamp, data: &Path) -> State {
    if now.as_second() < OLDEST {
        return State::Bad(format!(
            "it says {now}, which is long past; set it, and keep it right by NTP"
        ));
    }
    let written = data
        .join("agentphone.redb")
        .metadata()
        .and_then(|file| file.modified());
    let ahead = written
        .ok()
        .and_then(|written| Timestamp::try_from(written).ok())
        .and_then(|written| Duration::try_from(written.duration_since(now)).ok());
    match ahead {
        Some(ahead) if ahead > AHEAD => State::Bad(format!(
            "it says {now}, but the database was written {} s after that; set it, and keep it right by NTP",
            ahead.as_secs()
        )),
        _ => State::Good(format!("{}", now.strftime("%Y-%m-%d %H:%M:%S UTC"))),
    }
}

fn certificate(path: &Path, now: Timestamp) -> State {
    let ends = ends_at(path);
    let ends = match ends {
        Ok(ends) => ends,
        Err(problem) => return State::Bad(format!("{}: {problem}", path.display())),
    };
    let days = ends.duration_since(now).as_hours().div_euclid(24);
    let day = ends.strftime("%Y-%m-%d");
    if days < 0 {
        State::Bad(format!("{} ended on {day}; renew it", path.display()))
    } else if days < RENEW {
        State::Note(format!(
            "{} ends on {day}, in {days} days; renew it",
            path.display()
        ))
    } else {
        State::Good(format!("{} is good until {day}", path.display()))
    }
}

/// Returns until when the first certificate of a chain, the server's own, is good.
fn ends_at(path: &Path) -> Result<Timestamp, String> {
    let der = CertificateDer::from_pem_file(path).map_err(|error| error.to_string())?;
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
    Timestamp::from_second(parsed.validity().not_after.timestamp())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_ends_soon_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pem");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        let ends = ends_at(&path).unwrap();
        let before = |hours: i64| ends - jiff::SignedDuration::from_hours(hours);
        assert!(matches!(
            certificate(&path, before(24 * 30)),
            State::Good(_)
        ));
        assert!(
            matches!(certificate(&path, before(24 * 13)), State::Note(text) if text.contains("in 13 days"))
        );
        assert!(
            matches!(certificate(&path, before(-1)), State::Bad(text) if text.contains("renew"))
        );
        std::fs::write(&path, "none").unwrap();
        assert!(matches!(certificate(&path, before(1)), State::Bad(_)));
    }

    #[test]
    fn a_clock_that_was_set_back_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("agentphone.redb"), "").unwrap();
        let now = clock::wall();
        assert!(matches!(time(now, dir.path()), State::Good(_)));
        let early = now - jiff::SignedDuration::from_mins(10);
        assert!(matches!(time(early, dir.path()), State::Bad(_)));
        assert!(matches!(
            time(Timestamp::UNIX_EPOCH, dir.path()),
            State::Bad(_)
        ));
    }

    #[test]
    fn open_files_are_compared_with_what_calls_take() {
        let limit = own_limit().unwrap_or(u64::MAX);
        assert_eq!(limit_of(std::process::id()).or_else(own_limit), own_limit());
        let mut config = Config::default();
        config.calls.max_concurrent = usize::try_from(limit.min(1 << 40)).unwrap();
        let none = Server::None { webhooks: 0 };
        if limit < 1 << 40 {
            assert!(
                matches!(files(&config, &none), State::Bad(text) if text.contains("LimitNOFILE"))
            );
        }
    }
}
