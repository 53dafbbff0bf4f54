//! The declaration of libraries: what packages have of themselves, and what only libraries show.

use odata::Timestamp;
use odata::edm::{self, Entity, EntitySet, Prop};

use crate::packages::Package;

/// What a library shows in front of what every package has.
#[odata::complex]
pub struct LibraryFile {
    /// When it was uploaded.
    #[edm(column = "published")]
    pub created: Timestamp,
    /// When it was uploaded: versions never change.
    #[edm(column = "published")]
    pub last_updated: Timestamp,
    /// Who answers for it.
    pub owners: Option<String>,
    /// Its picture.
    pub icon_url: Option<String>,
    /// What it does, in a line.
    pub summary: Option<String>,
    /// Bytes of its file.
    #[edm(column = "size")]
    pub package_size: i64,
    /// Whether its version is one before a release.
    #[edm(sql = "({t}.normalized_version LIKE '%-%')")]
    pub is_prerelease: bool,
}

/// What is said of a version whatever kind of package it is.
const VERSION: &[Prop] = edm::from_on(Package::SET.props, "Title");

const PROPS: [Prop; LibraryFile::TYPE.props.len() + VERSION.len()] =
    edm::extended(VERSION, "Title", LibraryFile::TYPE.props);

/// The versions of libraries.
pub static LIBRARIES: EntitySet = EntitySet {
    name: "Libraries",
    entity: "LibraryDto",
    doc: "A version of a library.",
    props: &PROPS,
    navs: &[],
    ..Package::SET
};

/// A version of a library.
#[derive(Debug)]
pub struct Library;

impl Entity for Library {
    fn set() -> &'static EntitySet {
        &LIBRARIES
    }
}
