use super::*;

fn with(fields: &str) -> Result<Nuspec> {
    parse(&format!("<package><metadata>{fields}</metadata></package>"))
}

fn reason(xml: &str) -> String {
    match parse(xml) {
        Err(Error::BadNuspec(reason)) => reason,
        other => panic!("{other:?} for {xml}"),
    }
}

#[test]
fn a_full_manifest() {
    let xml = r#"<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <!-- a comment -->
  <metadata minClientVersion="3.3">
    <id>My.Process_1</id>
    <version>1.2.3-beta</version>
    <title>My &amp; your &lt;process&gt;</title>
    <authors> UiPath </authors>
    <description><![CDATA[<b>bold</b>]]> &#233;t&#xE9;</description>
    <releaseNotes></releaseNotes>
    <tags>a b</tags>
    <projectUrl>https://example.com/?a=1&amp;b=2</projectUrl>
    <licenseUrl/>
    <requireLicenseAcceptance>false</requireLicenseAcceptance>
    <dependencies>
      <group targetFramework=".NETFramework4.6.1">
        <dependency id="UiPath.System.Activities" version="[20.4.0]" />
        <id>nested</id>
      </group>
    </dependencies>
  </metadata>
  <files><id>elsewhere</id></files>
</package>"#;
    let nuspec = parse(xml).unwrap();
    assert_eq!(nuspec.id, "My.Process_1");
    assert_eq!(nuspec.version.to_string(), "1.2.3-beta");
    assert_eq!(nuspec.title.as_deref(), Some("My & your <process>"));
    assert_eq!(nuspec.authors.as_deref(), Some("UiPath"));
    assert_eq!(nuspec.description.as_deref(), Some("<b>bold</b> été"));
    assert_eq!(nuspec.release_notes, None);
    assert_eq!(nuspec.tags.as_deref(), Some("a b"));
    assert_eq!(
        nuspec.project_url.as_deref(),
        Some("https://example.com/?a=1&b=2")
    );
    assert_eq!(nuspec.license_url, None);
}

#[test]
fn a_prefix_is_no_obstacle() {
    let xml = r#"<n:package xmlns:n="x"><n:metadata><n:id>a</n:id><n:version>1</n:version></n:metadata></n:package>"#;
    assert_eq!(parse(xml).unwrap().id, "a");
}

#[test]
fn id_and_version_are_required_once() {
    assert_eq!(
        with("<version>1</version>").unwrap_err().to_string(),
        "The package's .nuspec file is not valid: it has no id."
    );
    for (fields, expected) in [
        ("<id> </id><version>1</version>", "it has no id"),
        ("<id>a</id>", "it has no version"),
        (
            "<id>a</id><version>one</version>",
            "\"one\" is not a version",
        ),
        (
            "<id>a</id><id>b</id><version>1</version>",
            "it has more than one id",
        ),
        (
            "<id>a</id><version>1</version><version>2</version>",
            "it has more than one version",
        ),
        ("<id>a b</id><version>1</version>", "\"a b\" is not an id"),
    ] {
        let xml = format!("<package><metadata>{fields}</metadata></package>");
        assert_eq!(reason(&xml), expected);
    }
    assert_eq!(
        reason("<package><id>a</id><version>1</version></package>"),
        "it has no id"
    );
}

#[test]
fn ids() {
    let longest = "a".repeat(100);
    for id in ["a", "My.Process", "a-b_c.d1", "_a", "Prozeß", &longest] {
        assert!(check_id(id).is_ok(), "{id}");
    }
    let too_long = "a".repeat(101);
    for id in [
        "", ".", "a..b", ".a", "a.", "-a", "a-", "a b", "a/b", r"a\b", "a:b", "a%b", "a\0",
        &too_long,
    ] {
        assert!(check_id(id).is_err(), "{id:?}");
    }
}

#[test]
fn entities_are_xmls_own() {
    let bomb = r#"<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>
<package><metadata><id>&b;</id><version>1</version></metadata></package>"#;
    assert_eq!(reason(bomb), "it contains a document type");
    let file = r#"<!DOCTYPE p SYSTEM "file:///etc/passwd"><package/>"#;
    assert_eq!(reason(file), "it contains a document type");
    let unknown = "<package><metadata><id>&nbsp;</id></metadata></package>";
    assert_eq!(reason(unknown), "it uses an unknown entity");
    reason("<package><metadata><id>&#0;</id></metadata></package>");
    reason("<package><metadata><id>&#x110000;</id></metadata></package>");
}

#[test]
fn what_is_no_xml() {
    for xml in [
        "",
        "text",
        "{}",
        "<package>",
        "<package></metadata>",
        "<a",
        "<package><metadata><id>a</id>",
        "a & b",
    ] {
        reason(xml);
    }
}

#[test]
fn what_is_written_is_read_again() {
    let xml = write(
        "My.Process",
        "1.0.0rc1",
        "Ann & \"Bob\"",
        "<nothing> 'special'",
    );
    let nuspec = parse(&xml).unwrap();
    assert_eq!(nuspec.id, "My.Process");
    assert_eq!(nuspec.version.to_string(), "1.0.0rc1");
    assert_eq!(nuspec.authors.as_deref(), Some("Ann & \"Bob\""));
    assert_eq!(nuspec.description.as_deref(), Some("<nothing> 'special'"));
}
