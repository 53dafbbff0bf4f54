//! What an operator sees at the first start, once.

use std::fmt::Write;
use std::net::SocketAddr;

use web::App;

/// The first-run banner; the password is in it only if it was generated here.
pub fn first_run(app: &App, listen: SocketAddr) -> String {
    let mut out = String::new();
    let url = app
        .config
        .public_url
        .clone()
        .unwrap_or_else(|| match &app.config.door.tls {
            Some(_) => format!("https://{listen}"),
            None => format!("http://{listen}"),
        });
    let data = std::fs::canonicalize(&app.config.data).unwrap_or_else(|_| app.config.data.clone());
    let database = match &app.config.database {
        Some(_) => "PostgreSQL (durable as its synchronous_commit says)",
        None => "embedded SQLite (WAL, synchronous=FULL: an answer means it is on disk)",
    };
    let _ = writeln!(out, "Baton {}", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(out, "Independent project, not affiliated with UiPath.\n");
    let _ = writeln!(out, "  URL        {url}");
    let _ = writeln!(out, "  Data       {}", data.display());
    let _ = writeln!(out, "  Database   {database}");
    let Some(first) = &app.first else { return out };
    let _ = writeln!(out, "  Tenant     default/DefaultTenant");
    if first.generated {
        let _ = writeln!(
            out,
            "  Admin      admin / {}   (shown once)",
            first.password
        );
    } else {
        let _ = writeln!(
            out,
            "  Admin      admin / the password from BATON_ADMIN_PASSWORD"
        );
    }
    let _ = writeln!(
        out,
        "  Robot      baton robot --url {url}/default/DefaultTenant --machine-key {}",
        first.machine_key
    );
    let data = data.display();
    let _ = writeln!(
        out,
        "  Scripts    baton app create --data {data} NAME --scope OR.Jobs   (client id and secret)"
    );
    out
}
