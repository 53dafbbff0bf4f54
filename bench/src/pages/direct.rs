//! The baselines: the same page without HTTP, and the statements of the page without JSON.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use db::{Db, Options, Sql, Url};
use odata::{Folders, Query, Scope, Shape, Timestamp};
use orchestrator::jobs::Job;

use crate::Failure;
use crate::load;

/// Where pages are read from.
#[derive(Clone)]
pub struct Place {
    /// The store, with lanes and connections as the server has them.
    pub db: Db,
    /// Whose jobs.
    pub tenant: i64,
    /// Which jobs.
    pub folder: i64,
}

impl Place {
    /// Opens the database of a server: PostgreSQL by its URL, or else a file.
    pub async fn open(url: Option<&str>, file: &Path, folder: i64) -> Result<Self, Failure> {
        let url = match url {
            Some(url) => Url::Postgres(url.to_owned()),
            None => Url::Sqlite(file.to_owned()),
        };
        let db = Db::open(Options::new(url, "main"))?;
        let find = "SELECT tenant_id FROM folders WHERE id = $1";
        let tenant = db.read(move |tx| tx.row(find, &[folder.into()])).await?;
        let tenant = tenant.ok_or("The folder does not exist.")?.get(0)?;
        Ok(Self { db, tenant, folder })
    }

    /// Ends the lanes, so that the file can be opened by others.
    pub async fn close(self) -> Result<(), Failure> {
        Ok(tokio::task::spawn_blocking(move || self.db.close()).await?)
    }

    /// The page itself.
    pub fn page(&self, query: &str) -> Result<Page, Failure> {
        let query = Arc::new(Query::parse(&Job::SET, query)?);
        let place = self.clone();
        Ok(Page { place, query })
    }

    /// What the page costs the database.
    pub async fn statements(&self, query: &str) -> Result<Statements, Failure> {
        let page = self.page(query)?;
        let read = move |tx: &mut db::Tx<'_>| {
            let (written, statements) = tx.recorded(|tx| page.read(tx));
            written.map(|_| statements)
        };
        let statements: Result<Vec<Sql>, odata::Error> = self.db.read(read).await;
        Ok(Statements {
            db: self.db.clone(),
            statements: Arc::new(statements?),
        })
    }
}

/// A page that is read and written as JSON.
#[derive(Clone)]
pub struct Page {
    place: Place,
    query: Arc<Query>,
}

impl Page {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement lives in the system's time"
    )]
    fn read(&self, tx: &mut db::Tx<'_>) -> Result<Vec<u8>, odata::Error> {
        let scope = Scope {
            tenant: self.place.tenant,
            folders: Folders::One(self.place.folder),
            now: Timestamp::now(),
            vars: &[],
            restrict: None,
        };
        let shape = Shape {
            base: "http://localhost/odata",
            count: true,
            ..Shape::default()
        };
        let mut out = Vec::with_capacity(4096);
        odata::read_page(tx, &Job::SET, &self.query, &scope, &shape, &mut out)?;
        Ok(out)
    }
}

impl load::Source for Page {
    type Caller = Self;

    async fn open(&self) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl load::Caller for Page {
    /// Bytes of the page.
    type Turn = usize;

    async fn turn(&mut self) -> Result<usize, Failure> {
        let page = self.clone();
        // The page crosses the threads, as it does on its way to a connection.
        let written: Vec<u8> = self.place.db.read(move |tx| page.read(tx)).await?;
        Ok(written.len())
    }
}

/// The statements of a page, whose cells are read and thrown away.
#[derive(Clone)]
pub struct Statements {
    db: Db,
    statements: Arc<Vec<Sql>>,
}

impl load::Source for Statements {
    type Caller = Self;

    async fn open(&self) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl load::Caller for Statements {
    type Turn = usize;

    async fn turn(&mut self) -> Result<usize, Failure> {
        let statements = Arc::clone(&self.statements);
        let read = move |tx: &mut db::Tx<'_>| {
            for Sql { text, params } in &*statements {
                tx.each::<db::Error>(text, params, &mut |cells| {
                    for cell in 0..cells.len() {
                        black_box(cells.get(cell));
                    }
                    Ok(())
                })?;
            }
            Ok::<_, db::Error>(())
        };
        self.db.read(read).await?;
        Ok(0)
    }
}
