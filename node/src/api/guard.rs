//! Who may ask: the holder of the token, on this machine, and no web page of another site.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use crate::api::Shared;
use crate::api::error::{ApiError, Result, typed};

/// Lets a request through, or says why not.
pub async fn admit(State(api): State<Shared>, request: Request, next: Next) -> Result<Response> {
    check(request.headers(), &api.token)?;
    Ok(typed(next.run(request).await).await)
}

fn check(headers: &HeaderMap, token: &str) -> Result<()> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if !is_loopback(host) {
        let message = format!("the Host header names {host:?}, which is not this machine");
        return Err(ApiError::new("foreign_host", message, Some("ask http://127.0.0.1 instead")));
    }
    if let Some(origin) = text(header::ORIGIN) {
        let is_own = origin.strip_prefix("http://").is_some_and(is_loopback);
        if !is_own {
            return Err(ApiError::new("foreign_origin", "requests from other sites are not served", None));
        }
    }
    let advice = Some("send `Authorization: Bearer …` with the content of api.token in the node's data folder");
    let given = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let given = given.ok_or_else(|| ApiError::new("no_token", "this API needs its token", advice))?;
    match bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
        true => Ok(()),
        false => Err(ApiError::new("wrong_token", "this is not the API's token", advice)),
    }
}

/// Whether `host`, with or without a port, is this machine's loopback.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pairs: &[(header::HeaderName, &'static str)]) -> String {
        let headers: HeaderMap = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        check(&headers, "secret").map_or_else(|error| error.0.code, |()| "ok".to_owned())
    }

    #[test]
    fn only_the_holder_of_the_token_on_this_machine_is_served() {
        use header::{AUTHORIZATION, HOST, ORIGIN};
        let token = (AUTHORIZATION, "Bearer secret");
        let host = (HOST, "127.0.0.1:7625");
        for (pairs, expected) in [
            (vec![host.clone(), token.clone()], "ok"),
            (vec![(HOST, "localhost"), token.clone()], "ok"),
            (vec![(HOST, "[::1]:7625"), token.clone()], "ok"),
            (vec![host.clone(), token.clone(), (ORIGIN, "http://127.0.0.1:7625")], "ok"),
            (vec![host.clone()], "no_token"),
            (vec![host.clone(), (AUTHORIZATION, "Basic secret")], "no_token"),
            (vec![host.clone(), (AUTHORIZATION, "Bearer secre")], "wrong_token"),
            (vec![host.clone(), (AUTHORIZATION, "Bearer ")], "wrong_token"),
            (vec![token.clone()], "foreign_host"),
            (vec![(HOST, "evil.example"), token.clone()], "foreign_host"),
            (vec![(HOST, "127.0.0.1.evil.example:7625"), token.clone()], "foreign_host"),
            (vec![(HOST, "127.0.0.1:evil"), token.clone()], "foreign_host"),
            (vec![host.clone(), token.clone(), (ORIGIN, "http://evil.example")], "foreign_origin"),
            (vec![host.clone(), token.clone(), (ORIGIN, "null")], "foreign_origin"),
            (vec![host, token, (ORIGIN, "https://127.0.0.1.evil.example")], "foreign_origin"),
        ] {
            assert_eq!(verdict(&pairs), expected, "{pairs:?}");
        }
    }
}
