//! Reads a page of a small database: `cargo run -p baton-odata --example page -- '$top=1'`.

#![expect(clippy::print_stdout, reason = "an example shows something")]

mod pets;

use db::{Db, Migration, Options, Url};
use odata::{Folders, Query, Scope, Shape, Timestamp};
use pets::Pet;

const INIT: Migration = Migration {
    version: 1,
    name: "init",
    sql: "
CREATE TABLE people (id {id}, tenant_id BIGINT NOT NULL, name {text} NOT NULL);
CREATE TABLE pets (id {id}, tenant_id BIGINT NOT NULL, name {text} NOT NULL,
  species INTEGER NOT NULL, born BIGINT, owner_id BIGINT);
INSERT INTO people VALUES (1, 1, 'Ann'), (2, 1, 'Bob'), (3, 2, 'of another tenant');
INSERT INTO pets VALUES (1, 1, 'Tom', 0, 15160402827900000, 1), (2, 1, 'Rex', 1, NULL, 2),
  (3, 1, 'Stray', 0, NULL, NULL), (4, 2, 'Hidden', 0, NULL, 3);
",
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let default =
        "$filter=Species eq 'Cat' or Owner/Name eq 'bob'&$expand=Owner&$orderby=Name desc";
    let asked = std::env::args()
        .nth(1)
        .unwrap_or_else(|| default.to_owned());
    let query = Query::parse(&Pet::SET, &asked)?;

    let folder = tempfile::tempdir()?;
    let db = Db::open(Options::new(
        Url::Sqlite(folder.path().join("pets.db")),
        "pets",
    ))?;
    db.migrate(&[INIT])?;
    let page = db.read_blocking(move |tx| -> odata::Result<Vec<u8>> {
        let scope = Scope {
            tenant: 1,
            folders: Folders::All,
            now: Timestamp::from_millis(0),
            vars: &[],
            restrict: None,
        };
        let shape = Shape {
            base: "http://localhost/odata",
            count: true,
            ..Shape::default()
        };
        let mut out = Vec::new();
        odata::read_page(tx, &Pet::SET, &query, &scope, &shape, &mut out)?;
        Ok(out)
    })?;
    println!("{}", String::from_utf8(page)?);
    Ok(())
}
