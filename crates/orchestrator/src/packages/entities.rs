//! The declaration of packages.

use odata::{Guid, Timestamp, edm_enum};
use serde::{Deserialize, Serialize};

use crate::machines::Tag;

edm_enum! {
    /// What kind of project a package holds.
    pub enum ProjectType {
        Undefined = 0, Process = 1, ProcessLibrary = 2, BusinessProcess = 3,
        BusinessProcessLibrary = 4, TestAutomationProcess = 5, ProcessOrchestration = 6,
        BusinessProcessOrchestration = 7, WebApp = 8, BusinessWebApp = 9, Agent = 10,
        BusinessAgent = 11, Api = 12, MCPServer = 13, BusinessRules = 14, CaseManagement = 15
    }
}
edm_enum! {
    /// What kind of package it is: of a business project what it is of any other.
    pub enum PackageType {
        Undefined = 0, Process = 1, ProcessLibrary = 2, ProcessOrchestration = 3, WebApp = 4, Agent = 5,
        TestAutomationProcess = 6, Api = 7, MCPServer = 8, BusinessRules = 9, CaseManagement = 10
    }
}

/// The number of a [`PackageType`] from that of its [`ProjectType`].
const PACKAGE_TYPE: &str = "(CASE {t}.project_type WHEN 3 THEN 1 WHEN 4 THEN 2 WHEN 5 THEN 6
    WHEN 6 THEN 3 WHEN 7 THEN 3 WHEN 8 THEN 4 WHEN 9 THEN 4 WHEN 10 THEN 5 WHEN 11 THEN 5
    WHEN 12 THEN 7 WHEN 13 THEN 8 WHEN 14 THEN 9 WHEN 15 THEN 10 ELSE {t}.project_type END)";

edm_enum! {
    /// What kind of process a release is.
    pub enum ProcessType {
        Undefined = 0, Process = 1, ProcessOrchestration = 2, WebApp = 3, Agent = 4,
        TestAutomationProcess = 5, Api = 6, MCPServer = 7, BusinessRules = 8, CaseManagement = 9
    }
}

impl ProcessType {
    /// What a release of such a project is: what is no kind of its own is a plain process.
    #[must_use]
    pub fn of(project: ProjectType) -> Self {
        match project {
            ProjectType::TestAutomationProcess => Self::TestAutomationProcess,
            ProjectType::ProcessOrchestration => Self::ProcessOrchestration,
            ProjectType::WebApp => Self::WebApp,
            ProjectType::Agent => Self::Agent,
            ProjectType::Api => Self::Api,
            ProjectType::MCPServer => Self::MCPServer,
            ProjectType::BusinessRules => Self::BusinessRules,
            ProjectType::CaseManagement => Self::CaseManagement,
            _ => Self::Process,
        }
    }
}

edm_enum! {
    /// Which robots can run a package.
    pub enum ReleaseTargetFramework { Legacy = 0, Windows = 1, Portable = 2 }
}

/// Arguments of an entry point, in the text that the package declares them in.
#[odata::complex(name = "ArgumentMetadata")]
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Arguments {
    /// What goes in.
    #[serde(default)]
    pub input: Option<String>,
    /// What comes out.
    #[serde(default)]
    pub output: Option<String>,
}

edm_enum! {
    /// How examples of arguments are written.
    pub enum EntryPointDataVariationContentType { Json = 0 }
}

/// Examples of arguments for tests.
#[odata::complex(name = "EntryPointDataVariationDto")]
pub struct EntryPointDataVariation {
    /// The examples.
    pub content: Option<String>,
    /// How they are written.
    pub content_type: EntryPointDataVariationContentType,
    /// Its number.
    pub id: i64,
}

/// Something in a package that can be started.
#[odata::entity(
    set = "EntryPoints",
    name = "EntryPointDto",
    table = "package_entry_points",
    key = "Id",
    scope = none,
    order = "Id",
    indexes = "package_entry_points_package(package_id, id)",
)]
pub struct EntryPoint {
    /// Its id in the project.
    pub unique_id: Option<Guid>,
    /// What a job names to start it.
    pub path: String,
    /// What goes in, in the package's own notation.
    pub input_arguments: Option<String>,
    /// What comes out, likewise.
    pub output_arguments: Option<String>,
    /// Packages read here bring no examples.
    #[edm(json = "null")]
    pub data_variation: Option<EntryPointDataVariation>,
    /// Its number.
    pub id: i64,
}

/// The newest version below this one.
const OLD_VERSION: &str = "(SELECT o.version FROM packages o
    WHERE o.tenant_id = {t}.tenant_id AND o.feed_id = {t}.feed_id
        AND fold(o.package_id) = fold({t}.package_id) AND o.deletion_time IS NULL
        AND o.sort_key < {t}.sort_key ORDER BY o.sort_key DESC LIMIT 1)";

/// A package version.
#[odata::entity(
    set = "Processes",
    name = "ProcessDto",
    table = "packages",
    key = "Key",
    scope = tenant,
    order = "Published desc",
    indexes = "packages_version(tenant_id, feed_id, fold(package_id), normalized_version) \
            WHERE deletion_time IS NULL; \
        packages_latest(tenant_id, feed_id, fold(package_id)) \
            WHERE is_latest",
)]
pub struct Package {
    /// Whether a release uses this version.
    #[edm(
        sql = "EXISTS (SELECT 1 FROM releases r WHERE r.package_id = {t}.id AND r.deletion_time IS NULL)"
    )]
    pub is_active: bool,
    /// Arguments of the main entry point.
    #[edm(
        sql = "(SELECT e.arguments FROM package_entry_points e WHERE e.package_id = {t}.id ORDER BY e.path <> COALESCE({t}.main_entry_point, ''), e.id LIMIT 1)"
    )]
    pub arguments: Option<Arguments>,
    /// More than one entry point.
    #[edm(sql = "((SELECT COUNT(*) FROM package_entry_points e WHERE e.package_id = {t}.id) > 1)")]
    pub supports_multiple_entry_points: bool,
    /// What runs when nothing else is said.
    #[edm(column = "main_entry_point")]
    pub main_entry_point_path: Option<String>,
    /// Needs a desktop.
    pub requires_user_interaction: bool,
    /// Needs a person.
    pub is_attended: bool,
    /// Which robots can run it.
    pub target_framework: Option<ReleaseTargetFramework>,
    /// What kind of package it is.
    #[edm(sql = PACKAGE_TYPE)]
    pub package_type: PackageType,
    /// Its name for people.
    #[edm(sql = "COALESCE({t}.title, {t}.package_id)")]
    pub title: String,
    /// Its version as uploaded.
    pub version: String,
    /// `Id:Version`
    #[edm(sql = "({t}.package_id || ':' || {t}.version)")]
    pub key: String,
    /// What it does.
    pub description: Option<String>,
    /// When it was uploaded.
    pub published: Timestamp,
    /// Whether no newer version is in the feed.
    #[edm(column = "is_latest")]
    pub is_latest_version: bool,
    /// The version before.
    #[edm(sql = OLD_VERSION)]
    pub old_version: Option<String>,
    /// What changed.
    pub release_notes: Option<String>,
    /// Who made it.
    pub authors: Option<String>,
    /// What kind of project it holds.
    pub project_type: ProjectType,
    /// Labels of the nuspec.
    pub tags: Option<String>,
    /// Source or compiled; not declared by the packages read here.
    #[edm(json = "false")]
    pub is_compiled: bool,
    /// Its licence.
    pub license_url: Option<String>,
    /// Its home page.
    pub project_url: Option<String>,
    /// Labels of the tenant.
    #[edm(json = "[]")]
    pub resource_tags: Vec<Tag>,
    /// Its id.
    #[edm(column = "package_id")]
    pub id: String,
    /// What can be started.
    #[edm(nav, column = "id", target_column = "package_id")]
    pub entry_points: odata::Many<EntryPoint>,
}
