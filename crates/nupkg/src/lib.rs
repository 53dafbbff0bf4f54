//! Automation packages: `.nupkg` files, which are zip files with a NuGet manifest.
//!
//! [`inspect()`] reads what a package says about itself and refuses one that could harm whoever
//! unpacks it: every entry is inflated once, to nowhere, before the package is accepted.
//! [`pack()`] writes packages in the layout of UiPath's command line for Python projects.
//! [`Version`] compares versions the way NuGet does.

mod archive;
mod error;
mod inspect;
mod metadata;
mod names;
mod nuspec;
mod pack;
#[cfg(test)]
mod testzip;
mod version;

pub use archive::Limits;
pub use error::Error;
pub use inspect::{EntryPoint, Package, inspect};
pub use pack::{PackSpec, pack};
pub use version::{BadVersion, Version};
