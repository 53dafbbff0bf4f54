//! What callers may do where, remembered as long as accounts, roles and folders stay as they are.
//!
//! Calls that are done together come from few callers, who ask for the same again and again; looking
//! it up would be most of the statements of a transaction. A change that was answered is respected:
//! [`Hint::Identities`](orchestrator::Hint::Identities) is followed before its answer is sent.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::sync::Arc;

use db::Tx;
use orchestrator::access::{self, FolderHeader, Granted};
use orchestrator::{Caller, Need, Result};
use parking_lot::Mutex;

use crate::execute::Call;

/// Most grants that are remembered.
const MOST: usize = 10_000;
/// Longest name of a folder with which they are.
const LONGEST_NAME: usize = 1_000;

/// Grants by who asked for what.
#[derive(Default)]
pub struct Grants(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// What accounts, roles and folders were like.
    epoch: u64,
    grants: HashMap<Asked, Arc<Granted>>,
}

/// What a transaction has looked up. It is remembered when that is committed: until then, others in
/// it may have given rights that come to nothing.
pub struct Learnt {
    epoch: u64,
    grants: HashMap<Asked, Arc<Granted>>,
}

impl Learnt {
    /// Nothing yet. `epoch` is what accounts, roles and folders were like before the first look.
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            grants: HashMap::new(),
        }
    }
}

/// Who asks for what, where. A caller is known by its address, which is its own while it is kept here.
struct Asked {
    caller: Arc<Caller>,
    need: Need,
    header: FolderHeader,
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.caller, &other.caller)
            && self.need == other.need
            && self.header == other.header
    }
}

impl Eq for Asked {}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Arc::as_ptr(&self.caller), state);
        self.need.hash(state);
        self.header.hash(state);
    }
}

impl Grants {
    /// What the caller may do, as [`access::grant`] says.
    ///
    /// # Errors
    /// The refusal, which is not remembered, or the store's.
    pub fn of(&self, tx: &mut Tx<'_>, call: &Call, learnt: &mut Learnt) -> Result<Arc<Granted>> {
        let asked = Asked {
            caller: Arc::clone(&call.caller),
            need: call.need,
            header: call.header.clone(),
        };
        if let Some(granted) = learnt.grants.get(&asked) {
            return Ok(Arc::clone(granted));
        }
        {
            let known = self.0.lock();
            if known.epoch == learnt.epoch
                && let Some(granted) = known.grants.get(&asked)
            {
                return Ok(Arc::clone(granted));
            }
        }
        let granted = access::grant(tx, &call.caller, &call.need, call.rule, &call.header)?;
        let granted = Arc::new(granted);
        if call.header.text_len() <= LONGEST_NAME {
            learnt.grants.insert(asked, Arc::clone(&granted));
        }
        Ok(granted)
    }

    /// Remembers what a transaction has looked up that was committed.
    pub fn keep(&self, learnt: Learnt) {
        if learnt.grants.is_empty() {
            return;
        }
        let mut known = self.0.lock();
        if known.epoch < learnt.epoch || known.grants.len() + learnt.grants.len() > MOST {
            known.grants.clear();
            known.epoch = known.epoch.max(learnt.epoch);
        }
        if known.epoch == learnt.epoch {
            known.grants.extend(learnt.grants);
        }
    }
}
