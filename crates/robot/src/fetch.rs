//! The cache of downloaded packages.
//!
//! A published version never changes, so a package is fetched once per server, feed and version. A
//! file is in the cache only after it was read through as an archive: a proxy's sign-in page must
//! not become a package that fails for ever.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::PathBuf;

use aws_lc_rs::digest;

use crate::backoff::Backoff;
use crate::client::CallError;
use crate::client::Client;
use crate::journal::blocking;
use crate::lock;
use crate::protocol::CommandData;
use crate::unpack;
use crate::unpack::UnpackError;

/// The largest package that is fetched, in bytes.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// Why there is no package. The texts are shown as the job's `Info`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("The job names no package.")]
    NoPackage,
    #[error("The package {package} cannot be downloaded: {reason}.")]
    Refused { package: String, reason: CallError },
    #[error("The package {package} is larger than {MAX_BYTES} bytes.")]
    TooLarge { package: String },
    #[error("The package {package} is damaged: {reason}.")]
    Damaged {
        package: String,
        reason: UnpackError,
    },
    #[error("The package cannot be stored: {0}.")]
    Io(#[from] io::Error),
}

/// A package file of the cache.
pub(crate) struct Fetched {
    pub path: PathBuf,
    /// `id:version`
    pub package: String,
    pub cached: bool,
}

/// The folder of packages.
pub(crate) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Packages in `folder`, which is created when the first one comes.
    pub fn new(folder: PathBuf) -> Packages {
        Packages { folder }
    }

    /// The package of a job, downloaded now if need be. A server that is away is waited for.
    pub async fn fetch(&self, client: &Client, job: &CommandData) -> Result<Fetched, FetchError> {
        let (Some(id), Some(version)) = (&job.package_id, &job.package_version) else {
            return Err(FetchError::NoPackage);
        };
        let package = format!("{id}:{version}");
        let feed = job.feed_id.as_deref().filter(|feed| !feed.is_empty());
        let path = self
            .folder
            .join(file_name(client.address().base(), feed, &package));
        if path.is_file() {
            return Ok(Fetched {
                path,
                package,
                cached: true,
            });
        }
        fs::create_dir_all(&self.folder)?;
        let _lock = lock::wait(&path.with_extension("lock")).await?;
        if path.is_file() {
            return Ok(Fetched {
                path,
                package,
                cached: true,
            });
        }
        let mut backoff = Backoff::new();
        let file = loop {
            match self
                .download(client, &package, feed, job.access_token.as_deref())
                .await
            {
                Ok(file) => break file,
                Err(FetchError::Refused { reason, .. }) if worth_waiting(&reason) => {
                    tracing::warn!(package, %reason, "download failed, trying again");
                    backoff.wait().await;
                }
                Err(error) => return Err(error),
            }
        };
        let (target, name) = (path.clone(), package.clone());
        let verified = blocking(move || Ok(verify_and_keep(file, &target))).await?;
        verified.map_err(|reason| FetchError::Damaged {
            package: name,
            reason,
        })?;
        Ok(Fetched {
            path,
            package,
            cached: false,
        })
    }

    async fn download(
        &self,
        client: &Client,
        package: &str,
        feed: Option<&str>,
        token: Option<&str>,
    ) -> Result<tempfile::NamedTempFile, FetchError> {
        let refused = |reason| FetchError::Refused {
            package: package.to_owned(),
            reason,
        };
        let mut response = client
            .download(package, feed, token)
            .await
            .map_err(refused)?;
        let mut file = tempfile::Builder::new()
            .suffix(".part")
            .tempfile_in(&self.folder)?;
        let mut size = 0;
        while let Some(bytes) = response
            .chunk()
            .await
            .map_err(|error| refused(error.into()))?
        {
            size += bytes.len() as u64;
            if size > MAX_BYTES {
                return Err(FetchError::TooLarge {
                    package: package.to_owned(),
                });
            }
            file.write_all(&bytes)?;
        }
        Ok(file)
    }
}

/// The job's token does not come back to life, so a refusal of it is final.
fn worth_waiting(error: &CallError) -> bool {
    error.is_temporary() && !matches!(error.status(), Some(401 | 403))
}

fn verify_and_keep(
    file: tempfile::NamedTempFile,
    target: &std::path::Path,
) -> Result<(), UnpackError> {
    unpack::verify(file.path())?;
    file.as_file().sync_all()?;
    let kept: File = file.persist(target).map_err(|error| error.error)?;
    drop(kept);
    Ok(())
}

/// `{id}.{version}-{hash}.nupkg`: readable for people, and unique for server, feed and the exact
/// spelling, which the readable part may have lost.
fn file_name(server: &str, feed: Option<&str>, package: &str) -> String {
    let exact = serde_json::json!([server, feed, package]).to_string();
    let hash = digest::digest(&digest::SHA256, exact.as_bytes());
    let hash: String = hash
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let plain = |c: char| match c {
        ':' => '.',
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') => c,
        _ => '_',
    };
    let readable: String = package.chars().take(100).map(plain).collect();
    format!("{}-{hash}.nupkg", readable.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_tell_feeds_and_servers_apart() {
        let name = file_name("http://h/o/t", None, "../../Über Pack:1.0.0");
        assert!(
            name.starts_with("_.._ber_Pack.1.0.0-") || !name.contains('/'),
            "{name}"
        );
        let names = [
            file_name("http://h/o/t", None, "a:1"),
            file_name("http://h/o/u", None, "a:1"),
            file_name("http://h/o/t", Some("f"), "a:1"),
            file_name("http://h/o/t", None, "A:1"),
        ];
        let unique: std::collections::HashSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
    }
}
