//! `#[entity]` and `#[complex]`: a struct becomes constant data of the metamodel.
//!
//! The struct stays as it is; beside it stands one constant. Nothing is derived per field, so
//! hundreds of entities cost next to no compile time, and the attribute is the only place where a
//! property is spelled out. See the crate `odata` for what is done with it.

mod attrs;
mod expand;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Declares a set of entities: gives the struct a constant `SET: EntitySet`.
///
/// On the struct: `set`, `name` (of the type), `table`, `key` (wire name), `scope` (`none`,
/// `tenant`, `folder`) and, if one likes, `order` (default: the key), `top` (default: 1000), `tie`
/// (`"column, …"`, default: the key), `counts` (`"table(column, …)"`) and `indexes`
/// (`"name(column, …); …"`).
///
/// On a field, in `#[edm(…)]`: `name = "…"` (default: the field in PascalCase), `column = "…"`
/// (default: the field), `sql = "…"`, `json = "…"`, `single`, `list`, `asked`, `nofilter`, `filter_sql = "…"`
/// (what filters look at, default: what is shown), `max = n`, `required`, `read_only`,
/// `range = "least..=most"`, or `skip` for one that is no property; and for a navigation property
/// `nav`, `column = "…"`, `target_column = "…"` (default: `id`) and `given = Type`, the structure of which
/// bodies give a list in its place. Doc comments are the documentation.
#[proc_macro_attribute]
pub fn entity(args: TokenStream, item: TokenStream) -> TokenStream {
    finish(expand::entity(args.into(), item.into()))
}

/// Declares a structured type: gives the struct a constant `TYPE: ComplexType`.
///
/// On the struct: `name = "…"` (default: the name of the struct) and `open`. On a field as for
/// [`macro@entity`]. Put it above `#[derive(…)]`: when serde is derived, every field is renamed to
/// its wire name, unless it carries a `serde(rename)` itself.
#[proc_macro_attribute]
pub fn complex(args: TokenStream, item: TokenStream) -> TokenStream {
    finish(expand::complex(args.into(), item.into()))
}

/// Declares what an operation is asked: implements `Input` for the struct, and serde's `Deserialize`.
///
/// Fields are parameters, as for [`macro@entity`], only that their default names are in camelCase;
/// `#[edm(key)]` is the key of the entity that the operation is bound to, `#[edm(query)]` a parameter
/// that stands in the address although the operation has a body, and `#[edm(whole)]` the one that is the
/// body, and not a member of it. A struct without fields asks for nothing.
#[proc_macro_attribute]
pub fn input(args: TokenStream, item: TokenStream) -> TokenStream {
    finish(expand::input(args.into(), item.into()))
}

fn finish(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}
