//! The declarations against the databases: every index that a set relies on is there, orders are
//! backed and total, and every property and navigation property can be asked for as the declaration says.

use std::collections::BTreeSet;

use odata::edm::{EntitySet, Kind, Source};
use orchestrator::{LOG_MIGRATIONS, MIGRATIONS, Op, Store, operations, resources};
use serde_json::Value;
use testkit::{Backend, both};

use crate::support::{scene, text};

both!(
    every_declared_index_is_there,
    every_property_can_be_selected_filtered_and_sorted,
);

/// An index as a database has it.
struct Index {
    table: String,
    name: String,
    unique: bool,
    /// Columns and expressions, without blanks.
    columns: Vec<String>,
    /// The condition of a partial one, without blanks and brackets.
    condition: String,
}

/// A text without blanks, in small letters.
fn compact(text: &str) -> String {
    text.split_whitespace().collect::<String>().to_lowercase()
}

impl Index {
    /// From the statement that creates it, or from a declaration: `name(columns) WHERE …`.
    fn parse(statement: &str) -> Self {
        let (head, rest) = statement.split_once('(').unwrap();
        let mut depth = 1;
        let mut columns = vec![String::new()];
        let mut rest = rest.chars();
        for c in rest.by_ref() {
            depth += i32::from(c == '(') - i32::from(c == ')');
            match c {
                _ if depth == 0 => break,
                ',' if depth == 1 => columns.push(String::new()),
                c => columns.last_mut().unwrap().push(c),
            }
        }
        let words: Vec<&str> = head.split_whitespace().collect();
        let behind = |word: &str| words.iter().skip_while(|w| **w != word).nth(1);
        let table = behind("ON").unwrap_or(&"");
        Self {
            table: table.trim_start_matches("public.").to_owned(),
            name: (*behind("INDEX").unwrap_or(&words[0])).to_owned(),
            unique: words.contains(&"UNIQUE"),
            columns: columns.iter().map(|column| compact(column)).collect(),
            condition: compact(rest.as_str()).replace(['(', ')'], ""),
        }
    }

    /// Whether it is the one that is declared.
    fn is(&self, declared: &Self) -> bool {
        (&self.name, &self.columns, &self.condition)
            == (&declared.name, &declared.columns, &declared.condition)
    }

    /// Whether there is only one row of a tenant with these columns.
    fn is_one(&self, of: &[&str]) -> bool {
        let mut columns = self.columns.iter().filter(|column| *column != "tenant_id");
        self.unique
            && self.condition.is_empty()
            && columns.all(|column| of.contains(&column.as_str()))
    }

    /// Whether rows can be read from it in the order of `column` where those of a request are found
    /// by their tenant or folder.
    fn sorts_by(&self, column: &str) -> bool {
        let scope = |column: &&String| ["tenant_id", "folder_id"].contains(&column.as_str());
        let first = self.columns.iter().find(|column| !scope(column));
        let first = first.map(|first| first.trim_end_matches("desc"));
        first == Some(column) || self.columns[0] == column
    }
}

/// The indexes of a store, those of primary keys among them.
async fn indexes(db: &db::Db, backend: Backend) -> Vec<Index> {
    let query = match backend {
        Backend::Sqlite => {
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql > ''
             UNION ALL
             SELECT 'CREATE UNIQUE INDEX of_key ON ' || m.name || ' (' || (
                 SELECT group_concat(name, ', ') FROM (SELECT c.name FROM pragma_table_info(m.name) c
                     WHERE c.pk > 0 ORDER BY c.pk)) || ')'
             FROM sqlite_master m WHERE m.type = 'table'
                 AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) c WHERE c.pk > 0)
             UNION ALL
             SELECT 'CREATE UNIQUE INDEX of_column ON ' || m.name || ' (' || (
                 SELECT group_concat(i.name, ', ') FROM pragma_index_info(l.name) i) || ')'
             FROM sqlite_master m, pragma_index_list(m.name) l
             WHERE m.type = 'table' AND l.origin = 'u'"
        }
        Backend::Postgres => {
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
        }
    };
    let found: Result<Vec<String>, db::Error> = db.read(move |tx| tx.all(query, &[])).await;
    found.unwrap().iter().map(|sql| Index::parse(sql)).collect()
}

/// Every set that is declared: with an address, given by operations, or reached from one of these.
fn declared() -> Vec<(Store, &'static EntitySet)> {
    let results = operations().filter_map(Op::result);
    let mut sets: Vec<(Store, &EntitySet)> = resources().map(|r| (r.store, r.set)).collect();
    sets.extend(results.map(|set| (Store::Main, set)));
    let mut at = 0;
    while let Some((store, set)) = sets.get(at).copied() {
        for target in set.navs.iter().map(|nav| (nav.target)()) {
            let is_known = |(_, known): &(Store, &EntitySet)| {
                (known.name, known.entity, known.table)
                    == (target.name, target.entity, target.table)
            };
            if !sets.iter().any(is_known) {
                sets.push((store, target));
            }
        }
        at += 1;
    }
    sets
}

/// The column of a property, as an index by which it is found or sorted has it; `None` where it is
/// computed.
fn column(set: &EntitySet, property: &str) -> Option<String> {
    let prop = set.prop(property).unwrap();
    let Source::Column(column) = prop.source else {
        return None;
    };
    Some(match prop.kind {
        Kind::String => format!("fold({column})"),
        _ => column.to_owned(),
    })
}

/// Types whose pages are sorted by no index, and why they may be.
const SORTED: &[(&str, &str)] = &[
    (
        "LibraryDto",
        "a feed has few versions, and people publish them",
    ),
    (
        "ProcessDto",
        "a feed has few versions, and people publish them",
    ),
];

/// Types whose key is computed from columns that are unique together, and the index that sees to it.
const COMPUTED: &[(&str, &str)] = &[
    ("LibraryDto", "packages_version"),
    ("ProcessDto", "packages_version"),
];

/// What a declaration says of its indexes, its order and what makes a row unique holds in both
/// databases. Of a set over a query only the indexes are looked at.
async fn every_declared_index_is_there(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let (mut wrong, mut unsorted, mut computed) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (store, migrations) in [(Store::Main, MIGRATIONS), (Store::Logs, LOG_MIGRATIONS)] {
        let database = (backend == Backend::Postgres).then(testkit::Database::create);
        let url = match &database {
            Some(database) => db::Url::Postgres(database.url.clone()),
            None => db::Url::Sqlite(folder.path().join(format!("{store:?}.db"))),
        };
        let db = db::Db::open(db::Options::new(url, "schema")).unwrap();
        db.migrate(migrations).unwrap();
        let known = indexes(&db, backend).await;
        db.close();
        for (_, set) in declared().into_iter().filter(|(of, _)| *of == store) {
            for index in set.indexes {
                let declared = Index::parse(index);
                if !known.iter().any(|known| known.is(&declared)) {
                    wrong.push(format!("{}: {index} is not in the database", set.name));
                }
            }
            let of_table = || known.iter().filter(|index| index.table == set.table);
            if of_table().next().is_none() {
                assert!(set.table.starts_with('('), "{}: no index", set.name);
                continue;
            }
            let order = set.order.trim_end_matches(" desc").trim_end_matches(" asc");
            let sorted = column(set, order);
            if !sorted.is_some_and(|column| of_table().any(|index| index.sorts_by(&column))) {
                unsorted.insert(set.entity);
            }
            match (set.tie, column(set, set.key)) {
                ([], None) => {
                    let mut by = COMPUTED.iter().filter(|(entity, _)| *entity == set.entity);
                    if by.any(|(_, name)| of_table().any(|i| i.unique && i.name == *name)) {
                        computed.insert(set.entity);
                    } else {
                        wrong.push(format!("{}: nothing keeps its key apart", set.entity));
                    }
                }
                ([], Some(key)) if of_table().any(|index| index.is_one(&[&key])) => {}
                (tie @ [_, ..], _) if of_table().any(|index| index.is_one(tie)) => {}
                (tie, key) => wrong.push(format!("{}: {key:?} {tie:?} is no row", set.entity)),
            }
            for nav in set.navs.iter().filter(|nav| nav.many) {
                let target = (nav.target)();
                let mut of_target = known.iter().filter(|index| index.table == target.table);
                let found = of_target.any(|index| index.columns[0] == nav.target_column);
                if !found && !target.table.starts_with('(') {
                    wrong.push(format!("{}/{}: no index leads there", set.name, nav.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let named = |list: &[(&'static str, &str)]| list.iter().map(|(entity, _)| *entity).collect();
    let (sorted, keyed): (BTreeSet<&str>, BTreeSet<&str>) = (named(SORTED), named(COMPUTED));
    assert_eq!(unsorted, sorted, "types whose pages are sorted by no index");
    assert_eq!(computed, keyed, "types whose key is computed");
}

async fn every_property_can_be_selected_filtered_and_sorted(backend: Backend) {
    let scene = scene(backend).await;
    let mut asked = 0;
    for resource in resources().filter(|r| r.list.is_some()) {
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
