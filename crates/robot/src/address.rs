//! The server's addresses, worked out once from the one URL the operator gives.
//!
//! Two forms exist: `{origin}/{organization}/{tenant}`, below which Orchestrator answers under
//! `orchestrator_`, and a bare `{origin}`, as stand-alone installations have it.

use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use reqwest::Url;

use crate::protocol::CommandData;

/// Everything but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Where a server listens. All members are without a trailing slash.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// `{origin}` or `{origin}/{organization}/{tenant}`.
    base: String,
    /// `{scheme}://{host}[:{port}]`
    origin: String,
    /// Below this, `/odata` and `/api` begin.
    orchestrator: String,
}

impl Address {
    /// Reads `{origin}` or `{origin}/{organization}/{tenant}`, with or without a slash or
    /// `orchestrator_` at the end. `Err` is a sentence for the operator.
    pub fn parse(url: &str) -> Result<Address, String> {
        let example = "Give it as https://host/organization/tenant or as https://host.";
        let parsed = Url::parse(url.trim())
            .map_err(|error| format!("{url:?} is not an address ({error}). {example}"))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(format!(
                "{url:?} is not an http or https address. {example}"
            ));
        }
        let origin = parsed.origin().ascii_serialization();
        let mut segments: Vec<&str> = parsed
            .path()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        if segments.last() == Some(&"orchestrator_") {
            segments.pop();
        }
        match segments.as_slice() {
            [] => Ok(Address {
                base: origin.clone(),
                orchestrator: origin.clone(),
                origin,
            }),
            [organization, tenant] => {
                let base = format!("{origin}/{organization}/{tenant}");
                Ok(Address {
                    orchestrator: format!("{base}/orchestrator_"),
                    base,
                    origin,
                })
            }
            _ => Err(format!(
                "{url:?} names neither a server nor a tenant. {example}"
            )),
        }
    }

    /// The operator's URL, for messages.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The address of a call of the robot protocol.
    pub fn robot_call(&self, name: &str) -> String {
        format!("{}/api/RobotsService/{name}", self.orchestrator)
    }

    /// The address log lines go to.
    pub fn logs(&self) -> String {
        format!("{}/api/Logs/SubmitLogs", self.orchestrator)
    }

    /// The token endpoint. It belongs to the server, not to a tenant.
    pub fn token(&self) -> String {
        format!("{}/identity_/connect/token", self.origin)
    }

    /// The download of a package `id:version`, from `feed` if the process does not use the tenant's.
    pub fn package(&self, package: &str, feed: Option<&str>) -> String {
        let key = package.replace('\'', "''");
        let mut url = format!(
            "{}/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='{}')",
            self.orchestrator,
            utf8_percent_encode(&key, ESCAPED)
        );
        if let Some(feed) = feed {
            url = format!("{url}?feedId={}", utf8_percent_encode(feed, ESCAPED));
        }
        url
    }

    /// What a job gets as `UIPATH_URL`. Clients append `/orchestrator_` to it, so it needs
    /// organization and tenant; for a bare origin the command's ids stand in.
    pub fn for_jobs(&self, job: &CommandData) -> String {
        match (&job.organization_id, &job.tenant_id) {
            (Some(organization), Some(tenant)) if self.base == self.origin => {
                format!("{}/{organization}/{tenant}", self.origin)
            }
            _ => self.base.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_address_leads_below_orchestrator() {
        for url in [
            "http://h:1/acme/Prod",
            "http://h:1/acme/Prod/",
            "http://h:1/acme/Prod/orchestrator_/",
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.base(), "http://h:1/acme/Prod");
            assert_eq!(
                address.robot_call("StartService"),
                "http://h:1/acme/Prod/orchestrator_/api/RobotsService/StartService"
            );
            assert_eq!(address.token(), "http://h:1/identity_/connect/token");
        }
    }

    #[test]
    fn a_bare_origin_is_the_root() {
        let address = Address::parse("https://robots.example").unwrap();
        assert_eq!(address.logs(), "https://robots.example/api/Logs/SubmitLogs");
    }

    #[test]
    fn package_keys_are_quoted_for_odata_and_escaped_for_the_url() {
        let address = Address::parse("http://h").unwrap();
        assert_eq!(
            address.package("it's:1.0+b", Some("a&b")),
            "http://h/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage\
             (key='it%27%27s:1.0%2Bb')?feedId=a%26b"
        );
    }

    #[test]
    fn what_is_no_server_is_refused_with_an_example() {
        for url in [
            "",
            "robots.example",
            "ftp://h",
            "http://h/only-one",
            "http://h/a/b/c",
        ] {
            let message = Address::parse(url).unwrap_err();
            assert!(
                message.contains("https://host/organization/tenant"),
                "{url}: {message}"
            );
        }
    }
}
