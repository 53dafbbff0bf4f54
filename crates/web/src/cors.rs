//! Which pages of other origins may call the server. Everybody may ask `/identity_` for a token, with
//! what proves who they are; `/odata` and `/api` answer pages of the origins that were configured.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Any, CorsLayer};

use crate::address::{self, Area};

/// How long a browser may remember what it was told.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// What answers to pages of other origins say.
pub struct Cors {
    identity: CorsLayer,
    api: CorsLayer,
}

/// An origin that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The origin '{0}' is none that a browser sends: write scheme and host, with the port if it has \
     one, such as https://app.example.com, or * for every origin."
)]
pub struct BadOrigin(String);

impl Cors {
    /// For pages of these origins; `*` is every one.
    ///
    /// # Errors
    /// [`BadOrigin`]
    pub fn new(origins: &[String]) -> Result<Self, BadOrigin> {
        let every = origins.iter().any(|origin| origin == "*");
        let mut allowed = Vec::new();
        for origin in origins.iter().filter(|origin| *origin != "*") {
            allowed.push(read(origin).ok_or_else(|| BadOrigin(origin.clone()))?);
        }
        let allowed = match every {
            true => Any.into(),
            false => AllowOrigin::list(allowed),
        };
        Ok(Self {
            identity: layer(Any.into()),
            api: layer(allowed),
        })
    }

    /// Answers a request; what a browser asks before it, too.
    pub async fn answer<F>(
        &self,
        request: Request<Body>,
        answer: impl Fn(Request<Body>) -> F + Clone,
    ) -> Response<Body>
    where
        F: Future<Output = Response<Body>>,
    {
        let (layer, api) = match address::parse(request.uri().path()).map(|address| address.area) {
            Some(Area::Identity) => (&self.identity, false),
            Some(Area::OData | Area::Api) => (&self.api, true),
            _ => return answer(request).await,
        };
        // Most requests come from no page, and need not pay for what only pages read; what is kept of the
        // answer is not for one.
        let of_a_page = request.headers().contains_key(header::ORIGIN);
        let asks = *request.method() == Method::OPTIONS;
        if !of_a_page && !asks && api {
            let mut response = answer(request).await;
            let by_origin = HeaderValue::from_static("origin");
            response.headers_mut().append(header::VARY, by_origin);
            return response;
        }
        let inner = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        match layer.layer(inner).oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// A token is sent in a header, which no wildcard covers, so that what is asked for is allowed.
fn layer(origins: AllowOrigin) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            header::CONTENT_DISPOSITION,
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("api-supported-versions"),
            HeaderName::from_static("odata-entityid"),
            HeaderName::from_static("odata-version"),
            HeaderName::from_static("preference-applied"),
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(REMEMBERED)
}

/// An origin as browsers write it: `https://host` or `https://host:port`.
fn read(origin: &str) -> Option<HeaderValue> {
    let uri: Uri = origin.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let written = format!("{scheme}://{authority}").to_ascii_lowercase();
    let web = scheme == "http" || scheme == "https";
    let whole = origin.trim_end_matches('/').to_ascii_lowercase() == written;
    let named = !authority.as_str().contains('@');
    HeaderValue::try_from(written)
        .ok()
        .filter(|_| web && whole && named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_and_host() {
        for (origin, read_as) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.com/", "https://app.example.com"),
            ("http://localhost:4200", "http://localhost:4200"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(read(origin).unwrap(), read_as);
        }
        for wrong in [
            "",
            "app.example.com",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "ftp://a",
            "null",
            "https://a,https://b",
            "https://*.example.com/x",
            "https://ä",
        ] {
            let given = [wrong.to_owned()];
            assert_eq!(
                Cors::new(&given).err(),
                Some(BadOrigin(wrong.into())),
                "{wrong}"
            );
        }
        assert!(Cors::new(&[]).is_ok());
        assert!(Cors::new(&["*".into(), "https://a".into()]).is_ok());
    }
}
