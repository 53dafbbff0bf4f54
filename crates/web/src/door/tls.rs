//! TLS: the certificate and the key are files, which are read again when they have changed. Nobody looks
//! at them but whoever connects.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// How long the files are believed to be as they were.
const BELIEVED: Duration = Duration::from_secs(1);

/// Where certificate and key are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, followed by those that it hangs on, in PEM form.
    pub cert: PathBuf,
    /// Its private key in PEM form.
    pub key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(
        "The TLS file {0} cannot be read: {1}. It must be in PEM form (--tls-cert, --tls-key)."
    )]
    File(PathBuf, String),
    /// They do not fit.
    #[error("The TLS certificate {0} and the key {1} cannot be used: {2}.")]
    Unfit(PathBuf, PathBuf, String),
}

/// What connections are encrypted with.
pub struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    seen: Seen,
    looked: Instant,
}

/// What tells that a file is another one.
type Seen = [Option<(SystemTime, u64)>; 2];

impl Tls {
    /// Reads them.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn open(files: &TlsFiles) -> Result<Self, TlsError> {
        let seen = seen(files);
        let current = Current {
            acceptor: read(files)?,
            seen,
            looked: Instant::now(),
        };
        Ok(Self {
            files: files.clone(),
            current: Mutex::new(current),
        })
    }

    /// For one connection. Files that cannot be used are told of, and the last ones that could count.
    pub fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock();
        if current.looked.elapsed() < BELIEVED {
            return current.acceptor.clone();
        }
        current.looked = Instant::now();
        let seen = seen(&self.files);
        if seen != current.seen {
            current.seen = seen;
            match read(&self.files) {
                Ok(acceptor) => {
                    current.acceptor = acceptor;
                    tracing::info!("the TLS certificate was read again");
                }
                Err(error) => tracing::error!(%error, "the last TLS certificate is kept"),
            }
        }
        current.acceptor.clone()
    }
}

fn seen(files: &TlsFiles) -> Seen {
    let of = |found: Metadata| Some((found.modified().ok()?, found.len()));
    [&files.cert, &files.key].map(|path| std::fs::metadata(path).ok().and_then(of))
}

fn read(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let unread = |path: &Path, why: String| TlsError::File(path.to_owned(), why);
    let chain = CertificateDer::pem_file_iter(&files.cert).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|e| unread(&files.cert, e.to_string()))?;
    if chain.is_empty() {
        return Err(unread(&files.cert, "there is no certificate in it".into()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key);
    let key = key.map_err(|e| unread(&files.key, e.to_string()))?;
    let unfit =
        |e: rustls::Error| TlsError::Unfit(files.cert.clone(), files.key.clone(), e.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(unfit)?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}
