//! A page to read the document and to try its operations: one file, and nothing from elsewhere
//! but the document itself.

use crate::metadata::escape;

const HTML: &str = include_str!("page.html");
const CSS: &str = include_str!("page.css");
const JS: &str = include_str!("page.js");

/// The page for the document at `spec_url`.
///
/// It holds its style and script; a content security policy has to allow both inline, and
/// connections to where the document and the service are.
pub fn page(spec_url: &str, title: &str) -> String {
    HTML.replace("{{css}}", CSS.trim_end())
        .replace("{{js}}", JS.trim_end())
        .replace("{{title}}", &escape(title))
        .replace("{{spec}}", &escape(spec_url))
}
