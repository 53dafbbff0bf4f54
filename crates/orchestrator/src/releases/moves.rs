//! The actions that change which package version a release has, each by the number of the release and
//! by its key. Packages have no labels that could be merged into those of a release, so of
//! `mergePackageTags` only the form matters.

use std::fmt::Display;

use odata::Guid;

use super::{EDIT, Which, find, versions};
use crate::bulk::{FailedKeys, FailedNumbers};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::op::{At, FolderRule, Operation, action};

/// An action that changes the version of releases.
const fn at(name: &'static str) -> At {
    action("Releases", name)
        .needs(EDIT)
        .folder(FolderRule::Required)
}

/// Gives a process another version of its package.
#[odata::input]
pub struct UpdateToSpecificPackageVersion {
    /// Number of the process.
    #[edm(key)]
    id: i64,
    /// The version, as `1.0.3`.
    #[edm(required)]
    package_version: String,
}

impl Operation for UpdateToSpecificPackageVersion {
    const AT: At = at("UpdateToSpecificPackageVersion");
    type Answer = i64;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<i64> {
        let release = find(cx, &Which::Id(self.id))?;
        versions::take_named(cx, &release, &self.package_version)?;
        Ok(release.id)
    }
}

/// Gives a process another version of its package, by its key.
#[odata::input]
pub struct UpdateToSpecificPackageVersionByKey {
    /// Key of the process.
    #[edm(required, query)]
    identifier: Guid,
    /// The version, as `1.0.3`.
    #[edm(required)]
    package_version: String,
}

impl Operation for UpdateToSpecificPackageVersionByKey {
    const AT: At = at("UpdateToSpecificPackageVersionByKey");
    type Answer = Guid;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Guid> {
        let release = find(cx, &Which::Key(self.identifier))?;
        versions::take_named(cx, &release, &self.package_version)?;
        Ok(self.identifier)
    }
}

/// Gives a process the latest version of its package.
#[odata::input]
pub struct UpdateToLatestPackageVersion {
    /// Number of the process.
    #[edm(key)]
    id: i64,
    /// Whether labels of the package are added to those of the process.
    #[edm(query)]
    #[expect(
        dead_code,
        reason = "packages have no labels: only its form is checked"
    )]
    merge_package_tags: Option<bool>,
}

impl Operation for UpdateToLatestPackageVersion {
    const AT: At = at("UpdateToLatestPackageVersion");
    type Answer = i64;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<i64> {
        let release = find(cx, &Which::Id(self.id))?;
        versions::take_latest(cx, &release)?;
        Ok(release.id)
    }
}

/// Gives a process the latest version of its package, by its key.
#[odata::input]
pub struct UpdateToLatestPackageVersionByKey {
    /// Key of the process.
    #[edm(required, query)]
    identifier: Guid,
    /// Whether labels of the package are added to those of the process.
    #[edm(query)]
    #[expect(
        dead_code,
        reason = "packages have no labels: only its form is checked"
    )]
    merge_package_tags: Option<bool>,
}

impl Operation for UpdateToLatestPackageVersionByKey {
    const AT: At = at("UpdateToLatestPackageVersionByKey");
    type Answer = Guid;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Guid> {
        let release = find(cx, &Which::Key(self.identifier))?;
        versions::take_latest(cx, &release)?;
        Ok(self.identifier)
    }
}

/// Gives a process back the package version that it had before.
#[odata::input]
pub struct RollbackToPreviousReleaseVersion {
    /// Number of the process.
    #[edm(key)]
    id: i64,
    /// Whether labels of the package are added to those of the process.
    #[edm(query)]
    #[expect(
        dead_code,
        reason = "packages have no labels: only its form is checked"
    )]
    merge_package_tags: Option<bool>,
}

impl Operation for RollbackToPreviousReleaseVersion {
    const AT: At = at("RollbackToPreviousReleaseVersion");
    type Answer = i64;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<i64> {
        let release = find(cx, &Which::Id(self.id))?;
        versions::roll_back(cx, &release)?;
        Ok(release.id)
    }
}

/// Gives a process back the package version that it had before, by its key.
#[odata::input]
pub struct RollbackToPreviousReleaseVersionByKey {
    /// Key of the process.
    #[edm(required, query)]
    identifier: Guid,
    /// Whether labels of the package are added to those of the process.
    #[edm(query)]
    #[expect(
        dead_code,
        reason = "packages have no labels: only its form is checked"
    )]
    merge_package_tags: Option<bool>,
}

impl Operation for RollbackToPreviousReleaseVersionByKey {
    const AT: At = at("RollbackToPreviousReleaseVersionByKey");
    type Answer = Guid;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Guid> {
        let release = find(cx, &Which::Key(self.identifier))?;
        versions::roll_back(cx, &release)?;
        Ok(self.identifier)
    }
}

/// Gives each of these processes the latest version of its package. The answer names those for
/// which that was not possible.
#[odata::input]
pub struct UpdateToLatestPackageVersionBulk {
    /// Numbers of the processes.
    #[edm(required, range = "1..=1000")]
    release_ids: Vec<i64>,
    /// Whether labels of the package are added to those of the process.
    #[expect(
        dead_code,
        reason = "packages have no labels: only its form is checked"
    )]
    merge_package_tags: Option<bool>,
}

impl Operation for UpdateToLatestPackageVersionBulk {
    const AT: At = at("UpdateToLatestPackageVersionBulk");
    type Answer = FailedNumbers;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<FailedNumbers> {
        let named = self.release_ids.iter().map(|id| (Which::Id(*id), *id));
        let (failed_items, message) = all_to_latest(cx, named)?;
        Ok(FailedNumbers {
            success: failed_items.is_empty(),
            message,
            failed_items,
        })
    }
}

/// Gives each of these processes, which their keys name the latest version of its package. The answer names those for
/// which that was not possible.
#[odata::input]
pub struct UpdateToLatestPackageVersionBulkByKey {
    /// Keys of the processes.
    #[edm(required, range = "1..=1000")]
    release_keys: Vec<Guid>,
    /// Whether labels of the package are added to those of the process.
    #[expect(
        dead_code,
        reason = "packages have no labels: only its form is checked"
    )]
    merge_package_tags: Option<bool>,
}

impl Operation for UpdateToLatestPackageVersionBulkByKey {
    const AT: At = at("UpdateToLatestPackageVersionBulkByKey");
    type Answer = FailedKeys;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<FailedKeys> {
        let named = self
            .release_keys
            .iter()
            .map(|key| (Which::Key(*key), key.to_string()));
        let (failed_items, message) = all_to_latest(cx, named)?;
        Ok(FailedKeys {
            success: failed_items.is_empty(),
            message,
            failed_items,
        })
    }
}

/// Gives each release that can have it the latest version; gives the others as they were named, and
/// why not.
fn all_to_latest<T: Display>(
    cx: &mut Cx<'_, '_>,
    named: impl Iterator<Item = (Which, T)>,
) -> Result<(Vec<T>, Option<String>)> {
    let (mut failed, mut messages) = (Vec::new(), Vec::new());
    for (which, name) in named {
        let updated = find(cx, &which).and_then(|release| versions::take_latest(cx, &release));
        match updated {
            Ok(()) => {}
            Err(Error::Refused { message, .. }) => {
                messages.push(format!("{name}: {message}"));
                failed.push(name);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((failed, (!messages.is_empty()).then(|| messages.join(" "))))
}
