//! The declarations against the databases: every index that a set relies on is there, and every
//! property and navigation property can be asked for as the declaration says.

use orchestrator::{LOG_MIGRATIONS, MIGRATIONS, RESOURCES, Store};
use serde_json::Value;
use testkit::{Backend, both};

use crate::support::{scene, text};

both!(
    every_declared_index_is_there,
    every_property_can_be_selected_filtered_and_sorted,
);

/// `name(columns…)` without blanks, from a statement that creates an index.
fn normal(statement: &str) -> String {
    let words = statement
        .replace("CREATE UNIQUE INDEX", "")
        .replace("CREATE INDEX", "");
    let words = match words.split_once(" ON ") {
        Some((name, rest)) => format!("{name}{}", &rest[rest.find('(').unwrap_or(0)..]),
        None => words,
    };
    words.split_whitespace().collect::<String>().to_lowercase()
}

async fn every_declared_index_is_there(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    for (store, migrations) in [(Store::Main, MIGRATIONS), (Store::Logs, LOG_MIGRATIONS)] {
        let database = (backend == Backend::Postgres).then(testkit::Database::create);
        let url = match &database {
            Some(database) => db::Url::Postgres(database.url.clone()),
            None => db::Url::Sqlite(folder.path().join(format!("{store:?}.db"))),
        };
        let db = db::Db::open(db::Options::new(url, "schema")).unwrap();
        db.migrate(migrations).unwrap();
        let query = match backend {
            Backend::Sqlite => "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql > ''",
            Backend::Postgres => {
                "SELECT CAST(indexname AS TEXT) FROM pg_indexes WHERE schemaname = 'public'"
            }
        };
        let rows: Result<_, db::Error> = db.read(move |tx| tx.rows(query, &[])).await;
        let known: Vec<String> = rows
            .unwrap()
            .iter()
            .map(|row| row.get(0).unwrap())
            .collect();
        for resource in RESOURCES.iter().filter(|r| r.store == store) {
            for index in resource.set.indexes {
                let found = match backend {
                    Backend::Sqlite => known.iter().any(|sql| normal(sql) == normal(index)),
                    Backend::Postgres => {
                        let name = index.split('(').next().unwrap().trim();
                        known.iter().any(|known| known == name)
                    }
                };
                assert!(
                    found,
                    "{}: {index} is not in the database",
                    resource.set.name
                );
            }
        }
        db.close();
    }
}

async fn every_property_can_be_selected_filtered_and_sorted(backend: Backend) {
    let scene = scene(backend).await;
    let mut asked = 0;
    for resource in RESOURCES.iter().filter(|r| r.list.is_some()) {
        let set = resource.set;
        let get = async |query: String| {
            let path = format!("odata/{}?$top=5&{query}", set.name);
            let answer = scene.shared.get(&path).await;
            let body: Value = answer.json();
            assert!([200, 400].contains(&answer.status), "{path}: {body}");
            (answer.status, body)
        };
        for prop in set.props {
            let name = prop.name;
            let (status, body) = get(format!("$select={name}")).await;
            assert_eq!(status, 200, "{body}");
            for query in [
                format!("$filter={name} ne null"),
                format!("$orderby={name}"),
            ] {
                let (status, body) = get(query).await;
                let may = prop.filter && prop.kind.is_scalar();
                assert_eq!(
                    status,
                    if may { 200 } else { 400 },
                    "{}.{name}: {body}",
                    set.name
                );
                asked += 1;
            }
        }
        for nav in set.navs {
            let (status, body) = get(format!("$expand={}", nav.name)).await;
            assert_eq!(status, 200, "{}/{}: {body}", set.name, nav.name);
            if !nav.many {
                let key = (nav.target)().key;
                let (status, body) = get(format!("$filter={}/{key} ne null", nav.name)).await;
                assert_eq!(status, 200, "{}/{}: {body}", set.name, nav.name);
            }
        }
        let (_, body) = get(String::new()).await;
        let context = text(&body, "@odata.context");
        assert!(context.ends_with(&format!("#{}", set.name)), "{context}");
    }
    assert!(asked > 200, "{asked} properties");
}
