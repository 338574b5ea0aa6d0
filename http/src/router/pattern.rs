//! Path patterns, taken apart.

use crate::message::MAX_PARAMS;
use std::fmt;

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// These bytes, after decoding.
    Literal(Box<[u8]>),
    /// One segment, by name.
    Param(Box<str>),
    /// One segment.
    Any,
    /// What is left.
    Rest,
}

/// A mistake in the routes: found when a route is added, reported when the server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// The pattern does not begin with a slash.
    NoSlash(String),
    /// A parameter has no name, or the same name as another one.
    BadParam(String),
    /// Something follows `**`.
    RestNotLast(String),
    /// More than 8 parameters and wildcards.
    TooManyParams(String),
    /// The method is none that a route can have.
    BadMethod(String),
    /// There is a route with this pattern and method already.
    Conflict(String),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::NoSlash(p) => write!(f, "route {p}: pattern does not begin with a slash"),
            RouteError::BadParam(p) => write!(f, "route {p}: parameter has no name of its own"),
            RouteError::RestNotLast(p) => write!(f, "route {p}: something follows **"),
            RouteError::TooManyParams(p) => {
                write!(f, "route {p}: more than {MAX_PARAMS} parameters and wildcards")
            }
            RouteError::BadMethod(p) => write!(f, "route {p}: method is not a token"),
            RouteError::Conflict(p) => write!(f, "route {p}: there is such a route already"),
        }
    }
}

impl std::error::Error for RouteError {}

/// The segments of `pattern`.
pub(super) fn parse(pattern: &str) -> Result<Vec<Segment>, RouteError> {
    let Some(rest) = pattern.strip_prefix('/') else { return Err(RouteError::NoSlash(pattern.into())) };
    let mut segments = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        if segments.last() == Some(&Segment::Rest) {
            return Err(RouteError::RestNotLast(pattern.into()));
        }
        segments.push(match part {
            "*" => Segment::Any,
            "**" => Segment::Rest,
            _ => match part.strip_prefix(':') {
                Some(name) if name.is_empty() || names.contains(&name) => {
                    return Err(RouteError::BadParam(pattern.into()));
                }
                Some(name) => {
                    names.push(name);
                    Segment::Param(name.into())
                }
                None => Segment::Literal(part.as_bytes().into()),
            },
        });
    }
    if segments.iter().filter(|s| !matches!(s, Segment::Literal(_))).count() > MAX_PARAMS {
        return Err(RouteError::TooManyParams(pattern.into()));
    }
    Ok(segments)
}

/// Names of what the segments capture, in order: empty for `*`, `**` for the rest.
pub(super) fn names(segments: &[Segment]) -> Vec<Box<str>> {
    let name = |segment: &Segment| match segment {
        Segment::Literal(_) => None,
        Segment::Param(name) => Some(name.clone()),
        Segment::Any => Some("".into()),
        Segment::Rest => Some("**".into()),
    };
    segments.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_checked() {
        let table = [
            ("users", RouteError::NoSlash("users".into())),
            ("/:", RouteError::BadParam("/:".into())),
            ("/:a/:a", RouteError::BadParam("/:a/:a".into())),
            ("/**/x", RouteError::RestNotLast("/**/x".into())),
            ("/*/*/*/*/*/*/*/*/*", RouteError::TooManyParams("/*/*/*/*/*/*/*/*/*".into())),
        ];
        for (pattern, error) in table {
            assert_eq!(parse(pattern), Err(error));
        }
        let segments = parse("/a/:b/*/**").unwrap();
        assert_eq!(segments.len(), 4);
        assert_eq!(names(&segments), ["b".into(), "".into(), Box::<str>::from("**")]);
    }
}
