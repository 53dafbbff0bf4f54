//! How the command starts, and how it says why it does not.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use testkit::{Backend, Server, Setup, both, run_to_end};

use crate::support::{EXE, scene, server};

both!(
    a_server_starts_stops_and_goes_on,
    bootstrap_variables_act_once,
    a_second_server_on_the_same_folder_is_refused,
    links_begin_with_the_public_address,
    a_database_of_other_keys_is_refused,
    a_folder_of_postgres_begins_no_sqlite,
    a_folder_refuses_an_empty_database,
    folders_of_older_versions_learn_their_database,
);

/// A command of its own, about no server.
pub fn baton(args: &[&str]) -> Command {
    let mut command = Command::new(EXE);
    command
        .args(args)
        .env_remove("BATON_DATABASE_URL")
        .env_remove("BATON_DATA");
    command
}

/// The sentence on stderr of a command that failed.
#[track_caller]
pub fn sentence(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let line = text.lines().find_map(|l| l.strip_prefix("baton: "));
    let line = line
        .unwrap_or_else(|| panic!("no sentence in: {text}"))
        .to_owned();
    assert!(!text.contains("panicked"), "{text}");
    line
}

async fn a_server_starts_stops_and_goes_on(backend: Backend) {
    let mut scene = scene(backend).await;
    let health = scene.app.get("/health").await.ok(200);
    assert_eq!(health["status"], "Healthy");
    assert_eq!(scene.app.get("/ready").await.ok(200)["status"], "Ready");
    let mode = std::fs::metadata(scene.server.data())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);

    scene.server.stop().await;
    scene.server.restart().await;
    // The same keys, so that tokens from before stay good; and the same ids.
    let folders = scene
        .server
        .anonymous()
        .bearer(scene.app.token())
        .get("odata/Folders")
        .await;
    assert_eq!(folders.ok(200)["value"][0]["Id"], scene.folder);
    scene.server.kill9();
    scene.server.restart().await;
    let again = scene.server.app().await.get("odata/Folders").await.ok(200);
    assert_eq!(again["value"][0]["Id"], scene.folder);
}

async fn bootstrap_variables_act_once(backend: Backend) {
    let mut server = server(backend).await;
    let log = server.log();
    assert!(log.contains("not affiliated with UiPath"), "{log}");
    assert!(
        !log.contains(testkit::ADMIN_PASSWORD),
        "the banner shows a password that was given"
    );
    let banners = |log: &str| log.matches("not affiliated with UiPath").count();
    assert_eq!(banners(&log), 1);

    let key = std::mem::replace(&mut server.machine_key, uuid::Uuid::new_v4().to_string());
    server.stop().await;
    server.restart().await;
    let log = server.log();
    assert_eq!(banners(&log), 1, "{log}");
    assert!(log.contains("bootstrap variables are ignored"), "{log}");
    // The first key is good, the second one is not.
    let start = "api/RobotsService/StartService";
    let body = serde_json::json!({});
    server
        .machine_with(&key, "host")
        .post(start, &body)
        .await
        .ok(200);
    server.machine().post(start, &body).await.refused(401, 1204);
}

async fn a_database_of_other_keys_is_refused(backend: Backend) {
    let mut server = server(backend).await;
    server.stop().await;
    let keys = server.data().join("keys");
    std::fs::rename(&keys, server.folder().join("keys-elsewhere")).unwrap();
    let said = sentence(&run_to_end(server.command_at("127.0.0.1:0")).await);
    assert!(said.contains("another data folder"), "{said}");

    std::fs::remove_dir_all(&keys).unwrap();
    std::fs::rename(server.folder().join("keys-elsewhere"), &keys).unwrap();
    server.restart().await;
    server.app().await;
}

/// Starts it without its database where it has one, and the other way round.
async fn mistaken(server: &Server, other: Option<&str>) -> String {
    let mut command = server.command_at("127.0.0.1:0");
    match other {
        Some(url) => command.env("BATON_DATABASE_URL", url),
        None => command.env_remove("BATON_DATABASE_URL"),
    };
    sentence(&run_to_end(command).await)
}

/// A server whose first start has written a password.
async fn with_password_file(backend: Backend) -> (Server, std::path::PathBuf) {
    let mut server = server(backend).await;
    server.stop().await;
    let file = server.data().join("initial-admin.txt");
    std::fs::write(&file, "admin\nthe first one\n").unwrap();
    (server, file)
}

async fn a_folder_of_postgres_begins_no_sqlite(backend: Backend) {
    let (mut server, file) = with_password_file(backend).await;
    let other = match backend {
        Backend::Postgres => None,
        // A folder of SQLite begins nothing in PostgreSQL, either; it does not even ask there.
        Backend::Sqlite => Some("postgres://me:a-secret-word@127.0.0.1:1/rpa"),
    };
    let said = mistaken(&server, other).await;
    let data = server.data();
    assert!(said.contains(&*data.to_string_lossy()), "{said}");
    let hint = match backend {
        Backend::Postgres => "with the URL of that (--database",
        Backend::Sqlite => "without --database",
    };
    assert!(said.contains(hint) && said.contains("--data"), "{said}");
    assert!(!said.contains("a-secret-word"), "{said}");
    if backend == Backend::Postgres {
        assert!(
            said.contains("/baton_it_"),
            "the name of the database: {said}"
        );
        assert!(!data.join("main.db").exists(), "a database was begun");
        let record = std::fs::read_to_string(data.join("database")).unwrap();
        assert!(
            record.contains("postgres ") && !record.contains("user="),
            "{record}"
        );
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept, "admin\nthe first one\n");
    server.restart().await;
    server.app().await;
}

async fn a_folder_refuses_an_empty_database(backend: Backend) {
    let (mut server, file) = with_password_file(backend).await;
    let said = match backend {
        Backend::Sqlite => {
            let (db, away) = (
                server.data().join("main.db"),
                server.folder().join("away.db"),
            );
            std::fs::rename(&db, &away).unwrap();
            let said = mistaken(&server, None).await;
            assert!(!db.exists(), "a database was begun");
            std::fs::rename(&away, &db).unwrap();
            said
        }
        Backend::Postgres => {
            let other = testkit::Database::create();
            let said = mistaken(&server, Some(&other.url)).await;
            assert!(said.contains("/baton_it_"), "{said}");
            let url = db::Url::Postgres(other.url.clone());
            let tables = tokio::task::spawn_blocking(move || {
                let db = db::Db::open(db::Options::new(url, "main")).unwrap();
                db.applied(orchestrator::MIGRATIONS)
            });
            assert_eq!(tables.await.unwrap(), Ok(0), "something was written");
            said
        }
    };
    assert!(said.contains("belongs to"), "{said}");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept, "admin\nthe first one\n");
    server.restart().await;
    server.app().await;
}

async fn folders_of_older_versions_learn_their_database(backend: Backend) {
    let (mut server, file) = with_password_file(backend).await;
    let record = server.data().join("database");
    std::fs::remove_file(&record).unwrap();
    if backend == Backend::Postgres {
        let said = mistaken(&server, None).await;
        assert!(said.contains("belongs to"), "{said}");
        assert!(!server.data().join("main.db").exists());
        let other = testkit::Database::create();
        mistaken(&server, Some(&other.url)).await;
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "admin\nthe first one\n"
    );
    server.restart().await;
    server.app().await;
    assert!(record.is_file(), "it is written down from now on");
    server.stop().await;
    server.restart().await;
}

async fn a_second_server_on_the_same_folder_is_refused(backend: Backend) {
    let server = server(backend).await;
    let output = run_to_end(server.command_at("127.0.0.1:0")).await;
    let said = sentence(&output);
    assert!(said.contains(&*server.data().to_string_lossy()), "{said}");
    server.anonymous().get("/ready").await.ok(200);
}

async fn links_begin_with_the_public_address(backend: Backend) {
    let env = vec![(
        "BATON_PUBLIC_URL".to_owned(),
        "https://rpa.example.com/".to_owned(),
    )];
    let setup = Setup {
        env,
        ..Setup::default()
    };
    let server = Server::start_with(EXE, backend, setup).await;
    let app = server.app().await;
    let claims = testkit::decode_claims(app.token());
    assert_eq!(claims["iss"], "https://rpa.example.com/identity_");
    let list = app
        .below("/default/DefaultTenant/orchestrator_/")
        .get("odata/Folders")
        .await;
    assert_eq!(
        list.ok(200)["@odata.context"],
        "https://rpa.example.com/default/DefaultTenant/orchestrator_/odata/$metadata#Folders"
    );
}

#[tokio::test]
async fn a_port_in_use_is_a_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = run_to_end(baton(&[
        "serve",
        "--listen",
        &address,
        "--data",
        data.to_str().unwrap(),
    ]))
    .await;
    let said = sentence(&output);
    assert!(
        said.contains(&address) && said.contains("--listen"),
        "{said}"
    );
    assert!(
        !data.exists(),
        "a server that cannot listen must not touch data"
    );
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_used_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for data in [file.clone(), file.join("below")] {
        let data = data.to_str().unwrap();
        let output = run_to_end(baton(&["serve", "--listen", "127.0.0.1:0", "--data", data])).await;
        let said = sentence(&output);
        assert!(said.contains(data) && said.contains("--data"), "{said}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let secret = "a-secret-word";
    for url in [
        format!("postgres://nobody:{secret}@127.0.0.1:1/none"),
        format!("mysql://nobody:{secret}@127.0.0.1/none"),
        "nonsense".to_owned(),
    ] {
        let mut command = baton(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data.to_str().unwrap(),
        ]);
        command.env("BATON_DATABASE_URL", &url);
        let output = run_to_end(command).await;
        let said = sentence(&output);
        assert!(
            said.contains("database") || said.contains("PostgreSQL"),
            "{url}: {said}"
        );
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains(secret),
            "{said}"
        );
    }
}

#[tokio::test]
async fn bad_settings_are_sentences() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serve = || {
        baton(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data.to_str().unwrap(),
        ])
    };
    for (name, value) in [
        ("BATON_BOOTSTRAP_MACHINE_KEY", "no-guid"),
        ("BATON_BOOTSTRAP_APP", "no-colon"),
    ] {
        let mut command = serve();
        command.env(name, value);
        let said = sentence(&run_to_end(command).await);
        assert!(said.contains(name), "{said}");
    }
    let file = folder.path().join("settings.toml");
    for (content, word) in [("lissten = 1", "lissten"), ("= nothing", "settings.toml")] {
        std::fs::write(&file, content).unwrap();
        let mut command = serve();
        command.arg("--config").arg(&file);
        let said = run_to_end(command).await;
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            sentence(&said).contains("settings.toml") && text.contains(word),
            "{text}"
        );
    }
    let mut command = serve();
    command.arg("--log").arg("a=b=c");
    let said = sentence(&run_to_end(command).await);
    assert!(said.contains("log filter"), "{said}");
}

#[tokio::test]
async fn logs_can_be_json() {
    let env = vec![("BATON_LOG_FORMAT".to_owned(), "json".to_owned())];
    let setup = Setup {
        env,
        ..Setup::default()
    };
    let server = Server::start_with(EXE, Backend::Sqlite, setup).await;
    let log = server.log();
    let line = log
        .lines()
        .find(|l| l.starts_with('{'))
        .expect("a line of JSON");
    let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    assert!(
        line["level"].is_string() && line["fields"]["message"].is_string(),
        "{line}"
    );
}

#[tokio::test]
async fn help_and_version() {
    let output = run_to_end(baton(&["--version"])).await;
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.trim(), format!("baton {}", env!("CARGO_PKG_VERSION")));

    let output = run_to_end(baton(&["--help"])).await;
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in [
        "serve",
        "robot",
        "app",
        "admin",
        "demo",
        "not affiliated with UiPath",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    let output = run_to_end(baton(&["serve", "--help"])).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in [
        "--data",
        "BATON_DATA",
        "--listen",
        "--database",
        "BATON_DATABASE_URL",
        "--public-url",
        "--log",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    let output = run_to_end(baton(&["dance"])).await;
    assert_eq!(output.status.code(), Some(2));
}
