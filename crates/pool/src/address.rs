//! Addresses of others that this installation calls over HTTP, as people write them into a file: what can be one, and when plain HTTP
//! may leave the machine.

use http::uri::Uri;

/// The address that a URL is; plain HTTP only to this machine, unless `plain` allows more. Its user, its query and its length are the
/// caller's to judge.
///
/// # Errors
/// Why it is none, for the person who wrote it.
pub fn address(url: &str, plain: bool) -> Result<Uri, &'static str> {
    let parsed: Uri = url.parse().map_err(|_| "not a URL")?;
    let authority = parsed.authority().ok_or("not a URL with a host")?;
    let here = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
    match parsed.scheme_str() {
        Some("https") => Ok(parsed),
        Some("http") if here || plain => Ok(parsed),
        Some("http") => Err("plain http stays on this machine; use https, or set allow_plain_http"),
        _ => Err("neither https nor http"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_leaves_this_machine_only_where_that_is_allowed() {
        for url in ["https://a.example/x", "http://localhost:9", "http://127.0.0.1/x", "http://[::1]:1"] {
            assert!(address(url, false).is_ok(), "{url}");
        }
        assert!(address("http://a.example", true).is_ok());
        for url in ["http://a.example", "ftp://a.example", "/x", "a b", "http://127.0.0.1.example"] {
            assert!(address(url, false).is_err(), "{url}");
        }
    }
}
