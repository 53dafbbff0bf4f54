//! The command runtime: any program is an automation if it can read a JSON file and write one.
//!
//! It finds the arguments in the file named by `BATON_INPUT` and may write its result, a JSON
//! object, to the one named by `BATON_OUTPUT`; both are also its last two arguments. Exit code 0 is
//! success. Each line it prints is a log line.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::package::Manifest;
use crate::process::Exit;
use crate::process::describe;
use crate::protocol::Category;
use crate::protocol::Outcome;
use crate::result;

/// Why an entry point cannot be started. The texts are shown as the job's `Info`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(
        "The package has no file content/{0}, and content/operate.json gives no command line for \
         this entry point under \"commands\"."
    )]
    NoFile(String),
    #[error("The entry point \"{0}\" leads outside the package.")]
    Outside(String),
    #[error(
        "The robot cannot tell how to run content/{0}: it has no #! line, is no program, and its \
         extension is none of .sh, .py, .js, .robot. Give its command line in content/operate.json \
         under \"commands\"."
    )]
    UnknownKind(String),
    #[error("The command line of \"{0}\" in content/operate.json is empty.")]
    EmptyCommand(String),
    #[error("content/{0} cannot be read: {1}.")]
    Unreadable(String, std::io::Error),
}

/// The program and its own arguments for an entry point; input and output file are not among them.
pub(crate) fn command_line(
    content: &Path,
    manifest: &Manifest,
    entry: &str,
    python: &Path,
) -> Result<Vec<OsString>, CommandError> {
    if let Some(line) = manifest.command_line(entry) {
        let Some((program, arguments)) = line.split_first().filter(|(first, _)| !first.is_empty())
        else {
            return Err(CommandError::EmptyCommand(entry.to_owned()));
        };
        // A name is looked up in PATH, anything with a slash is a file of the package.
        let program = match program.contains('/') {
            true => inside(content, program)?.into_os_string(),
            false => program.into(),
        };
        let arguments = arguments.iter().map(OsString::from);
        return Ok(std::iter::once(program).chain(arguments).collect());
    }
    let file = inside(content, entry)?;
    let begins_like_a_program = make_executable_if_program(&file)
        .map_err(|error| CommandError::Unreadable(entry.to_owned(), error))?;
    if begins_like_a_program {
        return Ok(vec![file.into()]);
    }
    let interpreter = match file.extension().and_then(|extension| extension.to_str()) {
        Some("sh") => OsString::from("sh"),
        Some("py") => python.into(),
        Some("js") => "node".into(),
        Some("robot") => "robot".into(),
        _ if is_executable(&file) => return Ok(vec![file.into()]),
        _ => return Err(CommandError::UnknownKind(entry.to_owned())),
    };
    Ok(vec![interpreter, file.into()])
}

/// A file of the package, with links resolved (a program may have made some).
fn inside(content: &Path, name: &str) -> Result<PathBuf, CommandError> {
    let missing = |_| CommandError::NoFile(name.to_owned());
    let file = content.join(name).canonicalize().map_err(missing)?;
    let content = content.canonicalize().map_err(missing)?;
    if !file.starts_with(content) {
        return Err(CommandError::Outside(name.to_owned()));
    }
    if !file.is_file() {
        return Err(CommandError::NoFile(name.to_owned()));
    }
    Ok(file)
}

/// Whether the kernel can run the file by itself: a `#!` line or an ELF header. Packers lose the
/// executable bit (some write 0600 for everything), so it is set here; the file is the job's own
/// copy.
fn make_executable_if_program(file: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    fs::File::open(file)?.take(4).read_to_end(&mut start)?;
    if !start.starts_with(b"#!") && start != b"\x7fELF" {
        return Ok(false);
    }
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
    Ok(true)
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

/// What an ended program's exit and result file amount to. `errors` are the last lines it wrote to
/// its standard error.
pub(crate) fn outcome(exit: Exit, output: &Path, required: Vec<String>, errors: &str) -> Outcome {
    if !exit.status.success() {
        let title = format!("The program ended with {}.", describe(exit.status));
        return Outcome::faulted("Robot.ProgramFailed", Category::User, title).with_detail(errors);
    }
    let bad_result = |title: String| Outcome::faulted("Robot.InvalidResult", Category::User, title);
    let text = match result::read(output) {
        Ok(text) => text
            .filter(|text| !text.trim().is_empty())
            .unwrap_or_else(|| "{}".to_owned()),
        Err(error) => {
            return bad_result(format!(
                "The result file BATON_OUTPUT is unusable: {error}."
            ));
        }
    };
    let Some(object) = result::object(&text) else {
        return bad_result(
            "The program wrote something to BATON_OUTPUT that is not a JSON object.".to_owned(),
        );
    };
    let missing = result::missing(&object, required);
    if !missing.is_empty() {
        let names = missing.join(", ");
        return bad_result(format!(
            "The program ended well, but its result lacks what entry-points.json requires: {names}."
        ));
    }
    Outcome::successful(object)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;
    use crate::orders::Cause;
    use crate::protocol::JobState;

    fn package(operate: &str, files: &[(&str, &str, u32)]) -> (tempfile::TempDir, Manifest) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("operate.json"), operate).unwrap();
        for (name, text, mode) in files {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        let manifest = Manifest::read(folder.path()).unwrap();
        (folder, manifest)
    }

    fn line(folder: &Path, manifest: &Manifest, entry: &str) -> Result<Vec<String>, CommandError> {
        let content = folder.canonicalize().unwrap();
        let line = command_line(&content, manifest, entry, Path::new("python3"))?;
        let short = |part: OsString| {
            part.into_string()
                .unwrap()
                .replace(&format!("{}/", content.display()), "./")
        };
        Ok(line.into_iter().map(short).collect())
    }

    #[test]
    fn a_file_is_run_by_what_it_is() {
        let (folder, manifest) = package(
            r#"{"targetRuntime":"command"}"#,
            &[
                ("a.sh", "echo", 0o600),
                ("b.py", "print()", 0o777),
                ("c.js", "", 0o600),
                ("d.robot", "", 0o600),
                ("e", "#!/bin/sh\n", 0o600),
                ("f", "\x7fELF", 0o600),
                ("g", "data", 0o755),
                ("h", "data", 0o600),
            ],
        );
        let line = |entry| line(folder.path(), &manifest, entry);
        assert_eq!(line("a.sh").unwrap(), ["sh", "./a.sh"]);
        assert_eq!(line("b.py").unwrap(), ["python3", "./b.py"]);
        assert_eq!(line("c.js").unwrap(), ["node", "./c.js"]);
        assert_eq!(line("d.robot").unwrap(), ["robot", "./d.robot"]);
        for program in ["e", "f", "g"] {
            assert_eq!(line(program).unwrap(), [format!("./{program}")]);
            assert!(is_executable(&folder.path().join(program)));
        }
        assert!(matches!(line("h"), Err(CommandError::UnknownKind(_))));
        assert!(matches!(line("missing"), Err(CommandError::NoFile(_))));
        assert!(matches!(
            line("../../../../../../etc/passwd"),
            Err(CommandError::Outside(_))
        ));
        assert!(matches!(line("/etc/passwd"), Err(CommandError::Outside(_))));
    }

    #[test]
    fn a_command_line_of_the_package_is_taken_as_it_is() {
        let (folder, manifest) = package(
            r#"{"targetRuntime":"command","commands":{
                "x":["node","app.js","--fast"],"y":["bin","z"],"z":["./tool"],"e":[]}}"#,
            &[("tool", "", 0o755)],
        );
        let line = |entry| line(folder.path(), &manifest, entry);
        assert_eq!(line("x").unwrap(), ["node", "app.js", "--fast"]);
        assert_eq!(line("z").unwrap(), ["./tool"]);
        assert!(matches!(line("e"), Err(CommandError::EmptyCommand(_))));
    }

    /// `status` as `wait` gives it: the code in the second byte, a signal in the first.
    fn ended(status: i32, result: Option<&str>, required: &[&str]) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("output.json");
        if let Some(text) = result {
            fs::write(&output, text).unwrap();
        }
        let exit = Exit {
            status: ExitStatus::from_raw(status),
            cause: Cause::Itself,
        };
        let required = required.iter().map(|name| (*name).to_owned()).collect();
        outcome(exit, &output, required, "last words")
    }

    #[test]
    fn exit_code_and_result_decide_together() {
        let good = ended(0, Some("{ \"a\": 1 }\n"), &["a"]);
        assert_eq!(
            (good.state, good.output.as_deref()),
            (JobState::Successful, Some(r#"{"a":1}"#))
        );
        assert_eq!(ended(0, None, &[]).output.as_deref(), Some("{}"));
        assert_eq!(ended(0, Some("  "), &[]).output.as_deref(), Some("{}"));

        for (result, required) in [
            (None, &["a"][..]),
            (Some("{\"b\":1}"), &["a"]),
            (Some("[1]"), &[]),
        ] {
            let bad = ended(0, result, required);
            assert_eq!(bad.state, JobState::Faulted);
            assert_eq!(bad.error.unwrap().code, "Robot.InvalidResult");
        }
    }

    #[test]
    fn a_failed_program_faults_with_its_last_words_whatever_it_wrote() {
        let failed = ended(3 << 8, Some("{}"), &[]);
        assert_eq!(failed.state, JobState::Faulted);
        assert_eq!(
            failed.info,
            "The program ended with exit code 3.\nlast words"
        );
        let killed = ended(9, None, &[]);
        assert!(killed.info.contains("signal 9 (SIGKILL"), "{}", killed.info);
    }
}
