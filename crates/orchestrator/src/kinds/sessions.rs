//! How sessions stand, and sets of states as statements name them. This is a leaf: it knows nothing
//! else of the crate.

use odata::edm_enum;

edm_enum! {
    /// What a host last reported.
    pub enum SessionState { Available = 0, Busy = 1, Disconnected = 2, Unknown = 3 }
}

/// The host is there, or was when it was last heard of.
pub(crate) const CONNECTED: &str = db::numbers!(SessionState: Available, Busy);
