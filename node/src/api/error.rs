//! Errors as answers: one table from codes to status, one body shape.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use matcher::Refused;
use protocol::Rejected;

use crate::api::words::{ErrorWord, Failure};
use crate::engine::Stopped;
use crate::files::FilesError;
use crate::store::StoreError;

/// An error on its way to a user.
#[derive(Debug)]
pub struct ApiError(pub ErrorWord);

/// What a handler gives back.
pub type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    /// An error with its code, what happened, and the next step.
    pub fn new(code: &str, message: impl Into<String>, next: Option<&str>) -> ApiError {
        ApiError(ErrorWord { code: code.to_owned(), message: message.into(), next: next.map(str::to_owned) })
    }

    fn status(&self) -> StatusCode {
        match self.0.code.as_str() {
            "no_token" | "wrong_token" => StatusCode::UNAUTHORIZED,
            "foreign_host" | "foreign_origin" => StatusCode::FORBIDDEN,
            "no_such_route" | "unknown_order" | "unknown_deal" | "unknown_task" | "unknown_file" | "unknown_epoch"
            | "book_gone" | "not_in_epoch" | "not_measured" | "no_deal" => StatusCode::NOT_FOUND,
            "deal_over" | "not_cleared" | "no_free_slot" | "not_the_consumer" | "delegation_over" | "out_of_scope" => {
                StatusCode::CONFLICT
            }
            "file_too_large" | "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
            "bad_request" => StatusCode::UNPROCESSABLE_ENTITY,
            "busy" | "rate_limit" => StatusCode::TOO_MANY_REQUESTS,
            "stopped" => StatusCode::SERVICE_UNAVAILABLE,
            "disk_failed" | "store_failed" | "bench_failed" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status(), Json(Failure { error: self.0 })).into_response()
    }
}

impl From<ErrorWord> for ApiError {
    fn from(word: ErrorWord) -> ApiError {
        ApiError(word)
    }
}

impl From<Stopped> for ApiError {
    fn from(error: Stopped) -> ApiError {
        ApiError::new("stopped", error.to_string(), Some("see the node's log; start it with `souk node run`"))
    }
}

impl From<FilesError> for ApiError {
    fn from(error: FilesError) -> ApiError {
        ApiError::new(error.code(), error.to_string(), None)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        ApiError::new("store_failed", error.to_string(), Some("see the node's log"))
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> ApiError {
        let next = match refused {
            Refused::NotMeasured => Some("souk bench"),
            Refused::BeyondMeasured { .. } => Some("offer less, or fewer lots; see `souk node status`"),
            Refused::NoFreeSlot(_) => Some("souk ask list, souk bid list, then cancel one"),
            Refused::UnknownOrder => Some("souk ask list, souk bid list"),
            Refused::UnknownDeal | Refused::DealOver => Some("souk deal list"),
            Refused::Busy => Some("try again in a moment"),
            Refused::DelegationOver | Refused::OutOfScope(_) => {
                Some("ask the owner for `souk key delegate`, then `souk key adopt FILE` and start the node again")
            }
            Refused::Rejected(_) => None,
        };
        ApiError::new(refused.code(), refused.to_string(), next)
    }
}

/// Why an entry that somebody signed is refused, and what the signer can do.
pub fn of_entry(rejected: Rejected) -> ApiError {
    let next = match rejected {
        Rejected::SignatureForm => "sign it again: 65 bytes r, s, v with low S and v of 27 or 28",
        Rejected::Signer => "sign it with the owner's key in this market's domain: chain, contract and market id",
        Rejected::Delegation => "let the order end with its delegation, or ask the owner for a longer or wider one",
        Rejected::BulkProof => "sign a tree of 2 to 64 orders, or each order by itself",
        Rejected::Expired | Rejected::Life => "sign it with a later expiryEpoch, at most a day ahead",
        Rejected::Future => "check the clock, and sign it for the running or the next epoch",
        Rejected::Stale => "sign it with a higher version: `souk market book --json` shows the one that stands",
        Rejected::Duplicate => "nothing to do: it stands in the book",
        Rejected::BookFull => "try again when orders have expired",
        Rejected::Slot => "use a lower slot number",
        Rejected::TooLarge => "send fewer at once, at most 64",
        _ => "correct the order and sign it again",
    };
    ApiError::new(rejected.code(), rejected.to_string(), Some(next))
}

/// Bytes of a plain refusal that are passed on.
const PLAIN_MAX: usize = 4096;

/// What the framework refuses by itself (a body that is no JSON or too large, a wrong method) in the shape of all errors.
pub async fn typed(response: Response) -> Response {
    let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(is_json);
    let status = response.status();
    if !status.is_client_error() || is_ours {
        return response;
    }
    let code = match status {
        StatusCode::METHOD_NOT_ALLOWED => "wrong_method",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "wrong_content_type",
        _ => "bad_request",
    };
    let bytes = axum::body::to_bytes(response.into_body(), PLAIN_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let message = if text.is_empty() { status.to_string() } else { text.into_owned() };
    (status, Json(Failure { error: ApiError::new(code, message, None).0 })).into_response()
}

/// For every path that is not a route.
pub async fn no_such_route(uri: axum::http::Uri) -> ApiError {
    ApiError::new("no_such_route", format!("there is nothing at {}", uri.path()), None)
}
