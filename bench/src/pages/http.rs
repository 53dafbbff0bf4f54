//! Pages over HTTP.

use std::net::SocketAddr;

use testkit::Scene;

use crate::Failure;
use crate::connection;
use crate::lean::Lean;
use crate::load;

/// One page on one server.
#[derive(Clone)]
pub struct Http {
    address: SocketAddr,
    request: Vec<u8>,
}

impl Http {
    /// The page of jobs that the application of the scene asks for in the folder `Shared`.
    pub fn page(scene: &Scene, path: &str) -> Result<Self, Failure> {
        let (token, folder) = (scene.app.token(), scene.folder);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             x-uipath-organizationunitid: {folder}\r\n\r\n"
        );
        Ok(Self {
            address: connection::address(&scene.server.url)?,
            request: request.into_bytes(),
        })
    }
}

impl load::Source for Http {
    type Caller = Caller;

    async fn open(&self) -> Result<Caller, Failure> {
        Ok(Caller {
            connection: Lean::open(self.address).await?,
            request: self.request.clone(),
        })
    }
}

/// A connection that asks for its page.
pub struct Caller {
    connection: Lean,
    request: Vec<u8>,
}

impl load::Caller for Caller {
    /// Bytes of the page.
    type Turn = usize;

    async fn turn(&mut self) -> Result<usize, Failure> {
        let answer = self.connection.exchange(&self.request).await?;
        Ok(answer.expect(200)?.length)
    }
}
