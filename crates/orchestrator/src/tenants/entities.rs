//! The declaration of tenants.

use odata::Open;
use odata::Timestamp;

/// The caller's own tenant, with the first of its administrators for those who see accounts: nobody sees
/// another.
const OWN: &str = "(SELECT t.*, (SELECT MIN(u.id) FROM users u
        JOIN user_roles ur ON ur.user_id = u.id
        JOIN roles r ON r.id = ur.role_id AND r.name = 'Administrator' AND r.is_static
        WHERE u.tenant_id = t.id AND {accounts}) AS admin_id
    FROM tenants t WHERE t.id = {tenant})";

/// A tenant.
#[odata::entity(set = "Tenants", name = "TenantDto", table = OWN, key = "Id", scope = none, order = "Id")]
pub struct TenantEntity {
    /// Its name, as in addresses.
    pub name: String,
    /// Its GUID.
    pub key: String,
    /// Its name as shown.
    pub display_name: String,
    /// Address of its administrator, for those who see accounts.
    #[edm(sql = "{admin_id->users}.email_address")]
    pub admin_email_address: Option<String>,
    /// Given name of its administrator.
    #[edm(sql = "{admin_id->users}.name")]
    pub admin_name: Option<String>,
    /// Family name of its administrator.
    #[edm(sql = "{admin_id->users}.surname")]
    pub admin_surname: Option<String>,
    /// GUID of its administrator.
    #[edm(sql = "{admin_id->users}.key")]
    pub admin_user_key: Option<String>,
    /// Never shown.
    #[edm(json = "null")]
    pub admin_password: Option<String>,
    /// When anybody last signed in.
    #[edm(sql = "(SELECT MAX(u.last_login_time) FROM users u WHERE u.tenant_id = {t}.id)")]
    pub last_login_time: Option<Timestamp>,
    /// Every tenant of the installation is in use.
    #[edm(json = "true")]
    pub is_active: bool,
    /// Licences are not counted by tenant: see `GetLicense`.
    #[edm(json = "null")]
    pub license: Option<Open>,
    /// Name of its organization.
    pub organization_name: Option<String>,
    /// Number of the tenant.
    pub id: i32,
}
