//! The NuGet manifest: who a package is. Read with a plain XML reader, written by hand.
//!
//! Document types are refused, and with them every entity but XML's own five: no entity can grow
//! or fetch anything.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_xml_entity};
use quick_xml::events::{BytesRef, Event};

use crate::error::{Error, Result};
use crate::version::Version;

/// NuGet's own limit.
const MAX_ID: usize = 100;

/// What the manifest says. Texts are trimmed; empty ones are absent.
#[derive(Debug)]
pub(crate) struct Nuspec {
    pub id: String,
    pub version: Version,
    pub title: Option<String>,
    pub description: Option<String>,
    pub authors: Option<String>,
    pub tags: Option<String>,
    pub release_notes: Option<String>,
    pub project_url: Option<String>,
    pub license_url: Option<String>,
    pub owners: Option<String>,
    pub icon_url: Option<String>,
    pub summary: Option<String>,
}

/// Reads a manifest.
///
/// # Errors
/// [`Error::BadNuspec`].
pub(crate) fn parse(xml: &str) -> Result<Nuspec> {
    let mut fields = fields(xml)?;
    let mut take = |name: &str| -> Result<Option<String>> {
        let mut found = fields.extract_if(.., |(field, _)| field == name);
        let text = found.next().map(|(_, text)| text);
        match found.next() {
            Some(_) => Err(bad(format!("it has more than one {name}"))),
            None => Ok(text.filter(|text| !text.is_empty())),
        }
    };
    let id = take("id")?.ok_or_else(|| bad("it has no id"))?;
    let version = take("version")?.ok_or_else(|| bad("it has no version"))?;
    check_id(&id)?;
    Ok(Nuspec {
        id,
        version: version.parse().map_err(|e| bad(format!("{e}")))?,
        title: take("title")?,
        description: take("description")?,
        authors: take("authors")?,
        tags: take("tags")?,
        release_notes: take("releaseNotes")?,
        project_url: take("projectUrl")?,
        license_url: take("licenseUrl")?,
        owners: take("owners")?,
        icon_url: take("iconUrl")?,
        summary: take("summary")?,
    })
}

/// NuGet's rule for ids: letters, digits and `_`, with single dots and hyphens between them.
///
/// # Errors
/// [`Error::BadNuspec`].
pub(crate) fn check_id(id: &str) -> Result<()> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let separated = |c: char| c == '.' || c == '-';
    let good = id.chars().count() <= MAX_ID
        && id.chars().all(|c| is_word(c) || separated(c))
        && id.starts_with(is_word)
        && id.ends_with(is_word)
        && !id.contains("..");
    if good {
        Ok(())
    } else {
        Err(bad(format!("\"{}\" is not an id", id.escape_debug())))
    }
}

/// Name and text of every element directly below `package/metadata`. Namespaces differ between
/// versions of NuGet and say nothing.
fn fields(xml: &str) -> Result<Vec<(String, String)>> {
    let mut reader = Reader::from_str(xml);
    let mut path: Vec<String> = Vec::new();
    let mut fields = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().map_err(|e| bad(e.to_string()))? {
            Event::Start(tag) => {
                path.push(tag.local_name().as_ref().to_owned());
                text.clear();
            }
            Event::End(_) => {
                if let [package, metadata, field] = path.as_slice()
                    && package == "package"
                    && metadata == "metadata"
                {
                    fields.push((field.clone(), text.trim().to_owned()));
                }
                path.pop();
            }
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::CData(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(entity) => push_entity(&mut text, &entity)?,
            Event::DocType(_) => return Err(bad("it contains a document type")),
            Event::Eof if path.is_empty() => return Ok(fields),
            Event::Eof => return Err(bad("it ends too early")),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn push_entity(text: &mut String, entity: &BytesRef<'_>) -> Result<()> {
    if let Some(character) = entity.resolve_char_ref().map_err(|e| bad(e.to_string()))? {
        text.push(character);
        return Ok(());
    }
    let known = resolve_xml_entity(entity).ok_or_else(|| bad("it uses an unknown entity"))?;
    text.push_str(known);
    Ok(())
}

fn bad(reason: impl Into<String>) -> Error {
    Error::BadNuspec(reason.into())
}

/// A manifest with what the packer of Python projects puts into it.
pub(crate) fn write(id: &str, version: &str, authors: &str, description: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2011/10/nuspec.xsd">
  <metadata>
    <id>{}</id>
    <version>{}</version>
    <authors>{}</authors>
    <requireLicenseAcceptance>false</requireLicenseAcceptance>
    <description>{}</description>
  </metadata>
</package>
"#,
        escape(id),
        escape(version),
        escape(authors),
        escape(description),
    )
}

#[cfg(test)]
mod tests;
