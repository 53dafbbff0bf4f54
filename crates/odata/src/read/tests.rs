//! The statements themselves: what they leave out, and that indexes serve them.

use db::{Db, Dialect, Migration, Options, Url};

use super::*;
use crate::edm::Entity;
use crate::keyset::Token;
use crate::pages::{page_statement, part_statement};
use crate::{Guid, One};

/// A job.
#[odata::entity(set = "Jobs", name = "JobDto", table = "jobs", key = "Id", scope = folder, order = "Id desc")]
struct Job {
    id: i64,
    key: Guid,
    state: i32,
    created: Timestamp,
    #[edm(column = "order")]
    place: i32,
    #[edm(sql = "{robot_id->robots}.name")]
    robot_name: Option<String>,
    #[edm(nav, column = "robot_id")]
    robot: One<Robot>,
    #[edm(nav, column = "group")]
    release: One<Robot>,
}

/// A robot.
#[odata::entity(set = "Robots", name = "RobotDto", table = "robots", key = "Id", scope = tenant)]
struct Robot {
    id: i64,
    name: String,
}

const INIT: Migration = Migration {
    version: 1,
    name: "init",
    sql: "
CREATE TABLE robots (id {id}, tenant_id BIGINT NOT NULL, name {text} NOT NULL);
CREATE UNIQUE INDEX robots_name ON robots (tenant_id, fold(name));
CREATE TABLE jobs (id {id}, tenant_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, key {text} NOT NULL,
  state INTEGER NOT NULL, created BIGINT NOT NULL, \"order\" INTEGER NOT NULL, robot_id BIGINT,
  \"group\" BIGINT);
CREATE INDEX jobs_state ON jobs (tenant_id, folder_id, state, id);
CREATE INDEX jobs_created ON jobs (tenant_id, folder_id, created, id);
CREATE INDEX jobs_robot ON jobs (robot_id, tenant_id, folder_id, id);
",
};

const SCOPE: Scope<'static> = Scope {
    tenant: 1,
    folders: Folders::One(2),
    now: Timestamp(0),
    vars: &[],
    restrict: None,
};

/// The statements of a page and of its count.
fn statements<'a>(builders: &mut [Builder<'a>; 2], query: &str) -> [String; 2] {
    let query = Query::parse(Job::set(), query).unwrap();
    let shape = Shape::default();
    let mut block = Block::new(Job::set(), &query, &shape, Visible::List);
    let [page, count] = builders;
    [
        page_statement(page, &mut block, Job::set(), &query, &mut Page::single(10)).unwrap(),
        count_statement(count, Job::set(), &query, &SCOPE).unwrap(),
    ]
}

#[test]
fn a_count_sorts_and_joins_nothing_that_it_does_not_need() {
    let count = |query: &str| {
        let mut builders = [(); 2].map(|()| Builder::new(Dialect::Sqlite, &SCOPE));
        let [_, count] = statements(&mut builders, query);
        count.replace('"', "")
    };
    let own = "t0.tenant_id = CAST($1 AS BIGINT) AND t0.folder_id = CAST($2 AS BIGINT)";
    assert_eq!(
        count("$filter=State eq 5&$orderby=Robot/Name,Created&$expand=Robot,Release&$top=1"),
        format!("SELECT COUNT(*) FROM jobs t0 WHERE {own} AND (t0.state = CAST($3 AS BIGINT))")
    );
    let joined = count("$filter=Robot/Name ne 'x'&$orderby=Release/Name");
    let expected = " FROM jobs t0 LEFT JOIN robots t1 ON t1.id = t0.robot_id AND";
    assert!(joined.contains(expected), "{joined}");
    assert_eq!(joined.matches("JOIN").count(), 1, "{joined}");
}

#[test]
fn what_is_skipped_is_not_looked_up() {
    let page = |query: &str| {
        let mut builders = [(); 2].map(|()| Builder::new(Dialect::Sqlite, &SCOPE));
        let [page, _] = statements(&mut builders, query);
        page.replace('"', "")
    };
    let joined = "LEFT JOIN robots t1 ON t1.id = t0.robot_id";
    let near = page("$select=RobotName&$skip=10");
    let expected = format!("SELECT t1.name FROM jobs t0 {joined} WHERE ");
    assert!(near.starts_with(&expected), "{near}");
    let deep = page("$select=RobotName&$skip=11&$orderby=State desc");
    // Found by what an index holds.
    let expected = "SELECT t1.name FROM (SELECT t0.id AS odata_key, t0.state AS odata_0, \
        t0.id AS odata_1 FROM jobs t0 WHERE ";
    assert!(deep.starts_with(expected), "{deep}");
    let expected = format!(
        " ORDER BY t0.state DESC, t0.id DESC LIMIT CAST($3 AS BIGINT) OFFSET CAST($4 AS BIGINT)) \
         odata_found JOIN jobs t0 ON t0.id = odata_key AND t0.tenant_id = CAST($1 AS BIGINT) {joined} \
         ORDER BY odata_0 DESC, odata_1 DESC"
    );
    assert!(deep.ends_with(&expected), "{deep}");
    // Sorted by what is looked up, it is joined for all, and again for the page.
    let sorted = page("$select=RobotName&$skip=11&$orderby=RobotName");
    assert_eq!(sorted.matches("LEFT JOIN robots").count(), 2, "{sorted}");
}

/// Jobs that an index finds by their folder.
static BY_FOLDER: EntitySet = EntitySet {
    indexes: &["jobs_state(folder_id, state, id)"],
    ..Job::SET
};

#[test]
fn what_is_skipped_in_a_folder_is_in_one_tenant() {
    let page = |folders: Folders| {
        let scope = Scope { folders, ..SCOPE };
        let query = Query::parse(&BY_FOLDER, "$skip=11&$select=State").unwrap();
        let shape = Shape::default();
        let mut block = Block::new(&BY_FOLDER, &query, &shape, Visible::List);
        let mut builder = Builder::new(Dialect::Sqlite, &scope);
        let page = &mut Page::single(10);
        let sql = page_statement(&mut builder, &mut block, &BY_FOLDER, &query, page).unwrap();
        let (inner, outer) = sql.split_once(" odata_found JOIN ").unwrap();
        [inner, outer].map(|part| part.contains("tenant_id"))
    };
    // What is shown is looked at in any case.
    assert_eq!(page(Folders::One(2)), [false, true]);
    assert_eq!(page(Folders::Some(vec![2, 3])), [true, true]);
    assert_eq!(page(Folders::All), [true, true]);
}

/// Jobs of which there is one for each of several folders.
static IN_FOLDERS: EntitySet = EntitySet {
    tie: &["id", "folder_id"],
    ..Job::SET
};

#[test]
fn every_order_ends_in_what_makes_a_row_unique() {
    let order = |set, asked: &str| {
        let query = Query::parse(set, asked).unwrap();
        let mut builder = Builder::new(Dialect::Postgres, &SCOPE);
        let terms = order_terms(&mut builder, set, &query.order).unwrap();
        order_list(&terms).replace('"', "")
    };
    assert_eq!(order(&Job::SET, ""), "t0.id DESC");
    assert_eq!(order(&Job::SET, "$orderby=State"), "t0.state, t0.id");
    assert_eq!(order(&IN_FOLDERS, ""), "t0.id DESC, t0.folder_id DESC");
    assert_eq!(
        order(&IN_FOLDERS, "$orderby=State,Id desc,Key"),
        "t0.state, t0.id DESC, t0.key, t0.folder_id"
    );
    let first = |set| {
        let mut builder = Builder::new(Dialect::Postgres, &SCOPE);
        first_of_key(&mut builder, set).unwrap().replace('"', "")
    };
    assert_eq!(first(&Job::SET), "");
    assert_eq!(first(&IN_FOLDERS), " ORDER BY t0.id, t0.folder_id");
}

#[test]
fn only_rows_with_a_target_are_joined_where_no_other_can_be_found() {
    let inner = |filter: &str| {
        let mut builders = [(); 2].map(|()| Builder::new(Dialect::Sqlite, &SCOPE));
        let [_, count] = statements(&mut builders, &format!("$filter={filter}"));
        (
            count.matches(" JOIN ").count(),
            count.matches(" LEFT JOIN ").count(),
        )
    };
    assert_eq!(inner("Robot/Name eq 'x'"), (1, 0));
    assert_eq!(inner("Id gt 1 and 'x' eq tolower(Robot/Name)"), (1, 0));
    assert_eq!(inner("Robot/Name in ('x','y')"), (1, 0));
    assert_eq!(inner("Robot/Name eq 'x' or Robot/Id add 1 eq 5"), (1, 0));
    for filter in [
        "Robot/Name eq 'x' or Id eq 1",
        "Robot/Name in ('x',null)",
        "Robot/Name eq null",
        "Robot/Name ne 'x'",
        "not (Robot/Name eq 'x')",
        "(Robot/Name eq 'x') eq false",
    ] {
        assert_eq!(inner(filter), (1, 1), "{filter}");
    }
    assert_eq!(inner("Robot/Name eq Release/Name"), (2, 2));
}

/// A database with the tables.
fn tables() -> (Db, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = Url::Sqlite(folder.path().join("test.db"));
    let db = Db::open(Options::new(url, "test")).unwrap();
    db.migrate(&[INIT]).unwrap();
    (db, folder)
}

/// What SQLite says it does for a statement.
fn plan(tx: &mut Tx<'_>, sql: &str, builder: &Builder<'_>) -> Result<String> {
    let rows = tx.rows(&format!("EXPLAIN QUERY PLAN {sql}"), &builder.params)?;
    let steps: db::Result<Vec<String>> = rows.iter().map(|row| row.get("detail")).collect();
    Ok(steps?.join("; "))
}

/// What SQLite says it does for the page and for the count.
fn plans(query: &'static str) -> [String; 2] {
    let (db, _folder) = tables();
    let plans = db.read_blocking(move |tx| -> Result<_> {
        let mut builders = [(); 2].map(|()| Builder::new(tx.dialect(), &SCOPE));
        let [page, count] = statements(&mut builders, query);
        let [of_page, of_count] = &builders;
        Ok([plan(tx, &page, of_page)?, plan(tx, &count, of_count)?])
    });
    plans.unwrap()
}

/// What SQLite says it does for each part of a page that begins behind these values.
fn plans_behind(query: &'static str, values: &'static [i64]) -> Vec<String> {
    let (db, _folder) = tables();
    let plans = db.read_blocking(move |tx| -> Result<_> {
        let query = Query::parse(Job::set(), query)?;
        let token = Token {
            query: 0,
            size: 10,
            left: None,
            now: None,
            values: values.iter().copied().map(Value::Int).collect(),
        };
        let mut builder = Builder::new(tx.dialect(), &SCOPE);
        let terms = order_terms(&mut builder, Job::set(), &query.order)?;
        let mut plans = Vec::new();
        for part in keyset::parts(&terms, &token.values, tx.dialect())? {
            let mut builder = Builder::new(tx.dialect(), &SCOPE);
            let shape = Shape::default();
            let mut block = Block::new(Job::set(), &query, &shape, Visible::List);
            let (part, page) = ((&token, part), &mut Page::single(10));
            let sql = part_statement(&mut builder, &mut block, Job::set(), &query, part, page)?;
            plans.push(plan(tx, &sql, &builder)?);
        }
        Ok(plans)
    });
    plans.unwrap()
}

#[test]
fn an_index_finds_what_is_behind_a_token() {
    let scope = "tenant_id=? AND folder_id=?";
    for (query, values, expected) in [
        (
            "$filter=State eq 5&$orderby=Id",
            &[5][..],
            &["jobs_state (SCOPE AND state=? AND id>?)"][..],
        ),
        (
            "$orderby=Created desc&$expand=Robot",
            &[7, 5],
            &[
                "jobs_created (SCOPE AND created=? AND id<?)",
                "jobs_created (SCOPE AND created<?)",
            ],
        ),
        (
            "$orderby=State,Id desc",
            &[7, 5],
            &[
                "jobs_state (SCOPE AND state=? AND id<?)",
                "jobs_state (SCOPE AND state>?)",
            ],
        ),
    ] {
        let plans = plans_behind(query, values);
        assert_eq!(plans.len(), expected.len(), "{query}: {plans:#?}");
        for (plan, expected) in plans.iter().zip(expected) {
            let expected = expected.replace("SCOPE", scope);
            assert!(plan.contains(&expected), "{query}: {plan}");
        }
        assert!(!plans[0].contains("TEMP B-TREE"), "{query}: {plans:#?}");
    }
}

#[test]
fn an_index_finds_sorts_and_counts() {
    for query in [
        "$filter=State eq 5&$expand=Robot,Release",
        "$filter=State eq 5&$orderby=Id",
        "$orderby=Created desc&$expand=Robot",
        "$filter=Created gt 2018-01-01&$orderby=Created",
        "$filter=Created ge 2018-01-01 and Created lt 2018-02-01&$orderby=Created desc",
    ] {
        let [page, count] = plans(query);
        assert!(
            page.starts_with("SEARCH t0 USING INDEX jobs_"),
            "{query}: {page}"
        );
        assert!(!page.contains("TEMP B-TREE"), "{query}: {page}");
        assert!(
            count.starts_with("SEARCH t0 USING COVERING INDEX jobs_"),
            "{query}: {count}"
        );
    }
}

#[test]
fn a_path_is_searched_from_its_end() {
    for query in [
        "$filter=Robot/Id eq 7",
        "$filter=Robot/Name eq 'x' and Robot/Id eq 7",
        "$filter=Robot/Name eq 'x'",
    ] {
        let [_, count] = plans(query);
        assert!(count.contains("SEARCH t1 USING"), "{query}: {count}");
        assert!(
            count.contains("SEARCH t0 USING COVERING INDEX jobs_robot"),
            "{query}: {count}"
        );
    }
}

#[test]
fn columns_and_keys_may_be_words_of_sql() {
    let [page, _] =
        plans("$filter=Place gt 1 and Release/Name eq 'x'&$orderby=Place&$expand=Release");
    assert!(page.contains("t0"), "{page}");
}

/// A note, which is not found by all that it shows.
#[odata::entity(set = "Notes", name = "NoteDto", table = "jobs", key = "Id", scope = none)]
struct Note {
    #[edm(
        sql = "('secret ' || {t}.key)",
        filter_sql = "(CASE WHEN {t}.state = 1 THEN {t}.key END)"
    )]
    text: Option<String>,
    #[edm(column = "order", asked)]
    place: i64,
    id: i64,
}

#[test]
fn a_filter_may_look_at_less_than_is_shown() {
    let query = "$filter=contains(Text,'x')&$orderby=Text&$select=Text";
    let query = Query::parse(Note::set(), query).unwrap();
    let shape = Shape::default();
    let mut block = Block::new(Note::set(), &query, &shape, Visible::List);
    let mut builder = Builder::new(Dialect::Sqlite, &SCOPE);
    let page = page_statement(
        &mut builder,
        &mut block,
        Note::set(),
        &query,
        &mut Page::single(10),
    )
    .unwrap();
    let (shown, looked_at) = page.split_once(" WHERE ").unwrap();
    assert_eq!(shown, "SELECT ('secret ' || t0.key) FROM jobs t0");
    assert_eq!(
        looked_at.matches("CASE WHEN t0.state = 1").count(),
        2,
        "{page}"
    );
    assert!(!looked_at.contains("secret"), "{page}");
}

#[test]
fn keys_are_those_that_a_filter_finds() {
    let folder = tempfile::tempdir().unwrap();
    let url = Url::Sqlite(folder.path().join("test.db"));
    let db = Db::open(Options::new(url, "test")).unwrap();
    db.migrate(&[INIT]).unwrap();
    let keys = |query: &'static str, most: u32| {
        let keys = db.write_blocking(move |tx| -> Result<_> {
            for id in [7, 3, 5, 9] {
                tx.exec(
                    "INSERT INTO jobs (id, tenant_id, folder_id, key, state, created, \"order\")
                     VALUES ($1, $2, 2, 'k', $3, 0, 0) ON CONFLICT DO NOTHING",
                    &[id.into(), i64::from(id != 9).into(), (id / 5).into()],
                )?;
            }
            let query = Query::parse(Job::set(), query)?;
            read_keys(tx, Job::set(), &query, &SCOPE, most)
        });
        keys.unwrap()
    };
    assert_eq!(keys("", 10), [3, 5, 7], "none of another tenant");
    assert_eq!(keys("", 2), [3, 5]);
    assert_eq!(keys("$orderby=Id desc", 2), [7, 5]);
    assert_eq!(keys("$orderby=State desc,Id", 10), [5, 7, 3]);
    assert_eq!(keys("$filter=State eq 1", 10), [5, 7]);
    assert_eq!(keys("$filter=State eq 4", 10), [0; 0]);
}

#[test]
fn what_is_shown_when_asked_for_is_found_all_the_same() {
    let page = |query: &str| {
        let query = Query::parse(Note::set(), query).unwrap();
        let shape = Shape::default();
        let mut block = Block::new(Note::set(), &query, &shape, Visible::List);
        let mut builder = Builder::new(Dialect::Sqlite, &SCOPE);
        page_statement(
            &mut builder,
            &mut block,
            Note::set(),
            &query,
            &mut Page::single(10),
        )
        .unwrap()
    };
    let hidden = page("$filter=Place eq 1&$orderby=Place");
    assert!(
        hidden.starts_with("SELECT ('secret ' || t0.key), t0.\"id\" FROM"),
        "{hidden}"
    );
    assert!(
        hidden.contains("t0.\"order\" = CAST($1 AS BIGINT)"),
        "{hidden}"
    );
    let asked = page("$select=Place");
    assert!(asked.starts_with("SELECT t0.\"order\" FROM"), "{asked}");
    let set: &[_] = &[Note::set()];
    let model = crate::metadata::Model {
        sets: set,
        ops: &[],
        results: &[],
        types: &[],
    };
    for document in [
        crate::metadata::csdl_xml(&model),
        crate::metadata::csdl_json(&model),
    ] {
        assert!(
            document.contains("Text") && !document.contains("Place"),
            "{document}"
        );
    }
}
