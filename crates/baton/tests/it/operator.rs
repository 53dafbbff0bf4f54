//! `baton app` and `baton admin`, as whoever has the data folder gives these commands: beside a running
//! server, without one, and in the wrong place.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};

use serde_json::json;
use testkit::{ADMIN_PASSWORD, Backend, Client, Server, both, run_to_end};

use crate::startup::{baton, sentence};
use crate::support::{self, scene, server, text, texts};

both!(
    an_application_beside_a_running_server,
    an_application_without_a_server,
    applications_that_cannot_be,
    a_new_password_beside_a_running_server,
    a_new_password_without_a_server,
    whose_password_it_can_be,
    a_server_that_was_killed_is_no_obstacle,
    a_server_that_takes_no_commands_is_named,
    the_socket_is_the_owners,
    databases_that_do_not_fit,
);

/// What a command that went well wrote: to standard output, and to standard error.
#[track_caller]
fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(!err.contains("panicked"), "{err}");
    (out, err)
}

/// Client id and secret, as a shell would read them.
#[track_caller]
fn credentials(out: &str) -> (String, String) {
    let lines: Vec<&str> = out.lines().collect();
    let [id, secret] = lines[..] else {
        panic!("not two lines: {out}")
    };
    let value = |line: &str, name: &str| {
        let (key, value) = line.split_once('=').expect("NAME=value");
        assert_eq!(key, name);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(!value.is_empty() && value.chars().all(plain), "{value}");
        value.to_owned()
    };
    (value(id, "CLIENT_ID"), value(secret, "CLIENT_SECRET"))
}

async fn create(server: &Server, words: &[&str]) -> Output {
    run_to_end(server.about(&[&["app", "create"], words].concat())).await
}

/// The application behind these credentials, with the scopes that it has.
async fn sign_in(server: &Server, (id, secret): &(String, String)) -> (Client, String) {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
    ];
    let anonymous = server.anonymous();
    let answer = anonymous.post_form("/identity_/connect/token", &form).await;
    let answer = answer.ok(200);
    let client = anonymous.bearer(text(&answer, "access_token"));
    (client, text(&answer, "scope").to_owned())
}

async fn an_application_beside_a_running_server(backend: Backend) {
    let scene = scene(backend).await;
    let words = ["shop", "--scope", "OR.Folders.Read", "--scope", "OR.Jobs"];
    let (out, err) = said(&create(&scene.server, &words).await);
    let found = credentials(&out);
    assert!(
        err.contains("'shop'") && err.contains("OR.Folders.Read OR.Jobs"),
        "{err}"
    );
    assert!(!err.contains(&found.1), "{err}");
    let (app, scopes) = sign_in(&scene.server, &found).await;
    assert_eq!(scopes, "OR.Folders.Read OR.Jobs");
    app.get("odata/Folders").await.ok(200);
    app.get("odata/Machines").await.refused(403, 0);

    let account = scene
        .app
        .get("odata/Users?$filter=Type eq 'DirectoryExternalApplication' and UserName eq 'shop'")
        .await
        .ok(200);
    assert_eq!(account["value"][0]["DirectoryIdentifier"], found.0);
    // Without scopes its roles decide.
    let (out, err) = said(&create(&scene.server, &["desk"]).await);
    assert!(err.contains("'desk'") && err.contains("roles"), "{err}");
    let (desk, scopes) = sign_in(&scene.server, &credentials(&out)).await;
    assert_eq!(scopes, "OR.Default");
    desk.get("odata/Machines").await.refused(403, 0);

    let log = scene
        .app
        .get("odata/AuditLogs?$filter=Component eq 'Users'&$expand=Entities&$orderby=Id")
        .await
        .ok(200);
    assert_eq!(
        texts(&log, "OperationText"),
        [
            "The server created application shop at the command line",
            "The server created application desk at the command line",
        ]
    );
    let data = text(&log["value"][0]["Entities"][0], "CustomData");
    assert!(
        data.contains(&found.0) && data.contains("OR.Folders.Read"),
        "{data}"
    );
    for text in [log.to_string(), scene.server.log()] {
        assert!(!text.contains(&found.1), "a secret in {text}");
    }
}

async fn an_application_without_a_server(backend: Backend) {
    let mut server = server(backend).await;
    server.stop().await;
    assert!(!server.data().join("control.sock").exists());
    let (out, _) = said(&create(&server, &["shop", "--scope", "OR.Folders"]).await);
    server.restart().await;
    let (app, _) = sign_in(&server, &credentials(&out)).await;
    app.get("odata/Folders").await.ok(200);
}

async fn applications_that_cannot_be(backend: Backend) {
    let mut server = server(backend).await;
    said(&create(&server, &["shop"]).await);
    let long = "x".repeat(257);
    for running in [true, false] {
        if !running {
            server.stop().await;
        }
        for (name, words) in [
            ("SHOP", "already"),
            ("Admin", "already"),
            (" x", "blanks"),
            ("", "a name"),
            ("a\nb", "one line"),
            (&long, "256"),
        ] {
            let output = create(&server, &[name]).await;
            let said = sentence(&output);
            assert!(said.contains(words), "{name}: {said}");
            assert!(output.stdout.is_empty(), "a secret of nothing");
        }
    }
    let usage = async |words: &[&str]| {
        let output = create(&server, words).await;
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for scope in [
        "OR.Job",
        "or.jobs",
        "OR.Default.Read",
        "OrchestratorApiUserAccess",
        "OR.Jobs OR.Users",
    ] {
        let said = usage(&["x", "--scope", scope]).await;
        for word in [scope, "OR.Jobs", "OR.Webhooks", ".Read"] {
            assert!(said.contains(word), "{word} in {said}");
        }
    }
    assert!(usage(&[]).await.contains("<NAME>"));
}

async fn reset(server: &Server, words: &[&str]) -> Output {
    run_to_end(server.about(&[&["admin", "reset-password"], words].concat())).await
}

#[track_caller]
fn password(output: &Output) -> String {
    let (out, err) = said(output);
    let password = out.trim_end().to_owned();
    assert_eq!(out, format!("{password}\n"));
    assert!(password.len() >= 20 && !err.contains(&password), "{err}");
    password
}

/// Whether this is the password.
async fn fits(server: &Server, name: &str, password: &str) -> bool {
    let body = json!({"usernameOrEmailAddress": name, "password": password});
    let anonymous = server.anonymous();
    let answer = anonymous.post("/api/Account/Authenticate", &body).await;
    answer.status == 200
}

async fn a_new_password_beside_a_running_server(backend: Backend) {
    let server = server(backend).await;
    let old = server.admin().await;
    support::me(&old).await;
    let output = reset(&server, &[]).await;
    let new = password(&output);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(err.contains("'admin'") && !err.contains("minutes"), "{err}");
    // At once, although the server had checked the old token.
    let me = "odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser";
    old.get(me).await.refused(401, 0);
    assert!(!fits(&server, "admin", ADMIN_PASSWORD).await);
    let admin = server.sign_in("admin", &new).await;
    let log = admin
        .get("odata/AuditLogs?$filter=Action eq 'ChangePassword'&$expand=Entities")
        .await
        .ok(200);
    assert_eq!(
        texts(&log, "OperationText"),
        ["The server reset the password of user admin at the command line"]
    );
    for text in [log.to_string(), server.log()] {
        assert!(!text.contains(&new), "a password in {text}");
    }
}

async fn a_new_password_without_a_server(backend: Backend) {
    let mut server = server(backend).await;
    let old = server.admin().await;
    server.stop().await;
    let first = password(&reset(&server, &[]).await);
    let second = password(&reset(&server, &[]).await);
    assert_ne!(first, second);
    server.restart().await;
    let me = "odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser";
    let old = server.anonymous().bearer(old.token());
    old.get(me).await.refused(401, 0);
    assert!(!fits(&server, "admin", ADMIN_PASSWORD).await);
    assert!(!fits(&server, "admin", &first).await);
    assert!(fits(&server, "admin", &second).await);
}

async fn whose_password_it_can_be(backend: Backend) {
    let server = server(backend).await;
    let (person, id) = server.user("jane", &["Administrator"]).await;
    let new = password(&reset(&server, &["--user", "JANE"]).await);
    assert!(fits(&server, "jane", &new).await);
    assert!(fits(&server, "admin", ADMIN_PASSWORD).await);
    person.get("odata/Folders").await.refused(401, 0);

    let app = server.app().await;
    let inactive = format!("odata/Users({id})/UiPath.Server.Configuration.OData.SetActive");
    let body = json!({"active": false});
    app.post(&inactive, &body).await.ok(200);
    for name in ["nobody", "local-robot", testkit::APP_ID, "jane"] {
        let output = reset(&server, &["--user", name]).await;
        let said = sentence(&output);
        assert!(
            said.contains(name) && said.contains("administrators are: admin."),
            "{said}"
        );
        assert!(said.contains("--user"), "{said}");
        assert!(output.stdout.is_empty());
    }
}

async fn a_server_that_was_killed_is_no_obstacle(backend: Backend) {
    let mut server = server(backend).await;
    server.kill9();
    assert!(server.data().join("control.sock").exists());
    let (out, _) = said(&create(&server, &["shop", "--scope", "OR.Folders"]).await);
    server.restart().await;
    let (app, _) = sign_in(&server, &credentials(&out)).await;
    app.get("odata/Folders").await.ok(200);
    // And a socket that was left is replaced.
    said(&create(&server, &["desk"]).await);
}

async fn a_server_that_takes_no_commands_is_named(backend: Backend) {
    let mut server = server(backend).await;
    std::fs::remove_file(server.data().join("control.sock")).unwrap();
    let said = sentence(&create(&server, &["shop"]).await);
    assert!(said.contains(&*server.data().to_string_lossy()), "{said}");
    assert!(said.contains("takes no commands"), "{said}");
    // Where no socket can be, the server starts all the same.
    server.stop().await;
    std::fs::create_dir(server.data().join("control.sock")).unwrap();
    server.restart().await;
    server.app().await;
    assert!(server.log().contains("no commands are taken"));
}

async fn the_socket_is_the_owners(backend: Backend) {
    let server = server(backend).await;
    let path = server.data().join("control.sock");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let talk = async |line: String| {
        let path = path.clone();
        let talk = move || {
            let mut stream = UnixStream::connect(path).unwrap();
            // The server may have heard enough before the end.
            let _ = stream.write_all(line.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        };
        tokio::task::spawn_blocking(talk).await.unwrap()
    };
    for line in [
        "",
        "\n",
        "nonsense\n",
        "{\"Dance\":{}}\n",
        "{\"ResetPassword\":{\"user\":1}}\n",
    ] {
        let answer = talk(line.to_owned()).await;
        assert!(answer.contains("another version"), "{line}: {answer}");
    }
    talk("x".repeat(1 << 20)).await;
    let unknown = "{\"CreateApplication\":{\"name\":\"x\",\"client_id\":\"x\",\"secret_hash\":\"x\",\
                   \"scopes\":[\"OR.Everything\"]}}\n";
    let answer = talk(unknown.to_owned()).await;
    assert!(answer.contains("no scope 'OR.Everything'"), "{answer}");
    server.app().await.get("odata/Folders").await.ok(200);
    said(&create(&server, &["shop"]).await);
}

/// The command with another database than that of the server.
fn with_database(mut command: Command, url: Option<&str>) -> Command {
    match url {
        Some(url) => command.env("BATON_DATABASE_URL", url),
        None => command.env_remove("BATON_DATABASE_URL"),
    };
    command
}

async fn databases_that_do_not_fit(backend: Backend) {
    let mut server = server(backend).await;
    let elsewhere = "postgres://me:a-secret-word@127.0.0.1:1/elsewhere";
    let words = ["app", "create", "shop"];
    let mistaken = async |server: &Server, url: Option<&str>| {
        let output = run_to_end(with_database(server.about(&words), url)).await;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!text.contains("a-secret-word"), "{text}");
        sentence(&output)
    };
    // Whether it runs or not, another database is refused.
    let said_running = mistaken(&server, Some(elsewhere)).await;
    assert!(
        said_running.contains("127.0.0.1:1/elsewhere"),
        "{said_running}"
    );
    if backend == Backend::Postgres {
        // The running server knows its own.
        let output = run_to_end(with_database(server.about(&words), None)).await;
        said(&output);
    }
    server.stop().await;
    match backend {
        Backend::Sqlite => {
            let said = mistaken(&server, Some(elsewhere)).await;
            assert!(said.contains("without --database"), "{said}");
        }
        Backend::Postgres => {
            let said = mistaken(&server, None).await;
            assert!(
                said.contains("--database") && said.contains("/baton_it_"),
                "{said}"
            );
            let empty = testkit::Database::create();
            let said = mistaken(&server, Some(&empty.url)).await;
            assert!(said.contains("baton serve"), "{said}");
            // Another installation's.
            let other = Server::start(support::EXE, backend).await;
            let said = mistaken(&server, other.database_url()).await;
            assert!(said.contains("another data folder"), "{said}");
            alone(other.database_url().unwrap(), &other).await;
        }
    }
    assert!(!server.data().join("main.db").exists() || backend == Backend::Sqlite);
}

/// With nothing but the URL, and a server that runs and does not know of it.
async fn alone(url: &str, server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let command = |words: &[&str]| {
        let mut command = baton(words);
        command.args(["--database", url]).current_dir(folder.path());
        command
    };
    let output = run_to_end(command(&["app", "create", "far", "--scope", "OR.Folders"])).await;
    let (out, _) = said(&output);
    let (app, _) = sign_in(server, &credentials(&out)).await;
    app.get("odata/Folders").await.ok(200);
    let output = run_to_end(command(&["admin", "reset-password"])).await;
    let new = password(&output);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(err.contains("30 minutes"), "{err}");
    assert!(fits(server, "admin", &new).await);
    assert!(!fits(server, "admin", ADMIN_PASSWORD).await);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn no_data_folder_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let missing = folder.path().join("missing");
    for words in [&["app", "create", "shop"][..], &["admin", "reset-password"]] {
        for data in [&empty, &missing] {
            let data = data.to_str().unwrap();
            // A folder that was named is not passed over for a database.
            for more in [&[][..], &["--database", "postgres://me@127.0.0.1:1/rpa"]] {
                let words = [words, &["--data", data], more].concat();
                let said = sentence(&run_to_end(baton(&words)).await);
                assert!(said.contains(data) && said.contains("--data"), "{said}");
                assert!(said.contains("baton serve"), "{said}");
            }
        }
        let mut command = baton(words);
        command.current_dir(&empty);
        let said = sentence(&run_to_end(command).await);
        assert!(said.contains("./baton-data"), "{said}");
    }
    assert!(!missing.exists());
    assert_eq!(
        std::fs::read_dir(&empty).unwrap().count(),
        0,
        "it was touched"
    );
}

#[tokio::test]
async fn commands_say_what_they_are_for() {
    for (words, wanted) in [
        (
            &["app", "--help"][..],
            &["create", "client id and secret"][..],
        ),
        (
            &["app", "create", "--help"],
            &[
                "--scope",
                "--data",
                "--database",
                "BATON_DATA",
                "OR.Default",
                "once",
                "CLIENT_SECRET",
            ],
        ),
        (&["admin", "--help"], &["reset-password"]),
        (
            &["admin", "reset-password", "--help"],
            &["--user", "--data", "--database", "once", "sign in again"],
        ),
    ] {
        let (out, _) = said(&run_to_end(baton(words)).await);
        for word in wanted {
            assert!(out.contains(word), "{word} in {out}");
        }
    }
}
