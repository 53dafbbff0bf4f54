//! Databases of older versions: what they hold is there, and complete, after the migrations.

use db::{Db, Options, Url};
use orchestrator::MIGRATIONS;
use testkit::{Backend, Database, both};

both!(
    processes_keep_their_version,
    queues_keep_what_is_in_them,
    applications_get_accounts,
);

/// A database as an older version made it, and what keeps it alive.
struct Old {
    db: Db,
    _folder: tempfile::TempDir,
    _database: Option<Database>,
}

fn old(backend: Backend, version: usize) -> Old {
    let folder = tempfile::tempdir().unwrap();
    let database = (backend == Backend::Postgres).then(Database::create);
    let url = match &database {
        Some(database) => Url::Postgres(database.url.clone()),
        None => Url::Sqlite(folder.path().join("main.db")),
    };
    let db = Db::open(Options::new(url, "main")).unwrap();
    db.migrate(&MIGRATIONS[..version]).unwrap();
    Old {
        db,
        _folder: folder,
        _database: database,
    }
}

/// Runs statements one by one.
fn run(db: &Db, statements: &'static str) {
    let all = |tx: &mut db::Tx<'_>| {
        for statement in statements.split(";\n").filter(|s| !s.trim().is_empty()) {
            tx.exec(statement, &[])?;
        }
        Ok::<_, db::Error>(())
    };
    db.write_blocking(all).unwrap();
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
        let old = old(backend, 1);
        run(&old.db, PROCESS);
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

const QUEUE: &str = r#"
    INSERT INTO tenants (id, key, name, display_name, organization_key, organization_name,
        creation_time) VALUES (1, 't', 'T', 'T', 'o', 'O', 1);
    INSERT INTO queue_definitions (id, tenant_id, key, name, creation_time) VALUES (7, 1, 'q', 'Q', 1);
    INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority, defer_date, due_date,
        risk_sla_date, version, robot_id, start_processing, end_processing,
        seconds_in_previous_attempts, review_status, reviewer_user_id, processing_exception_type,
        retry_number, manual_retry_number, ancestor_id, manual_ancestor_id, encrypted, creation_time,
        key, unique_key, ancestor_unique_key, manual_ancestor_unique_key, creator_job_key,
        executor_job_key, reference, unique_reference, source, parent_operation_id, operation_id,
        progress, processing_exception, specific_content, output, analytics)
    VALUES (1, 7, 5, 2, 11, 12, 13, 14, 15, 16, 17, 18, 1, 19, 1, 20, 21, 22, 23, TRUE, 24, 'k1', 'k1',
        'a1', 'm1', 'c1', 'e1', 'Ref', NULL, 'Manual', 'p1', 'o1', 'half', '{"R":1}', 's', 'u', 'y');
    INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority, due_date, creation_time,
        key, unique_key, reference, unique_reference)
    VALUES (1, 7, 0, 1, 17000000000000000, 25, 'k1', 'k2', 'REF', 'REF'),
        (1, 7, 0, 1, NULL, 26, 'k3', 'k3', NULL, NULL), (1, 7, 0, 0, NULL, 27, 'k4', 'k4', NULL, NULL),
        (1, 7, 0, 0, -5, 28, 'k5', 'k5', NULL, NULL), (1, 7, 1, 0, NULL, 29, 'k6', 'k6', NULL, NULL);
    INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority, defer_date,
        creation_time, key, unique_key) VALUES (1, 7, 0, 0, 31, 30, 'k7', 'k7');
    INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority, creation_time, key,
        unique_key) VALUES (1, 7, 0, 0, 32, 'k8', 'k8');
    INSERT INTO queue_item_events (tenant_id, queue_definition_id, queue_item_id, timestamp, action,
        data, user_id, external_client_id, status, review_status, reviewer_user_id)
    VALUES (1, 7, 1, 41, 3, 'd', 42, 'x', 5, 1, 43), (1, 7, 8, 44, 0, NULL, NULL, NULL, 0, 0, NULL);
    INSERT INTO queue_item_comments (tenant_id, queue_definition_id, queue_item_id, text,
        creation_time, user_id, external_client_id)
    VALUES (1, 7, 1, 'ä', 51, 52, 'x'), (1, 7, 8, 'gone', 53, NULL, NULL);
    DELETE FROM queue_items WHERE key = 'k8';
"#;

/// What the version before the engine kept of items.
const KEPT: [&str; 3] = [
    "SELECT id, tenant_id, queue_definition_id, status, priority, defer_date, due_date, risk_sla_date,
         version, robot_id, start_processing, end_processing, seconds_in_previous_attempts,
         review_status, reviewer_user_id, processing_exception_type, retry_number,
         manual_retry_number, ancestor_id, manual_ancestor_id, encrypted, creation_time, key,
         unique_key, ancestor_unique_key, manual_ancestor_unique_key, creator_job_key,
         executor_job_key, reference, unique_reference, source, parent_operation_id, operation_id,
         progress, processing_exception, specific_content, output, analytics
     FROM queue_items ORDER BY id",
    "SELECT id, tenant_id, queue_definition_id, queue_item_id, timestamp, action, data, user_id,
         external_client_id, status, review_status, reviewer_user_id
     FROM queue_item_events ORDER BY id",
    "SELECT id, tenant_id, queue_definition_id, queue_item_id, text, creation_time, user_id,
         external_client_id FROM queue_item_comments ORDER BY id",
];

async fn queues_keep_what_is_in_them(backend: Backend) {
    let work = move || {
        let old = old(backend, 9);
        run(&old.db, QUEUE);
        let kept = || {
            let all = |tx: &mut db::Tx<'_>| {
                let rows = KEPT.iter().map(|sql| tx.rows(sql, &[]));
                rows.collect::<Result<Vec<_>, db::Error>>()
            };
            old.db.read_blocking(all).unwrap()
        };
        let before = kept();
        assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [7, 1, 1]);
        old.db.migrate(MIGRATIONS).unwrap();
        assert_eq!(kept(), before);

        let look = |tx: &mut db::Tx<'_>| {
            let turns = "SELECT id FROM queue_items WHERE turn IS NOT NULL ORDER BY turn, id";
            let ids = tx.rows(turns, &[])?.into_iter().map(|row| row.get(0));
            let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
            let turn = tx.number("SELECT turn FROM queue_items WHERE id = 2", &[])?;
            // Numbers of items that are gone are not given again.
            let next = tx.new_ids("queue_items", 1)?;
            let comment = "INSERT INTO queue_item_comments (tenant_id, queue_definition_id,
                queue_item_id, text, creation_time) VALUES (1, 7, 1, 'next', 1) RETURNING id";
            let comment = tx.insert(comment, &[])?;
            Ok::<_, db::Error>((ids, turn, next, comment))
        };
        let (ids, turn, next, comment) = old.db.write_blocking(look).unwrap();
        assert_eq!(ids, [5, 2, 4, 3], "due dates first, then priorities");
        assert_eq!(turn, (1 << 59) + 17_000_000_000_000_000);
        assert_eq!((next, comment), (vec![9], 3));

        for (unique_key, reference) in [("k9", "ref"), ("k2", "other")] {
            let insert =
                "INSERT INTO queue_items (id, tenant_id, queue_definition_id, status, priority,
                creation_time, key, unique_key, unique_reference)
                VALUES (90, 1, 7, 0, 0, 1, 'k9', $1, $2)";
            let twice =
                |tx: &mut db::Tx<'_>| tx.exec(insert, &[unique_key.into(), reference.into()]);
            let twice: Result<u64, db::Error> = old.db.write_blocking(twice);
            assert!(matches!(twice, Err(db::Error::Unique { .. })), "{twice:?}");
        }
        old.db.close();
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

const APPLICATIONS: &str = r#"
    INSERT INTO tenants (id, key, name, display_name, organization_key, organization_name,
        creation_time) VALUES (1, 't', 'T', 'T', 'o', 'O', 1);
    INSERT INTO users (tenant_id, key, user_name, type, creation_time) VALUES (1, 'u', 'SHOP', 0, 1);
    INSERT INTO users (tenant_id, key, user_name, directory_identifier, type, creation_time)
        VALUES (1, 'v', 'somebody', 'c3', 5, 1);
    INSERT INTO clients (tenant_id, client_id, name, secret_hash, scopes, creation_time)
        VALUES (1, 'c1', 'shop', 'h', 'OR.Jobs', 11), (1, 'c2', 'Desk', 'h', 'OR.Jobs', 12),
            (1, 'c3', 'desk', 'h', 'OR.Jobs', 13);
"#;

async fn applications_get_accounts(backend: Backend) {
    let work = move || {
        let old = old(backend, 10);
        run(&old.db, APPLICATIONS);
        old.db.migrate(MIGRATIONS).unwrap();
        let read = |tx: &mut db::Tx<'_>| {
            tx.rows(
                "SELECT c.client_id, u.user_name, u.key, u.directory_identifier, u.type,
                     u.creation_time, u.is_active, u.may_have_robot_session,
                     u.may_have_user_session, u.password_hash
                 FROM clients c JOIN users u ON u.id = c.user_id ORDER BY c.id",
                &[],
            )
        };
        let rows: Vec<db::Row> = old.db.read_blocking(read).unwrap();
        let wanted = [
            ("c1", "shop (application 1)", 11),
            ("c2", "Desk", 12),
            ("c3", "desk (application 3)", 13),
        ];
        assert_eq!(rows.len(), wanted.len());
        for (row, (client, name, made)) in rows.iter().zip(wanted) {
            assert_eq!(row.get::<String>(0).as_deref(), Ok(client));
            assert_eq!(row.get::<String>(1).as_deref(), Ok(name));
            let key: String = row.get(2).unwrap();
            assert!(key.parse::<odata::Guid>().is_ok(), "{key}");
            assert_eq!(key, key.to_lowercase());
            assert_eq!(row.get::<String>(3).as_deref(), Ok(client));
            assert_eq!((row.get::<i64>(4), row.get::<i64>(5)), (Ok(5), Ok(made)));
            assert_eq!(
                (row.get::<bool>(6), row.get::<bool>(7)),
                (Ok(true), Ok(false))
            );
            assert_eq!(row.get::<bool>(8), Ok(false));
            assert_eq!(row.get::<Option<String>>(9), Ok(None));
        }
        old.db.close();
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
