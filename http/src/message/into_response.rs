//! What a handler may return.

use super::{FieldLines, Response};
use crate::{Body, BodyError, Error};
use avx_core::{Field, Preset, Status};
use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::LazyLock;

const TEXT: &str = "text/plain; charset=utf-8";

/// Checked once, sent with every text.
static OF_TEXT: LazyLock<Preset> = LazyLock::new(|| content_type(TEXT));
static OF_BYTES: LazyLock<Preset> = LazyLock::new(|| content_type("application/octet-stream"));

fn content_type(media_type: &str) -> Preset {
    Preset::new(&[Field::new("content-type", media_type)]).unwrap_or_default()
}

/// Becomes a [`Response`].
///
/// Text is `text/plain`, bytes are `application/octet-stream`, `()` is 204, `None` is 404, a
/// `Result` is whichever side it has. Errors of other kinds become responses through
/// [`Error`](crate::Error), which tells the peer nothing but the status.
pub trait IntoResponse {
    /// The response.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    #[inline]
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for Status {
    /// The status with its reason phrase as content where it may have some.
    fn into_response(self) -> Response {
        if self.forbids_content() || self.is_success() {
            return Response::new(self);
        }
        Response::new(self).with_preset(&OF_TEXT).with_body(self.reason().as_bytes())
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(Status::NO_CONTENT)
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

macro_rules! content {
    ($($type:ty, $preset:expr;)*) => { $(
        impl IntoResponse for $type {
            #[inline]
            fn into_response(self) -> Response {
                let (preset, body) = (Some(&**$preset), self.into());
                Response { status: Status::OK, preset, fields: FieldLines::new(), body, extra: None }
            }
        }

        impl From<$type> for Response {
            #[inline]
            fn from(content: $type) -> Response {
                content.into_response()
            }
        }
    )* };
}

content! {
    &'static str, &OF_TEXT;
    String, &OF_TEXT;
    Cow<'static, str>, &OF_TEXT;
    &'static [u8], &OF_BYTES;
    Vec<u8>, &OF_BYTES;
}

impl<const N: usize> IntoResponse for &'static [u8; N] {
    #[inline]
    fn into_response(self) -> Response {
        self.as_slice().into_response()
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::new(Status::OK).with_body(self)
    }
}

impl From<Body> for Response {
    fn from(body: Body) -> Response {
        body.into_response()
    }
}

impl From<Status> for Response {
    fn from(status: Status) -> Response {
        status.into_response()
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Response {
        self.map_or_else(|| Status::NOT_FOUND.into_response(), IntoResponse::into_response)
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        self.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
    }
}

impl<T: IntoResponse> IntoResponse for (Status, T) {
    fn into_response(self) -> Response {
        self.1.into_response().with_status(self.0)
    }
}

impl<T: IntoResponse> IntoResponse for (Status, FieldLines, T) {
    /// The lines replace those of the same name that the content brings along.
    fn into_response(self) -> Response {
        let mut response = self.2.into_response().with_status(self.0);
        for line in self.1.iter() {
            response.fields.remove(line.name.as_bytes());
        }
        for line in self.1 {
            response.fields.push(line.name, line.value);
        }
        response
    }
}

impl IntoResponse for Error {
    /// The status alone; the source goes to the server's error hook.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if self.has_source() {
            response.extra().error = Some(self);
        }
        response
    }
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        Error::from(self).into_response()
    }
}
