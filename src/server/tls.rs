//! Encryption of connections by rustls: reads the certificate and its key, and reads them again when they change, so
//! that a renewed certificate needs no restart.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    ServerConfig,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

use crate::driver::clock;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Why TLS cannot be spoken: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

/// A certificate with its key, from two files. Clones share it.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Files>);

struct Files {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    stamps: Stamps,
}

/// When the two files were changed last, as far as the disk tells.
type Stamps = [Option<SystemTime>; 2];

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// When a file cannot be read, or the two do not belong together.
    pub fn open(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let stamps = stamps(cert, key);
        let certified = read(cert, key)?;
        Ok(Self(Arc::new(Files {
            cert: cert.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Current {
                key: Arc::new(certified),
                stamps,
            }),
        })))
    }

    /// Returns what accepts connections, HTTP/2 or HTTP/1.1.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(self.0.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Reads the files again whenever they change, until it is dropped. What cannot be used is not.
    pub(super) async fn watch(self) {
        loop {
            clock::sleep(LOOK).await;
            let this = self.clone();
            let _ = tokio::task::spawn_blocking(move || this.look()).await;
        }
    }

    fn look(&self) {
        let files = &*self.0;
        let now = stamps(&files.cert, &files.key);
        let known = files.current.read().unwrap_or_else(PoisonError::into_inner);
        if known.stamps == now {
            return;
        }
        drop(known);
        match read(&files.cert, &files.key) {
            Ok(key) => {
                let mut current = files
                    .current
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *current = Current {
                    key: Arc::new(key),
                    stamps: now,
                };
                tracing::info!("the new certificate is in use");
            }
            Err(error) => tracing::error!(%error, "the changed certificate is not used"),
        }
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.key.clone())
    }
}

fn stamps(cert: &Path, key: &Path) -> Stamps {
    [cert, key].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let cannot = |path: &Path, what: &str, error: &dyn fmt::Display| {
        TlsError(format!("{} is no {what} in PEM: {error}.", path.display()))
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| cannot(cert, "certificate", &error))?;
    if chain.is_empty() {
        return Err(cannot(cert, "certificate", &"there is none in it"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| cannot(key, "key", &error))?;
    let signing = any_supported_type(&secret).map_err(|error| cannot(key, "key", &error))?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|error| {
        TlsError(format!(
            "The certificate {} and the key {} do not belong together: {error}.",
            cert.display(),
            key.display()
        ))
    })?;
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str) -> (PathBuf, PathBuf, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let (cert, key) = (
            dir.join(format!("{name}.pem")),
            dir.join(format!("{name}.key")),
        );
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (cert, key, made.cert.der().to_vec())
    }

    fn leaf(tls: &Tls) -> Vec<u8> {
        let current = tls.0.current.read().unwrap();
        current.key.cert[0].to_vec()
    }

    #[test]
    fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key, first) = write(dir.path(), "a");
        let tls = Tls::open(&cert, &key).unwrap();
        assert_eq!(leaf(&tls), first);
        let (new_cert, new_key, second) = write(dir.path(), "b");
        // Half of a renewal: the certificate is there, its key is not yet.
        std::fs::copy(&new_cert, &cert).unwrap();
        tls.0.current.write().unwrap().stamps = [None; 2];
        tls.look();
        assert_eq!(leaf(&tls), first);
        std::fs::copy(&new_key, &key).unwrap();
        tls.look();
        assert_eq!(leaf(&tls), second);
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key, _) = write(dir.path(), "a");
        let (_, other, _) = write(dir.path(), "b");
        let error = |cert: &Path, key: &Path| Tls::open(cert, key).unwrap_err().to_string();
        assert!(error(&key, &key).contains("a.key is no certificate in PEM"));
        assert!(error(&cert, &cert).contains("a.pem is no key in PEM"));
        assert!(error(&cert, &other).contains("do not belong together"));
        assert!(error(&dir.path().join("none"), &key).contains("none is no certificate"));
    }
}
