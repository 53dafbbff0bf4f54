//! The SQL itself, where its form matters: parameters, joins, indexes, and whose text it holds.
//! What it finds is tested with databases.

use super::*;
use crate::edm::{Entity, EntitySet};
use crate::{Aliases, Folders, Guid, Many, One, Scope, Timestamp, bind, parse, syntax};

/// A job.
#[odata::entity(set = "Jobs", name = "JobDto", table = "jobs", key = "Id", scope = folder)]
struct Job {
    id: i64,
    key: Guid,
    info: Option<String>,
    name: String,
    at: Option<Timestamp>,
    #[edm(sql = "({now} > {t}.at AND {now} > 0 AND {mark} <> '{}')")]
    late: bool,
    #[edm(sql = "{robot_id->robots.owner_id->users}.name")]
    owner: Option<String>,
    #[edm(sql = "({robot_id->robots}.type = 2)")]
    unattended: Option<bool>,
    #[edm(nav, column = "robot_id")]
    robot: One<Robot>,
}

/// A robot.
#[odata::entity(set = "Robots", name = "RobotDto", table = "robots", key = "Id", scope = tenant)]
struct Robot {
    id: i64,
    name: String,
    #[edm(json = "true")]
    able: bool,
    #[edm(nav, column = "id", target_column = "robot_id")]
    jobs: Many<Job>,
}

fn expression(filter: &str) -> syntax::Expr {
    parse::expression(filter, &mut parse::Shared::new(&Aliases::default())).unwrap()
}

/// The condition and the joins of a filter, and its parameters.
fn sql(dialect: Dialect, filter: &str) -> (String, Vec<Value>) {
    let set: &'static EntitySet = Job::set();
    let vars = [("mark", Value::from("m"))];
    let scope = Scope {
        tenant: 1,
        folders: Folders::One(2),
        now: Timestamp(3),
        vars: &vars,
        restrict: None,
    };
    let expr = bind::condition(set, &expression(filter)).unwrap();
    let mut builder = Builder::new(dialect, &scope);
    let condition = builder.condition(&expr).unwrap();
    let from = builder.from(set).unwrap();
    (format!("{from} WHERE {condition}"), builder.params)
}

/// The quotes around columns are left out, for the sake of the reader.
#[track_caller]
fn same(filter: &str, expected: &str) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        assert_eq!(
            sql(dialect, filter).0.replace('"', ""),
            format!(" FROM jobs t0{expected}"),
            "{filter}"
        );
    }
}

#[test]
fn a_comparison_can_use_an_index() {
    same("Id eq 5", " WHERE (t0.id = CAST($1 AS BIGINT))");
    same(
        "Name eq 'A'",
        " WHERE (fold(t0.name) = fold(CAST($1 AS TEXT)))",
    );
    same(
        "Info eq 'A'",
        " WHERE (fold(t0.info) = fold(CAST($1 AS TEXT)))",
    );
    same("At gt 2018-01-01", " WHERE (t0.at > CAST($1 AS BIGINT))");
    same(
        "At gt now() sub duration'PT1S'",
        " WHERE (t0.at > CAST($1 AS BIGINT))",
    );
    let (_, params) = sql(Dialect::Sqlite, "At gt now() sub duration'PT0.000001S'");
    assert_eq!(params, [Value::Int(3 - 10)]);
    same("Info eq null", " WHERE (t0.info IS NULL)");
    same("Id in (1)", " WHERE (t0.id IN (CAST($1 AS BIGINT)))");
}

#[test]
fn null_is_thought_of_only_where_it_can_occur() {
    same("Id ne 5", " WHERE (t0.id <> CAST($1 AS BIGINT))");
    same(
        "Info ne 'A'",
        " WHERE (fold(t0.info) IS DISTINCT FROM fold(CAST($1 AS TEXT)))",
    );
    same(
        "Info eq Info",
        " WHERE (fold(t0.info) IS NOT DISTINCT FROM fold(t0.info))",
    );
    same(
        "not (Id eq 5)",
        " WHERE (NOT COALESCE((t0.id = CAST($1 AS BIGINT)), FALSE))",
    );
}

#[test]
fn lists_are_padded_to_few_lengths() {
    let (text, params) = sql(Dialect::Sqlite, "Id in (1,2,3)");
    assert!(text.contains("$3") && !text.contains("$4"), "{text}");
    assert_eq!(text.matches("CAST").count(), 4, "{text}");
    assert_eq!(params.len(), 3);
}

#[test]
fn a_path_is_one_join_within_the_tenant() {
    same(
        "Robot/Name eq 'a' or Robot/Id eq 1",
        " LEFT JOIN robots t1 ON t1.id = t0.robot_id AND t1.tenant_id = CAST($1 AS BIGINT) WHERE \
         ((fold(t1.name) = fold(CAST($2 AS TEXT))) OR (t1.id = CAST($3 AS BIGINT)))",
    );
    same(
        "Robot/Jobs/any(j: j/Robot/Id eq 1)",
        " LEFT JOIN robots t1 ON t1.id = t0.robot_id AND t1.tenant_id = CAST($1 AS BIGINT) WHERE \
         (EXISTS (SELECT 1 FROM jobs t2 LEFT JOIN robots t3 ON t3.id = t2.robot_id AND \
         t3.tenant_id = CAST($1 AS BIGINT) WHERE t2.robot_id = t1.id AND \
         t2.tenant_id = CAST($1 AS BIGINT) AND (t3.id = CAST($2 AS BIGINT))))",
    );
}

#[test]
fn rows_that_declarations_look_up_are_joined_once_where_they_are_needed() {
    same(
        "Owner eq 'a' and Unattended and Owner ne 'b'",
        " LEFT JOIN robots t1 ON t1.id = t0.robot_id LEFT JOIN users t2 ON t2.id = t1.owner_id \
         WHERE (((fold(t2.name) = fold(CAST($1 AS TEXT))) AND (t1.type = 2)) AND \
         (fold(t2.name) IS DISTINCT FROM fold(CAST($2 AS TEXT))))",
    );
    same(
        "Robot/Jobs/any(j: j/Unattended and Unattended)",
        " LEFT JOIN robots t1 ON t1.id = t0.robot_id AND t1.tenant_id = CAST($1 AS BIGINT) \
         LEFT JOIN robots t4 ON t4.id = t0.robot_id WHERE \
         (EXISTS (SELECT 1 FROM jobs t2 LEFT JOIN robots t3 ON t3.id = t2.robot_id WHERE \
         t2.robot_id = t1.id AND t2.tenant_id = CAST($1 AS BIGINT) AND \
         ((t3.type = 2) AND (t4.type = 2))))",
    );
}

#[test]
fn nothing_is_constant_where_a_path_leads_nowhere() {
    let join = " LEFT JOIN robots t1 ON t1.id = t0.robot_id AND t1.tenant_id = CAST($1 AS BIGINT)";
    same(
        "Robot/Able ne null",
        &format!(
            "{join} WHERE ((CASE WHEN t1.id IS NOT NULL THEN CAST($2 AS BOOLEAN) END) IS NOT NULL)"
        ),
    );
    same(
        "Robot/Name ne null",
        &format!("{join} WHERE (t1.name IS NOT NULL)"),
    );
}

#[test]
fn columns_may_be_words_of_sql() {
    let (text, _) = sql(Dialect::Postgres, "Robot/Id eq 1");
    assert!(text.contains("t1.\"id\" = t0.\"robot_id\""), "{text}");
}

#[test]
fn variables_are_bound_once_and_other_braces_stay() {
    let (text, params) = sql(Dialect::Sqlite, "Late and Late");
    let late =
        "(CAST($1 AS BIGINT) > t0.at AND CAST($1 AS BIGINT) > 0 AND CAST($2 AS TEXT) <> '{}')";
    assert_eq!(text, format!(" FROM jobs t0 WHERE ({late} AND {late})"));
    assert_eq!(params, [Value::Int(3), Value::from("m")]);
}

#[test]
fn no_text_of_the_caller_is_in_the_statement() {
    for filter in [
        "Name eq 'zq9'",
        "contains(Info,'zq9') and startswith(concat(Name,'zq9'),'zq9')",
        "Name in ('zq9','zq9''; DROP TABLE jobs')",
        "Robot/Jobs/any(zq9: zq9/Name eq 'zq9' and zq9/Robot/Jobs/all(zq9b: zq9b/Id eq zq9/Id))",
        "NAME eq Name and rObOt/nAmE eq 'zq9'",
    ] {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let (text, _) = sql(dialect, filter);
            let foreign = ["zq9", "NAME", "rObOt", "nAmE", "DROP"];
            assert!(foreign.iter().all(|part| !text.contains(part)), "{text}");
        }
    }
}
