//! Who someone is, and what is kept secret about it.
//!
//! Signed tokens, the keys behind them, password hashes, generated secrets, encryption of
//! secrets at rest and the grammar of OAuth scopes. Nothing here knows users, clients or grants:
//! those are rows, and rows belong to others. The only I/O is reading and writing the key files.
//!
//! All cryptography comes from one library (aws-lc); the exception is Argon2, which it lacks.

mod cipher;
mod error;
mod files;
mod keys;
mod password;
pub mod scopes;
mod secret;
mod token;

pub use error::{Error, Result};
pub use keys::Keys;
pub use password::{burn, hash_password, verify_password};
pub use secret::{new_password, new_secret, secret_eq, secret_hash};
pub use token::{Claims, TokenError};
