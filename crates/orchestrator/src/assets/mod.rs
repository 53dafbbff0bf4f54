//! Assets: values that automations ask for by name. They can be read; what writes them and hands
//! them to robots comes later.

use odata::{Guid, Many, Timestamp, edm_enum};

use crate::cx::Cx;
use crate::error::Result;
use crate::feature::Feature;
use crate::machines::Tag;
use crate::op::{Access, FolderRule, Need, Page, Resource, Verb};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("assets").resources(&[&RESOURCE]).tables(&[
    "asset_folders",
    "asset_user_values",
    "assets",
]);

edm_enum! {
    /// What a value is.
    pub enum AssetValueType {
        DBConnectionString = 0, HttpConnectionString = 1, Text = 2, Bool = 3, Integer = 4,
        Credential = 5, WindowsCredential = 6, KeyValueList = 7, Secret = 8
    }
}
edm_enum! {
    /// One value, or one for each account.
    pub enum AssetValueScope { Global = 0, PerRobot = 1 }
}

/// A pair of texts.
#[odata::complex]
pub struct CustomKeyValuePair {
    /// Its name.
    pub key: Option<String>,
    /// Its value.
    pub value: Option<String>,
}

/// What a robot gets, as the API was before accounts had robots; `UserValues` tells it today.
#[odata::complex(name = "AssetRobotValueDto")]
pub struct AssetRobotValue {
    /// Name of the asset.
    pub name: Option<String>,
    /// The robot.
    pub robot_id: i64,
    /// Its name.
    pub robot_name: Option<String>,
    /// The end of its key.
    pub key_trail: Option<String>,
    /// What the value is.
    pub value_type: AssetValueType,
    /// The value of a text.
    pub string_value: Option<String>,
    /// The value of a truth.
    pub bool_value: bool,
    /// The value of a number.
    pub int_value: i32,
    /// Never shown.
    pub secret_value: Option<String>,
    /// The value as a text.
    pub value: Option<String>,
    /// Who a credential signs in as.
    pub credential_username: Option<String>,
    /// Never shown.
    pub credential_password: Option<String>,
    /// Name of the value in an external store.
    pub external_name: Option<String>,
    /// Where secrets are kept.
    pub credential_store_id: Option<i64>,
    /// The value of a list.
    pub key_value_list: Vec<CustomKeyValuePair>,
    /// Number of the value.
    pub id: i64,
}

/// An asset once for each folder that it is in.
const IN_FOLDERS: &str = "(SELECT a.*, af.folder_id FROM assets a
    JOIN asset_folders af ON af.asset_id = a.id)";

/// A value as a text, whatever it is; what is secret stays so.
const SHOWN: &str = "(CASE {t}.value_type WHEN 2 THEN {t}.string_value
    WHEN 3 THEN CASE WHEN {t}.bool_value THEN 'True' ELSE 'False' END
    WHEN 4 THEN CAST({t}.int_value AS TEXT)
    WHEN 5 THEN 'username: ' || COALESCE({t}.credential_username, '') ELSE '' END)";

/// An asset.
#[odata::entity(
    set = "Assets",
    name = "AssetDto",
    table = IN_FOLDERS,
    key = "Id",
    scope = folder,
    order = "Id",
    tie = "id, folder_id",
    indexes = "asset_folders_asset(asset_id, folder_id)"
)]
pub struct Asset {
    /// Its GUID.
    #[edm(read_only)]
    pub key: Guid,
    /// Unique in its folders.
    #[edm(required, max = 256)]
    pub name: String,
    /// Whether it may be removed.
    #[edm(read_only)]
    pub can_be_deleted: bool,
    /// One value, or one for each account.
    #[edm(required)]
    pub value_scope: AssetValueScope,
    /// What the value is.
    pub value_type: AssetValueType,
    /// The value as a text.
    #[edm(sql = SHOWN, read_only)]
    pub value: Option<String>,
    /// The value of a text.
    #[edm(sql = "COALESCE({t}.string_value, '')", max = 1000000)]
    pub string_value: Option<String>,
    /// The value of a truth.
    #[edm(sql = "COALESCE({t}.bool_value, FALSE)")]
    pub bool_value: bool,
    /// The value of a number.
    #[edm(sql = "COALESCE({t}.int_value, 0)")]
    pub int_value: i32,
    /// Who a credential signs in as.
    #[edm(sql = "COALESCE({t}.credential_username, '')", max = 512)]
    pub credential_username: Option<String>,
    /// Never shown.
    #[edm(json = "\"\"", max = 25000)]
    pub credential_password: Option<String>,
    /// Never shown.
    #[edm(json = "\"\"", max = 25000)]
    pub secret_value: Option<String>,
    /// Name of the value in an external store.
    #[edm(max = 450)]
    pub external_name: Option<String>,
    /// Where secrets are kept.
    pub credential_store_id: Option<i64>,
    /// The value of a list.
    pub key_value_list: Vec<CustomKeyValuePair>,
    /// Whether there is a value for accounts without one of their own.
    pub has_default_value: bool,
    /// For people.
    #[edm(max = 250)]
    pub description: Option<String>,
    /// Values by robot: read `UserValues`.
    #[edm(json = "[]")]
    pub robot_values: Vec<AssetRobotValue>,
    /// Labels.
    pub tags: Vec<Tag>,
    /// Folders that it is in.
    #[edm(
        sql = "(SELECT COUNT(*) FROM asset_folders f WHERE f.asset_id = {t}.id)",
        read_only
    )]
    pub folders_count: i32,
    /// When it was last changed.
    #[edm(read_only)]
    pub last_modification_time: Option<Timestamp>,
    /// By whom.
    #[edm(read_only)]
    pub last_modifier_user_id: Option<i64>,
    /// When it was made.
    #[edm(read_only)]
    pub creation_time: Timestamp,
    /// By whom.
    #[edm(read_only)]
    pub creator_user_id: Option<i64>,
    /// Number of the asset.
    pub id: i64,
    /// Values of single accounts.
    #[edm(nav, column = "id", target_column = "asset_id")]
    pub user_values: Many<AssetUserValue>,
}

/// The values of accounts with what their asset says of all of them.
const WITH_ASSET: &str = "(SELECT v.*, a.name, a.value_type FROM asset_user_values v
    JOIN assets a ON a.id = v.asset_id)";

/// What one account gets, on any machine or on one.
#[odata::entity(
    set = "AssetUserValues",
    name = "AssetUserValueDto",
    table = WITH_ASSET,
    key = "Id",
    scope = tenant,
    order = "Id",
    indexes = "asset_user_values_asset(asset_id, id)"
)]
pub struct AssetUserValue {
    /// Name of the asset.
    #[edm(read_only)]
    pub name: Option<String>,
    /// The account.
    pub user_id: i64,
    /// Its name.
    #[edm(sql = "{user_id->users}.user_name", read_only)]
    pub user_name: Option<String>,
    /// The machine, unless it is any.
    pub machine_id: Option<i64>,
    /// Its name.
    #[edm(sql = "{machine_id->machines}.name", read_only)]
    pub machine_name: Option<String>,
    /// What the value is.
    #[edm(read_only)]
    pub value_type: AssetValueType,
    /// The value of a text.
    #[edm(sql = "COALESCE({t}.string_value, '')", max = 1000000)]
    pub string_value: Option<String>,
    /// The value of a truth.
    #[edm(sql = "COALESCE({t}.bool_value, FALSE)")]
    pub bool_value: bool,
    /// The value of a number.
    #[edm(sql = "COALESCE({t}.int_value, 0)")]
    pub int_value: i32,
    /// The value as a text.
    #[edm(sql = SHOWN, read_only)]
    pub value: Option<String>,
    /// Who a credential signs in as.
    #[edm(sql = "COALESCE({t}.credential_username, '')", max = 512)]
    pub credential_username: Option<String>,
    /// Never shown.
    #[edm(json = "\"\"", max = 25000)]
    pub credential_password: Option<String>,
    /// Never shown.
    #[edm(json = "\"\"", max = 25000)]
    pub secret_value: Option<String>,
    /// Where secrets are kept.
    pub credential_store_id: Option<i64>,
    /// Name of the value in an external store.
    #[edm(max = 450)]
    pub external_name: Option<String>,
    /// The value of a list.
    pub key_value_list: Vec<CustomKeyValuePair>,
    /// Number of the value.
    pub id: i64,
}

/// The set.
pub static RESOURCE: Resource = Resource::new(
    &Asset::SET,
    Need::new("OR.Assets", &[("Assets", Access::View)], false),
)
.folder(FolderRule::Required)
.list::<ListAssets>()
.get();

/// All assets of the folder but secrets, which clients of this address do not know.
#[odata::input]
pub struct ListAssets;

impl Verb for ListAssets {
    type Answer = Page<Asset>;

    fn answer(&self, _: &mut Cx<'_, '_>) -> Result<Page<Asset>> {
        Ok(Page::of("{t}.value_type <> 8"))
    }
}
