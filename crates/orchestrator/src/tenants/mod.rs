//! Organizations and tenants, and what the first start on an empty database creates.

mod bootstrap;

pub use bootstrap::{Bootstrap, Created, bootstrap};

use db::Tx;

use crate::error::Result;

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
                id: r.get(0)?,
                key: r.get(1)?,
                name: r.get(2)?,
                organization_key: r.get(3)?,
                organization_name: r.get(4)?,
            })
        })
        .collect()
}
