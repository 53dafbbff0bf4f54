//! Who calls.

use identity::scopes;

/// Who calls, as the credential proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A person or robot account with a token of its own.
    User {
        /// `users.id`
        id: i64,
    },
    /// An external application: the scopes of its token are its permissions, organization-wide; with
    /// `OR.Default` among them the roles of its account count, too.
    Application {
        /// The OAuth client id.
        client_id: String,
        /// `users.id` of its account.
        account: i64,
    },
    /// A machine that proved its key: it may speak the robot protocol and fetch packages.
    Machine {
        /// `machines.id`
        id: i64,
    },
    /// A robot, or a job that runs as one: the permissions of its account in its folders.
    Robot {
        /// `robots.id`
        id: i64,
        /// `users.id` of the account; classic robots have none.
        user: Option<i64>,
    },
    /// Nobody who is known: what is asked is told to everybody.
    Anonymous,
    /// The server itself: its engines, and commands of whoever has its data folder.
    Server,
}

/// By this name the server stands where applications do: in the history of items and in the audit log.
pub const SERVER: &str = "baton";

/// The caller of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `tenants.id`
    pub tenant: i64,
    /// Who.
    pub identity: Identity,
    /// Scopes of the token; empty for callers that are limited by roles only.
    pub scopes: Vec<String>,
    /// Of an application: whether the roles of its account decide about this request, because its
    /// scopes do not cover it. [`access::acting`](crate::access::acting) says so.
    pub by_roles: bool,
}

impl Caller {
    /// A caller of a tenant with a token of these scopes.
    #[must_use]
    pub fn new(tenant: i64, identity: Identity, scopes: Vec<String>) -> Self {
        Self {
            tenant,
            identity,
            scopes,
            by_roles: false,
        }
    }

    /// The person or robot account that calls, and that is written into `CreatorUserId`.
    #[must_use]
    pub fn user(&self) -> Option<i64> {
        match self.identity {
            Identity::User { id } => Some(id),
            Identity::Robot { user, .. } => user,
            Identity::Application { .. }
            | Identity::Machine { .. }
            | Identity::Anonymous
            | Identity::Server => None,
        }
    }

    /// The account whose roles decide about this request.
    #[must_use]
    pub fn account(&self) -> Option<i64> {
        match self.identity {
            Identity::Application { account, .. } => self.by_roles.then_some(account),
            _ => self.user(),
        }
    }

    /// The account whose roles the caller has, whatever decides about this request: that of an application
    /// only if its token says that roles count.
    #[must_use]
    pub fn account_with_roles(&self) -> Option<i64> {
        match self.identity {
            Identity::Application { account, .. } => self.has_default().then_some(account),
            _ => self.user(),
        }
    }

    /// Whether `OR.Default` is among the scopes.
    #[must_use]
    pub fn has_default(&self) -> bool {
        self.scopes.iter().any(|scope| scope == scopes::DEFAULT)
    }

    /// The account that stands for the caller, whatever decides.
    #[must_use]
    pub fn own_account(&self) -> Option<i64> {
        match self.identity {
            Identity::Application { account, .. } => Some(account),
            _ => self.user(),
        }
    }

    /// Whether no role is asked for: scopes decide, or the server itself acts.
    #[must_use]
    pub fn needs_no_role(&self) -> bool {
        match self.identity {
            Identity::Application { .. } => !self.by_roles,
            Identity::Server => true,
            _ => false,
        }
    }

    /// The application that calls, if it is one.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        match &self.identity {
            Identity::Application { client_id, .. } => Some(client_id),
            Identity::Server => Some(SERVER),
            _ => None,
        }
    }

    /// Calls made from a running automation get no `@odata.count` unless they ask for it.
    #[must_use]
    pub fn is_robot(&self) -> bool {
        matches!(
            self.identity,
            Identity::Robot { .. } | Identity::Machine { .. }
        )
    }
}
