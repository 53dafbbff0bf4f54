//! Databases of older versions: what they hold is there, and complete, after the migrations.

use db::{Db, Options, Url};
use orchestrator::MIGRATIONS;
use testkit::{Backend, Database, both};

both!(processes_keep_their_version,);

/// A database as the first version made it, and what keeps it alive.
struct Old {
    db: Db,
    _folder: tempfile::TempDir,
    _database: Option<Database>,
}

fn old(backend: Backend) -> Old {
    let folder = tempfile::tempdir().unwrap();
    let database = (backend == Backend::Postgres).then(Database::create);
    let url = match &database {
        Some(database) => Url::Postgres(database.url.clone()),
        None => Url::Sqlite(folder.path().join("main.db")),
    };
    let db = Db::open(Options::new(url, "main")).unwrap();
    db.migrate(&MIGRATIONS[..1]).unwrap();
    Old {
        db,
        _folder: folder,
        _database: database,
    }
}

const PROCESS: &str = r#"
    INSERT INTO tenants (id, key, name, display_name, organization_key, organization_name,
        creation_time) VALUES (1, 't', 'T', 'T', 'o', 'O', 1);
    INSERT INTO folders (id, tenant_id, key, display_name, fully_qualified_name,
        fully_qualified_name_orderable, folder_type, provision_type, permission_model, feed_type)
        VALUES (1, 1, 'f', 'F', 'F', 'F', 0, 1, 1, 1);
    INSERT INTO packages (id, tenant_id, feed_id, package_id, version, normalized_version, sort_key,
        published, is_latest, project_type, process_type, requires_user_interaction, is_attended,
        blob, size) VALUES (1, 1, 't', 'p', '1.0', '1.0.0', '1', 5, TRUE, 1, 1, FALSE, FALSE, 'b', 1);
    INSERT INTO package_entry_points (id, package_id, path, arguments)
        VALUES (1, 1, 'main', '{"Input":"[{\"name\":\"ä\"}]","Output":null}');
    INSERT INTO releases (id, tenant_id, folder_id, key, name, package_id, entry_point_id,
        specific_priority_value, creation_time) VALUES (7, 1, 1, 'r', 'R', 1, 1, 45, 6);
"#;

async fn processes_keep_their_version(backend: Backend) {
    let work = move || {
        let old = old(backend);
        let statements = |tx: &mut db::Tx<'_>| {
            for statement in PROCESS.split(";\n").filter(|s| !s.trim().is_empty()) {
                tx.exec(statement, &[])?;
            }
            Ok::<_, db::Error>(())
        };
        old.db.write_blocking(statements).unwrap();
        old.db.migrate(MIGRATIONS).unwrap();
        let read = |tx: &mut db::Tx<'_>| {
            tx.row(
                "SELECT v.package_id, v.creation_time, e.input_arguments, e.output_arguments
                 FROM releases r JOIN release_versions v ON v.id = r.current_version_id
                 JOIN package_entry_points e ON e.id = r.entry_point_id
                 WHERE r.id = 7 AND v.release_id = 7 AND r.deletion_time IS NULL",
                &[],
            )
        };
        let row: db::Row = old.db.read_blocking(read).unwrap().expect("the release");
        assert_eq!((row.get::<i64>(0), row.get::<i64>(1)), (Ok(1), Ok(6)));
        assert_eq!(row.get::<String>(2).as_deref(), Ok("[{\"name\":\"ä\"}]"));
        assert_eq!(row.get::<Option<String>>(3), Ok(None));
        old.db.close();
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
