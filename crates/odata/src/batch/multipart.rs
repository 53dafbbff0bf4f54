//! The format of OData 4.0: `multipart/mixed` whose parts are requests, or changesets, which are
//! `multipart/mixed` again. Lines end in CRLF or LF.

use crate::{Guid, Result};

use super::{Answer, Batch, Format, Group, Limits, Part, Rendered, Request, Response};
use super::{header, header_text, invalid, too_long, too_many};

/// The headers of one part at most.
const MAX_HEADERS: usize = 64;

/// Reads the parts.
pub(super) fn parse(parameters: &str, body: &[u8], limits: Limits) -> Result<Batch> {
    let (mut groups, mut left) = (Vec::new(), limits.requests);
    for part in parts(body, &boundary(parameters)?, limits.requests)? {
        let part = read_part(part, limits)?;
        let (media, parameters) = media_type(header(&part.headers, "content-type").unwrap_or(""));
        let group = match media.as_str() {
            "application/http" => Group::Single(request(&part, limits)?),
            "multipart/mixed" => {
                let number = groups.len();
                Group::Atomic(changeset(parameters, part.body, number, limits)?)
            }
            _ => return Err(unexpected(&media)),
        };
        left = left
            .checked_sub(group.requests().len())
            .ok_or_else(|| too_many(limits))?;
        groups.push(group);
    }
    let format = Format::Multipart;
    Ok(Batch { format, groups })
}

fn changeset(parameters: &str, body: &[u8], number: usize, limits: Limits) -> Result<Vec<Request>> {
    let mut requests = Vec::new();
    for part in parts(body, &boundary(parameters)?, limits.requests)? {
        let part = read_part(part, limits)?;
        let (media, _) = media_type(header(&part.headers, "content-type").unwrap_or(""));
        if media != "application/http" {
            return Err(unexpected(&media));
        }
        let mut request = request(&part, limits)?;
        // No Content-ID starts with a blank, so that the names of groups are none of theirs.
        request.group = Some(format!(" changeset {number}"));
        requests.push(request);
    }
    Ok(requests)
}

fn unexpected(media: &str) -> crate::Error {
    let shown: String = media.chars().take(64).collect();
    invalid(format_args!(
        "the type of a part is application/http or, outside of a changeset, multipart/mixed, not \
         '{shown}'"
    ))
}

/// The media type in lower case, and what follows it.
pub(super) fn media_type(text: &str) -> (String, &str) {
    let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
    (media.trim().to_ascii_lowercase(), parameters)
}

/// The parameter `boundary`.
fn boundary(parameters: &str) -> Result<String> {
    for parameter in parameters.split(';') {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        if !name.trim().eq_ignore_ascii_case("boundary") {
            continue;
        }
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        let value = quoted.unwrap_or(value);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=? ".contains(c);
        if value.is_empty() || value.len() > 70 || !value.chars().all(allowed) {
            return Err(invalid(
                "the boundary is not 1 to 70 characters that are allowed in it",
            ));
        }
        return Ok(value.trim_end().to_owned());
    }
    Err(invalid("multipart/mixed has no boundary"))
}

/// What stands between the delimiters, at most so many.
fn parts<'a>(body: &'a [u8], boundary: &str, most: usize) -> Result<Vec<&'a [u8]>> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut start, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line_at = at;
        at += line.len();
        let Some(rest) = line.strip_prefix(delimiter.as_bytes()) else {
            continue;
        };
        let rest = rest.trim_ascii();
        if !rest.is_empty() && rest != b"--" {
            continue;
        }
        if let Some(start) = start {
            if parts.len() == most {
                return Err(invalid(format_args!("it has more than {most} parts")));
            }
            parts.push(without_line_end(&body[start..line_at]));
        }
        if rest == b"--" {
            return Ok(parts);
        }
        start = Some(at);
    }
    Err(invalid(format_args!(
        "it does not end with '{delimiter}--': it was cut off, or the boundary is another one"
    )))
}

/// The end of the line before a delimiter belongs to the delimiter.
fn without_line_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// Headers and what follows them.
struct Read<'a> {
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

fn read_part(part: &[u8], limits: Limits) -> Result<Read<'_>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let head = &part[..part.len().min(limits.headers)];
    match httparse::parse_headers(head, &mut headers) {
        Ok(httparse::Status::Complete((end, found))) => Ok(Read {
            headers: owned(found),
            body: &part[end..],
        }),
        Ok(httparse::Status::Partial) if head.len() < part.len() => Err(too_long(limits)),
        Ok(httparse::Status::Partial) => {
            Err(invalid("no empty line follows the headers of a part"))
        }
        Err(error) => Err(invalid(format_args!("the headers of a part: {error}"))),
    }
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let mut out = Vec::with_capacity(headers.len());
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        out.push((name, header_text(header.value).into_owned()));
    }
    out
}

/// The request in a part.
fn request(part: &Read<'_>, limits: Limits) -> Result<Request> {
    let text = part.body.trim_ascii_start();
    // The empty line behind its headers may have been taken for the one before the delimiter.
    let ended = [text, b"\r\n\r\n"].concat();
    let text = if has_empty_line(text) { text } else { &ended };
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head = &text[..text.len().min(limits.headers)];
    let end = match request.parse(head) {
        Ok(httparse::Status::Complete(end)) => Ok(end),
        Ok(httparse::Status::Partial) if head.len() < text.len() => Err(too_long(limits)),
        Ok(httparse::Status::Partial) => Err(invalid("a part holds no request")),
        Err(error) => Err(invalid(format_args!("a request: {error}"))),
    }?;
    let headers = owned(request.headers);
    let id = header(&part.headers, "content-id").or_else(|| header(&headers, "content-id"));
    Ok(Request {
        id: id.unwrap_or_default().trim().to_owned(),
        method: request.method.unwrap_or_default().to_ascii_uppercase(),
        url: request.path.unwrap_or_default().to_owned(),
        body: sized(&headers, &text[end..])?.to_vec(),
        headers,
        ..Request::default()
    })
}

fn has_empty_line(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    // What follows the last line end is not a line.
    lines.next_back();
    lines.any(|line| line.trim_ascii().is_empty())
}

/// The body as long as its headers say; what follows may only be blank.
fn sized<'a>(headers: &[(String, String)], body: &'a [u8]) -> Result<&'a [u8]> {
    let Some(length) = header(headers, "content-length") else {
        return Ok(body);
    };
    let length: usize = length
        .trim()
        .parse()
        .map_err(|_| invalid("a Content-Length is not a number"))?;
    match body.split_at_checked(length) {
        Some((body, rest)) if rest.trim_ascii().is_empty() => Ok(body),
        Some(_) => Err(invalid("a body is longer than its Content-Length")),
        None => Err(invalid("a body is shorter than its Content-Length")),
    }
}

/// The responses as parts; those of a changeset as parts of a part.
pub(super) fn render(answers: &[Answer]) -> Rendered {
    // Nobody can guess it, so no body holds it.
    let outer = format!("batchresponse_{}", Guid::secret());
    let mut body = Vec::new();
    for answer in answers {
        delimiter(&mut body, &outer, "");
        match answer {
            Answer::Single(part) => response(&mut body, part),
            // A changeset that failed is answered by one response.
            Answer::Failed(parts, at) => response(&mut body, &parts[(*at).min(parts.len() - 1)]),
            Answer::Atomic(parts) => {
                let inner = format!("changesetresponse_{}", Guid::secret());
                let kind = format!("Content-Type: multipart/mixed; boundary={inner}\r\n\r\n");
                body.extend_from_slice(kind.as_bytes());
                for part in parts {
                    delimiter(&mut body, &inner, "");
                    response(&mut body, part);
                }
                delimiter(&mut body, &inner, "--");
            }
        }
    }
    delimiter(&mut body, &outer, "--");
    Rendered {
        content_type: format!("multipart/mixed; boundary={outer}"),
        body,
    }
}

fn delimiter(out: &mut Vec<u8>, boundary: &str, end: &str) {
    out.extend_from_slice(format!("--{boundary}{end}\r\n").as_bytes());
}

fn response(out: &mut Vec<u8>, part: &Part) {
    let Response {
        status,
        headers,
        body,
    } = &part.response;
    let mut head =
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n".to_owned();
    if !part.id.is_empty() {
        head.push_str(&format!("Content-ID: {}\r\n", one_line(&part.id)));
    }
    head.push_str(&format!("\r\nHTTP/1.1 {status} {}\r\n", reason(*status)));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {}\r\n", one_line(value)));
    }
    if *status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(b"\r\n");
}

/// A line end in a value would end the header.
fn one_line(value: &str) -> String {
    value.replace(['\r', '\n'], " ")
}

/// The words clients show; the number is what counts.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        412 => "Precondition Failed",
        424 => "Failed Dependency",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
