//! Who may do something, in which folder, and where it works.

/// What a caller wants to do with a kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// See.
    View,
    /// Change.
    Edit,
    /// Make.
    Create,
    /// Remove.
    Delete,
}

impl Access {
    /// The suffix of the permission's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "View",
            Self::Edit => "Edit",
            Self::Create => "Create",
            Self::Delete => "Delete",
        }
    }
}

/// What is asked of a caller: a scope of the token (applications) or a permission of a role
/// (users, robots).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Need {
    /// Base name of the OAuth scope, e.g. `OR.Jobs`; empty = any token.
    pub scope: &'static str,
    /// Alternatives, e.g. `Units.View` or `SubFolders.View`; empty = any authenticated caller.
    pub any: &'static [(&'static str, Access)],
    /// Further permissions, every one of which is needed too.
    pub all: &'static [(&'static str, Access)],
    /// Whether the token needs the scope's write half.
    pub write: bool,
}

impl Need {
    /// Whoever proves who they are.
    pub const AUTHENTICATED: Self = Self::new("", &[], false);

    /// Permission `name.access` under `scope`.
    #[must_use]
    pub const fn new(
        scope: &'static str,
        any: &'static [(&'static str, Access)],
        write: bool,
    ) -> Self {
        Self {
            scope,
            any,
            all: &[],
            write,
        }
    }

    /// With further permissions, every one of which is needed too.
    #[must_use]
    pub const fn and(mut self, all: &'static [(&'static str, Access)]) -> Self {
        self.all = all;
        self
    }

    /// Whether any authenticated caller with the scope will do.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.any.is_empty() && self.all.is_empty()
    }

    /// The permissions in groups: one of each group is needed.
    pub fn groups(&self) -> impl Iterator<Item = &'static [(&'static str, Access)]> + use<> {
        let (any, all) = (self.any, self.all);
        let single = all.iter().map(std::slice::from_ref);
        std::iter::once(any).chain(single).filter(|g| !g.is_empty())
    }
}

/// How an operation relates to the folder header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderRule {
    /// Tenant-wide; a header is ignored.
    Tenant,
    /// With a header that folder; without one all folders in which the caller has the permission.
    Optional,
    /// As `Optional`; whoever has the permission for the tenant, as robots have it, sees all.
    OptionalOrTenant,
    /// Without a header the request is refused (1101).
    Required,
    /// As `Required`; a folder that is not the caller's is bad input (400), as clients expect it of
    /// what they start.
    RequiredInput,
    /// The operation says itself which folders it is about, and its function asks for the permission
    /// in each of them; at the door the caller must have it for the tenant or in any folder. A header
    /// is ignored.
    Named,
}

impl FolderRule {
    /// Its name in the description of the service.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "none",
            Self::Optional => "optional",
            Self::OptionalOrTenant => "optional-or-tenant",
            Self::Required | Self::RequiredInput => "required",
            Self::Named => "named",
        }
    }

    /// The rule of changing an entity: reading may span folders where the contract allows it; writing
    /// needs one, unless the tenant as a whole is as good.
    #[must_use]
    pub fn to_write(self) -> Self {
        match self {
            Self::Optional => Self::Required,
            other => other,
        }
    }

    /// Whether the folder that a header names means anything.
    #[must_use]
    pub fn reads_header(self) -> bool {
        !matches!(self, Self::Tenant | Self::Named)
    }

    /// Whether a request must name a folder.
    #[must_use]
    pub fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::RequiredInput)
    }
}

/// Which database an operation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Everything but logs.
    Main,
    /// Robot logs.
    Logs,
}
