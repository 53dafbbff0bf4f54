//! The writing side: packages in the layout of the packer for Python projects, which robots and
//! tools expect in detail (a name that starts with `./`, file modes, the order of entries).
//!
//! The same input gives the same bytes: times are fixed and the names OPC wants to be unique come
//! from a hash of the content.

use std::borrow::Cow;
use std::io::{Cursor, Write};

use aws_lc_rs::digest::{Context, SHA256};
use quick_xml::escape::escape;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::error::{Error, Result};
use crate::names::{self, Index};
use crate::nuspec;
use crate::version::Version;

const DESCRIPTOR_SCHEMA: &str = "https://cloud.uipath.com/draft/2024-12/package-descriptor";

/// What goes into a package.
#[derive(Debug, Clone, Default)]
pub struct PackSpec {
    /// Name of the package.
    pub id: String,
    /// Its version, written as given.
    pub version: String,
    /// Who made it.
    pub authors: String,
    /// What it is for.
    pub description: String,
    /// The project's files: name below `content/`, and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// Content of `operate.json`.
    pub operate: Value,
    /// Content of `entry-points.json`.
    pub entry_points: Value,
    /// Content of `bindings_v2.json`.
    pub bindings: Value,
}

/// Writes a package; the same input always gives the same bytes.
///
/// # Errors
/// [`Error::BadNuspec`] for an id or version that is none, [`Error::UnsafeName`] and
/// [`Error::Duplicate`] for names of files, also where they meet generated ones.
pub fn pack(spec: &PackSpec) -> Result<Vec<u8>> {
    nuspec::check_id(&spec.id)?;
    spec.version
        .parse::<Version>()
        .map_err(|e| Error::BadNuspec(e.to_string()))?;

    let stamp = stamp(spec);
    let properties = format!(
        "package/services/metadata/core-properties/{}.psmdcp",
        &stamp[..16]
    );
    let relationships = relationships(&spec.id, &properties, &stamp);
    let mut files = Files::default();
    files.add(
        format!("./{properties}"),
        core_properties(spec).into_bytes(),
    );
    files.add("[Content_Types].xml", CONTENT_TYPES.as_bytes());
    files.add("_rels/.rels", relationships.into_bytes());
    files.add(format!("{}.nuspec", spec.id), manifest(spec).into_bytes());
    files.add("content/package-descriptor.json", pretty(&descriptor(spec)));
    files.add("content/operate.json", pretty(&spec.operate));
    files.add("content/bindings_v2.json", pretty(&spec.bindings));
    files.add("content/entry-points.json", pretty(&spec.entry_points));
    for (name, bytes) in &spec.files {
        names::normalize(name)?; // below content/ an absolute name would look harmless
        files.add(format!("content/{name}"), bytes.as_slice());
    }
    files.check()?;
    files.zip()
}

/// What goes into the zip file, in its order.
#[derive(Default)]
struct Files<'a>(Vec<(String, Cow<'a, [u8]>)>);

impl<'a> Files<'a> {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Cow<'a, [u8]>>) {
        self.0.push((name.into(), bytes.into()));
    }

    /// Refuses names that [`inspect()`](crate::inspect()) would refuse.
    fn check(&self) -> Result<()> {
        let mut normal = Vec::with_capacity(self.0.len());
        for (name, _) in &self.0 {
            if name.ends_with(['/', '\\']) {
                return Err(Error::UnsafeName(name.clone())); // a file that calls itself a folder
            }
            normal.push(names::normalize(name)?);
        }
        Index::new(&normal).map(drop)
    }

    fn zip(&self) -> Result<Vec<u8>> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::DEFAULT)
            .system(System::Unix)
            .unix_permissions(0o600);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &self.0 {
            zip.start_file(name, options).map_err(failed)?;
            zip.write_all(bytes).map_err(failed)?;
        }
        Ok(zip.finish().map_err(failed)?.into_inner())
    }
}

fn failed(error: impl ToString) -> Error {
    Error::Io(error.to_string())
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}").into_bytes()
}

/// SHA-256 in hex over everything that makes the package what it is.
fn stamp(spec: &PackSpec) -> String {
    let mut context = Context::new(&SHA256);
    let mut add = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    for text in [&spec.id, &spec.version, &spec.authors, &spec.description] {
        add(text.as_bytes());
    }
    for value in [&spec.operate, &spec.entry_points, &spec.bindings] {
        add(value.to_string().as_bytes());
    }
    for (name, bytes) in &spec.files {
        add(name.as_bytes());
        add(bytes);
    }
    context
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn manifest(spec: &PackSpec) -> String {
    nuspec::write(&spec.id, &spec.version, &spec.authors, &spec.description)
}

/// Where the describing files are, and the entry points by name.
fn descriptor(spec: &PackSpec) -> Value {
    let mut files = json!({
        "operate.json": "content/operate.json",
        "entry-points.json": "content/entry-points.json",
        "bindings.json": "content/bindings_v2.json",
    });
    let entry_points = spec.entry_points["entryPoints"].as_array();
    for path in entry_points
        .into_iter()
        .flatten()
        .filter_map(|e| e["filePath"].as_str())
    {
        files[path] = path.into();
    }
    json!({ "$schema": DESCRIPTOR_SCHEMA, "files": files })
}

/// OPC (ECMA-376 part 2): media types by extension.
const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml" />
  <Default Extension="psmdcp" ContentType="application/vnd.openxmlformats-package.core-properties+xml" />
  <Default Extension="json" ContentType="application/octet" />
  <Default Extension="py" ContentType="application/octet" />
  <Default Extension="txt" ContentType="application/octet" />
  <Default Extension="nuspec" ContentType="application/octet" />
</Types>
"#;

/// OPC: what the manifest and the properties are to the package. Ids start with a letter.
fn relationships(id: &str, properties: &str, stamp: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
  <Relationship Type="http://schemas.microsoft.com/packaging/2010/07/manifest" Target="/{}.nuspec" Id="R{}" />
  <Relationship Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="/{properties}" Id="R{}" />
</Relationships>
"#,
        escape(id),
        &stamp[16..32],
        &stamp[32..48],
    )
}

/// OPC: the properties every package has.
fn core_properties(spec: &PackSpec) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<coreProperties xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://schemas.openxmlformats.org/package/2006/metadata/core-properties">
  <dc:creator>{}</dc:creator>
  <dc:description>{}</dc:description>
  <dc:identifier>{}</dc:identifier>
  <version>{}</version>
  <keywords></keywords>
</coreProperties>
"#,
        escape(&spec.authors),
        escape(&spec.description),
        escape(&spec.id),
        escape(&spec.version),
    )
}

#[cfg(test)]
mod tests;
