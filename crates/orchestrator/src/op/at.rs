//! Where an operation is, who may call it, and what else is known before a request is read.

use odata::Options;
use odata::edm::EntitySet;

use super::{FolderRule, Need, Store};
use crate::audit::{AuditAction, Audited};

/// The namespace of operations.
pub const NAMESPACE: &str = "UiPath.Server.Configuration.OData";
/// The namespace of queue operations, another one for history's sake.
pub const QUEUE_NAMESPACE: &str = "UiPathODataSvc";
/// The namespace of operations that the original does not have.
pub const OWN_NAMESPACE: &str = "Baton";

/// How a caller proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// With a token, or a robot's key.
    Token,
    /// Also with a machine's key alone, as far as that goes.
    TokenOrMachine,
    /// Not at all: whoever asks.
    Nothing,
}

/// Facts of an operation that do not depend on its parameters and its answer.
#[derive(Clone, Copy)]
pub struct At {
    /// The set it is called on; empty for one at a plain address.
    pub set: &'static str,
    /// Name without namespace; of a plain one the address, as `api/PackageFeeds/GetFeeds`, where
    /// `{id}` at the end is one segment.
    pub name: &'static str,
    /// Its namespace.
    pub namespace: &'static str,
    /// Writes (action), or reads (function).
    pub action: bool,
    /// The HTTP method.
    pub method: &'static str,
    /// What it asks of the caller.
    pub need: Need,
    /// How callers prove who they are.
    pub proof: Proof,
    /// Folder rule.
    pub folder: FolderRule,
    /// Where it works.
    pub store: Store,
    /// The status of success where it is not that of the answer.
    pub status: Option<u16>,
    /// Whether `$filter` says what is meant, and if so whether it has to be there.
    pub filter: Option<bool>,
    /// The query options that it honours, where that does not follow from what it returns.
    pub options: Option<Options>,
    /// What messages call a body that is missing, where there must be one; otherwise they name the
    /// first parameter that is.
    pub body: Option<&'static str>,
    /// The entity that its body is, if it is one: its parameters stand elsewhere.
    pub sends: Option<&'static EntitySet>,
    /// Whether a value of another type is told by its own name (1009), and not as a parameter that is
    /// null.
    pub tells: bool,
    /// Whether it is done once under an `Idempotency-Key`, however often it is sent.
    pub once: bool,
    /// What the audit log says of it, if the entity that it is bound to, or that it made, is all that
    /// it changes.
    pub audited: Option<(&'static Audited, AuditAction)>,
}

/// A function of a set: tenant-wide and on the main store unless said.
#[must_use]
pub const fn function(set: &'static str, name: &'static str) -> At {
    At {
        set,
        name,
        namespace: NAMESPACE,
        action: false,
        method: "GET",
        need: Need::AUTHENTICATED,
        proof: Proof::TokenOrMachine,
        folder: FolderRule::Tenant,
        store: Store::Main,
        status: None,
        filter: None,
        options: None,
        body: None,
        sends: None,
        tells: false,
        once: false,
        audited: None,
    }
}

/// An action of a set, likewise.
#[must_use]
pub const fn action(set: &'static str, name: &'static str) -> At {
    At {
        action: true,
        method: "POST",
        ..function(set, name)
    }
}

/// An operation at a plain address. It reads with GET, and writes with any other method. It honours no
/// query options, whatever it returns.
#[must_use]
pub const fn plain(method: &'static str, address: &'static str) -> At {
    At {
        action: !matches!(method.as_bytes(), b"GET"),
        method,
        namespace: "",
        proof: Proof::Token,
        options: Some(Options::NONE),
        ..function("", address)
    }
}

impl At {
    /// Whether it is at a plain address.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.set.is_empty()
    }

    /// Whether parameters stand in the address, because there is no body.
    #[must_use]
    pub fn reads_address(&self) -> bool {
        !self.action || self.is_plain() && self.method == "DELETE"
    }

    /// What it asks of the caller; without this any token will do.
    #[must_use]
    pub const fn needs(mut self, need: Need) -> Self {
        self.need = need;
        self
    }

    /// For whoever asks: it tells nothing of any tenant.
    #[must_use]
    pub const fn public(mut self) -> Self {
        self.proof = Proof::Nothing;
        self
    }

    /// Also for hosts, which prove nothing but their machine's key.
    #[must_use]
    pub const fn hosts(mut self) -> Self {
        self.proof = Proof::TokenOrMachine;
        self
    }

    /// In another namespace.
    #[must_use]
    pub const fn namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = namespace;
        self
    }

    /// Called with another method.
    #[must_use]
    pub const fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// With another folder rule.
    #[must_use]
    pub const fn folder(mut self, rule: FolderRule) -> Self {
        self.folder = rule;
        self
    }

    /// On another store.
    #[must_use]
    pub const fn store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// With another status of success than that of its answer.
    #[must_use]
    pub const fn answers(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// With the status of its answer, unless it has one of its own.
    pub(super) const fn usually(mut self, status: Option<u16>) -> Self {
        if self.status.is_none() {
            self.status = status;
        }
        self
    }

    /// With other query options than those that such an answer honours.
    #[must_use]
    pub const fn options(mut self, options: Options) -> Self {
        self.options = Some(options);
        self
    }

    /// With `$filter` to say what is meant, and of the query options those `others` besides.
    #[must_use]
    pub const fn filter(mut self, required: bool, others: Options) -> Self {
        self.filter = Some(required);
        self.options(Options::FILTER.and(others))
    }

    /// With a name for the body, which must be there.
    #[must_use]
    pub const fn body(mut self, name: &'static str) -> Self {
        self.body = Some(name);
        self
    }

    /// With an entity as its body.
    #[must_use]
    pub const fn sends(mut self, set: &'static EntitySet) -> Self {
        self.sends = Some(set);
        self
    }

    /// Telling which value is of another type.
    #[must_use]
    pub const fn tells(mut self) -> Self {
        self.tells = true;
        self
    }

    /// Done once under an `Idempotency-Key`.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// With a line in the audit log about the entity that it is bound to, or that it made.
    #[must_use]
    pub const fn audited(mut self, what: &'static Audited, action: AuditAction) -> Self {
        self.audited = Some((what, action));
        self
    }
}
