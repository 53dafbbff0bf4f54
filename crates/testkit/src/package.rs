//! Packages to upload, in the layout of the packer that clients use.

use serde_json::{Value, json};

/// A package in the making.
#[derive(Debug, Clone)]
pub struct PackageBuilder {
    id: String,
    version: String,
    operate: Value,
    entry: Value,
    files: Vec<(String, Vec<u8>)>,
}

/// A package that does nothing.
#[must_use]
pub fn package(id: &str, version: &str) -> PackageBuilder {
    let package = PackageBuilder {
        id: id.into(),
        version: version.into(),
        operate: json!({
            "$schema": "https://cloud.uipath.com/draft/2024-12/entry-point",
            "projectId": uuid::Uuid::new_v4().to_string(),
            "contentType": "function",
            "targetFramework": "Portable",
            "runtimeOptions": {"requiresUserInteraction": false, "isAttended": false},
        }),
        entry: json!({
            "uniqueId": uuid::Uuid::new_v4().to_string(),
            "type": "function",
            "input": {"type": "object", "properties": {}},
            "output": {"type": "object", "properties": {}},
        }),
        files: Vec::new(),
    };
    package.command("#!/bin/sh\nprintf '{}' > \"$2\"\n")
}

impl PackageBuilder {
    /// Runs this script: `$1` is the file of the arguments, `$2` that of the result.
    #[must_use]
    pub fn command(self, script: &str) -> Self {
        self.main("main.sh", "command")
            .file("main.sh", script.as_bytes())
    }

    /// Runs the function `main` of this module with the Python runtime.
    #[must_use]
    pub fn python(mut self, module: &str) -> Self {
        self.operate["dependencies"] = json!({"uipath": ">=2.14.44, <2.15.0"});
        let id = self.id.clone();
        let project = format!(
            "[project]\nname = \"{id}\"\nversion = \"{}\"\nrequires-python = \">=3.11\"\ndependencies = [\"uipath>=2.14.44, <2.15.0\"]\n",
            self.version
        );
        self.main("main", "python")
            .file("main.py", module.as_bytes())
            .file("uipath.json", br#"{"functions": {"main": "main.py:main"}}"#)
            .file("pyproject.toml", project.as_bytes())
    }

    fn main(mut self, path: &str, runtime: &str) -> Self {
        self.operate["main"] = path.into();
        self.operate["targetRuntime"] = runtime.into();
        self.entry["filePath"] = path.into();
        self.files.retain(|(name, _)| name != path);
        self
    }

    /// Adds a file below `content/`; one of that name is replaced.
    #[must_use]
    pub fn file(mut self, name: &str, content: &[u8]) -> Self {
        self.files.retain(|(n, _)| n != name);
        self.files.push((name.into(), content.into()));
        self
    }

    /// Declares the arguments: names with JSON types; a name that ends with `!` is required.
    #[must_use]
    pub fn input(mut self, arguments: &[(&str, &str)]) -> Self {
        self.entry["input"] = schema(arguments);
        self
    }

    /// Declares the result, as [`Self::input`].
    #[must_use]
    pub fn output(mut self, arguments: &[(&str, &str)]) -> Self {
        self.entry["output"] = schema(arguments);
        self
    }

    /// Id and version.
    #[must_use]
    pub fn identity(&self) -> (&str, &str) {
        (&self.id, &self.version)
    }

    /// The package file.
    #[must_use]
    #[track_caller]
    pub fn build(&self) -> Vec<u8> {
        let spec = nupkg::PackSpec {
            id: self.id.clone(),
            version: self.version.clone(),
            authors: "Tests".into(),
            description: "A package of a test".into(),
            files: self.files.clone(),
            operate: self.operate.clone(),
            entry_points: json!({
                "$schema": "https://cloud.uipath.com/draft/2024-12/entry-point",
                "$id": "entry-points.json",
                "entryPoints": [self.entry],
            }),
            bindings: json!({"version": "2.0", "resources": []}),
        };
        nupkg::pack(&spec).expect("the package of a test is good")
    }
}

fn schema(arguments: &[(&str, &str)]) -> Value {
    let mut schema = json!({"type": "object", "properties": {}});
    let mut required = Vec::new();
    for (name, kind) in arguments {
        let bare = name.trim_end_matches('!');
        schema["properties"][bare] = json!({"type": kind});
        if bare != *name {
            required.push(bare);
        }
    }
    schema["required"] = json!(required);
    schema
}
