//! Organizations and tenants, and what the first start on an empty database creates.

mod bootstrap;
mod entities;

pub use bootstrap::{Bootstrap, Created, bootstrap};
pub use entities::TenantEntity;

use db::Tx;

use crate::access;
use crate::cx::Cx;
use crate::error::Result;
use crate::feature::Feature;
use crate::op::{Access, Need, Page, Resource, Vars, Verb};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("tenants")
    .resources(&[&RESOURCE])
    .tables(&["installation", "tenants"]);

/// The set: the caller's own tenant.
pub static RESOURCE: Resource = Resource::new(
    &TenantEntity::SET,
    Need::new("OR.Administration", &[], false),
)
.list::<ListTenants>()
.get()
.vars(|cx, _| seen(cx));

/// Whoever sees accounts sees who administers the tenant.
const VIEW_ACCOUNTS: Need = Need::new("OR.Users", &[("Users", Access::View)], false);

fn seen(cx: &mut Cx<'_, '_>) -> Result<Vars> {
    let accounts = access::may(cx.tx, cx.caller, &VIEW_ACCOUNTS)?;
    Ok(vec![("accounts", accounts.into())])
}

/// The caller's own tenant.
#[odata::input]
pub struct ListTenants;

impl Verb for ListTenants {
    type Answer = Page<TenantEntity>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Page<TenantEntity>> {
        Ok(Page::all().vars(seen(cx)?))
    }
}

/// A tenant with its organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// `tenants.id`
    pub id: i64,
    /// Its GUID.
    pub key: String,
    /// Its name, as in URLs.
    pub name: String,
    /// The organization's GUID; the `prt_id` of tokens.
    pub organization_key: String,
    /// The organization's name, as in URLs.
    pub organization_name: String,
}

/// All tenants: few, read once at start and kept by the edge.
///
/// # Errors
/// The store's.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Tenant>> {
    let rows = tx.rows(
        "SELECT id, key, name, organization_key, organization_name FROM tenants ORDER BY id",
        &[],
    )?;
    rows.iter()
        .map(|r| {
            Ok(Tenant {
                id: r.get("id")?,
                key: r.get("key")?,
                name: r.get("name")?,
                organization_key: r.get("organization_key")?,
                organization_name: r.get("organization_name")?,
            })
        })
        .collect()
}

/// The id of the signing key that this database belongs to, if it belongs to one.
///
/// # Errors
/// The store's.
pub fn owner(tx: &mut Tx<'_>) -> Result<Option<String>> {
    let row = tx.row("SELECT key_id FROM installation WHERE id = 1", &[])?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

/// As [`owner`]; `key_id` if it belonged to none until now.
/// Secrets in it can be opened with that key's data folder only, and a second server with keys of
/// its own would hand out tokens that the first refuses.
///
/// # Errors
/// The store's.
pub fn claim(tx: &mut Tx<'_>, key_id: &str) -> Result<String> {
    tx.exec(
        "INSERT INTO installation (id, key_id) VALUES (1, $1) ON CONFLICT DO NOTHING",
        &[key_id.into()],
    )?;
    owner(tx)?.ok_or_else(|| crate::Error::not_found("Installation"))
}
