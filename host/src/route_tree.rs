//! Whose a path is: a tree of segments.
//!
//! A request's path has one normal form: its target's segments, each decoded once.
//! Nothing is resolved or merged. An empty segment, `.` and `..` are segments that no
//! route names, so they lead nowhere but into the route that takes all below it.

use std::collections::HashMap;

use crate::normal_form::decode;

/// How long a route's path may be.
const MAX_BYTES: usize = 4096;
const MAX_SEGMENTS: usize = 128;

/// How many places may have to be looked at for one path.
const MAX_PLACES: usize = 1000;

/// What belongs to paths, found by segments.
#[derive(Debug)]
pub(crate) struct RouteTree<T> {
    literal: HashMap<Box<[u8]>, RouteTree<T>>,
    named: Option<Box<RouteTree<T>>>,
    here: Option<T>,
    here_and_below: Option<T>,
}

/// Why a route's path cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin with `/`.
    #[error("a path begins with `/`")]
    NoSlash,
    /// A segment is empty, or is `.` or `..`: no request gets there.
    #[error("no request has a segment `{0}` that leads here")]
    NoSegment(String),
    /// `...` is not at its end.
    #[error("`...` is possible as the last segment only")]
    NotLast,
    /// It ends with `/`.
    #[error("leave out the last `/`, or write `/...` for all below")]
    LastSlash,
    /// A segment is `*` or `**`.
    #[error("write `:name` for any one segment, and `/...` for all below")]
    Star,
    /// A segment is in braces.
    #[error("write `:name` for any one segment")]
    Braces,
    /// A name is empty.
    #[error("a name must follow the `:`")]
    NoName,
    /// It has a query, a fragment or a control character.
    #[error("a path cannot have {0:?} in it")]
    Character(char),
    /// Its segment is spelt with `%` where this would do.
    #[error("segments are compared as they are meant; write `{0}`")]
    Spelling(String),
    /// Many routes have a name where others of the same tenant have something else, so that the
    /// path of one request could lead to more than 1000 places.
    #[error(
        "more than {MAX_PLACES} places are to be looked at for one request, as routes have a \
         `:name` where others have something else, at many places; give fewer of them names"
    )]
    TooManyPlaces,
    /// It has more than 4096 bytes, or more than 128 segments.
    #[error("a path has at most {MAX_BYTES} bytes and {MAX_SEGMENTS} segments")]
    TooLong,
}

impl<T> Default for RouteTree<T> {
    fn default() -> Self {
        RouteTree { literal: HashMap::new(), named: None, here: None, here_and_below: None }
    }
}

impl<T> RouteTree<T> {
    /// The place of a route's path, where there may be something already.
    pub(crate) fn place(&mut self, path: &str) -> Result<&mut Option<T>, PathError> {
        // The tree is as deep as the longest path, and who looks in it goes down by recursion.
        if path.len() > MAX_BYTES || path.matches('/').count() > MAX_SEGMENTS {
            return Err(PathError::TooLong);
        }
        let character = |character: &char| character.is_control() || matches!(character, '?' | '#');
        if let Some(character) = path.chars().find(character) {
            return Err(PathError::Character(character));
        }
        if path.len() > 1 && path.ends_with('/') {
            return Err(PathError::LastSlash);
        }
        let path = path.strip_prefix('/').ok_or(PathError::NoSlash)?;
        let mut place = self;
        let mut segments = path.split('/').peekable();
        // The root alone has no segment.
        if path.is_empty() {
            return Ok(&mut place.here);
        }
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            place = match segment {
                "..." if last => return Ok(&mut place.here_and_below),
                "..." => return Err(PathError::NotLast),
                "*" | "**" => return Err(PathError::Star),
                name if name.starts_with('{') && name.ends_with('}') => {
                    return Err(PathError::Braces);
                }
                "" | "." | ".." => return Err(PathError::NoSegment(segment.to_owned())),
                ":" => return Err(PathError::NoName),
                name if name.starts_with(':') => place.named.get_or_insert_default(),
                literal => {
                    let decoded = decode(literal);
                    if *decoded != *literal.as_bytes() {
                        return Err(PathError::Spelling(
                            String::from_utf8_lossy(&decoded).into_owned(),
                        ));
                    }
                    place.literal.entry(literal.as_bytes().into()).or_default()
                }
            };
        }
        Ok(&mut place.here)
    }

    /// Checks that nothing takes long to find.
    ///
    /// # Errors
    ///
    /// [`PathError::TooManyPlaces`].
    pub(crate) fn check(&self) -> Result<(), PathError> {
        if self.most_places() > MAX_PLACES { Err(PathError::TooManyPlaces) } else { Ok(()) }
    }

    /// How many places are looked at for the path that leads to most.
    fn most_places(&self) -> usize {
        let literal = self.literal.values().map(RouteTree::most_places).max().unwrap_or(0);
        let named = self.named.as_ref().map_or(0, |place| place.most_places());
        1_usize.saturating_add(literal).saturating_add(named)
    }

    /// What belongs to a path, given its segments as they were sent.
    pub(crate) fn find<'a>(
        &self,
        mut segments: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<&T> {
        let Some(segment) = segments.next() else {
            return self.here.as_ref().or(self.here_and_below.as_ref());
        };
        let decoded = decode(segment);
        let deeper = self.literal.get(&*decoded).and_then(|place| place.find(segments.clone()));
        let named = || {
            // What a route would not name is no value of a name either.
            let is_value = !matches!(&*decoded, b"" | b"." | b"..");
            self.named.as_ref().filter(|_| is_value).and_then(|place| place.find(segments))
        };
        deeper.or_else(named).or(self.here_and_below.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal_form::segments;

    fn paths(routes: &[&'static str]) -> RouteTree<&'static str> {
        let mut paths = RouteTree::default();
        for route in routes {
            assert_eq!(paths.place(route).unwrap().replace(*route), None, "{route}");
        }
        paths
    }

    #[test]
    fn the_longest_route_decides() {
        let paths =
            paths(&["/", "/a", "/a/...", "/a/b/c", "/a/:x/d", "/a/:x/:y/...", "/é", "/files/..."]);
        let find = |target: &'static str| paths.find(segments(target)).copied();
        for (target, route) in [
            ("/", Some("/")),
            ("", Some("/")),
            ("//", Some("/")),
            ("/a", Some("/a")),
            ("/a/", Some("/a")),
            ("a", Some("/a")),
            ("/a?b/c", Some("/a")),
            ("/a/x", Some("/a/...")),
            ("/a/b/c", Some("/a/b/c")),
            ("/a/b/d", Some("/a/:x/d")),
            ("/a/b/e", Some("/a/:x/:y/...")),
            ("/a/b/e/f/g", Some("/a/:x/:y/...")),
            ("/b", None),
            ("/é", Some("/é")),
            ("/%C3%A9", Some("/é")),
            ("/files", Some("/files/...")),
            ("/filesystem", None),
            ("http://elsewhere/a", Some("/a")),
            ("HTTPS://elsewhere:1?x", Some("/")),
            ("ftp://elsewhere/a", None),
            ("*", None),
        ] {
            assert_eq!(find(target), route, "{target}");
        }
    }

    #[test]
    fn no_path_leads_to_very_many_places() {
        let mut paths = RouteTree::default();
        for number in 0..1024 {
            let segment = |bit| if number >> bit & 1 == 0 { "/a" } else { "/:x" };
            *paths.place(&(0..10).map(segment).collect::<String>()).unwrap() = Some(number);
            assert_eq!(paths.check().is_ok(), number < 248, "{number}");
        }
        let mut paths = RouteTree::default();
        for number in 0..10_000 {
            *paths.place(&format!("/{number}/:x/...")).unwrap() = Some(number);
        }
        assert_eq!(paths.check(), Ok(()));
    }

    #[test]
    fn no_spelling_leads_around_a_route() {
        let paths = paths(&["/admin", "/public/...", "/x/:id"]);
        let find = |target: &'static str| paths.find(segments(target)).copied();
        for (target, route) in [
            ("/%61dmin", Some("/admin")),
            ("/%61%64%6d%69%6E/", Some("/admin")),
            ("/public/../admin", Some("/public/...")),
            ("/public/%2e%2e/admin", Some("/public/...")),
            ("/./admin", None),
            ("/x/../admin", None),
            ("/x/%2e%2e", None),
            ("/x//", None),
            ("/admin%2f", None),
            ("/admin%00", None),
            ("/%2561dmin", None),
            ("/ADMIN", None),
            ("/admin%", None),
            ("/%zzadmin", None),
            ("/admin;x", None),
            ("/admin#x", None),
            ("/http://elsewhere/admin", Some("/admin")),
            ("//HTTPS://elsewhere//admin/", Some("/admin")),
            ("/http:///admin", None),
            ("/public/http://elsewhere/admin", Some("/public/...")),
        ] {
            assert_eq!(find(target), route, "{target}");
        }
    }

    #[test]
    fn routes_that_no_request_reaches_are_refused() {
        let mut paths = RouteTree::<()>::default();
        for (path, error) in [
            ("a", PathError::NoSlash),
            ("", PathError::NoSlash),
            ("/a//b", PathError::NoSegment(String::new())),
            ("/a/", PathError::LastSlash),
            ("/.../", PathError::LastSlash),
            ("/a/**", PathError::Star),
            ("/{a}/b", PathError::Braces),
            ("/a/../b", PathError::NoSegment("..".to_owned())),
            ("/.../b", PathError::NotLast),
            ("/:", PathError::NoName),
            ("/a?b", PathError::Character('?')),
            ("/a\n", PathError::Character('\n')),
            ("/%61", PathError::Spelling("a".to_owned())),
        ] {
            assert_eq!(paths.place(path).err(), Some(error), "{path}");
        }
    }

    #[test]
    fn the_deepest_route_is_found_by_a_request_of_any_depth() {
        let deepest = "/a".repeat(MAX_SEGMENTS);
        let mut paths = RouteTree::default();
        *paths.place(&deepest).unwrap() = Some("deepest");
        *paths.place("/...").unwrap() = Some("all");
        assert_eq!(paths.place(&"/a".repeat(MAX_SEGMENTS + 1)).err(), Some(PathError::TooLong));
        assert_eq!(paths.place(&"/".repeat(100_000)).err(), Some(PathError::TooLong));
        assert_eq!(paths.place(&format!("/{}", "a".repeat(4096))).err(), Some(PathError::TooLong));
        assert_eq!(paths.find(segments(&deepest)), Some(&"deepest"));
        assert_eq!(paths.find(segments(&"/a".repeat(100_000))), Some(&"all"));
    }

    #[test]
    fn routes_that_mean_the_same_have_one_place() {
        let mut paths = paths(&["/a/:x/b"]);
        assert!(paths.place("/a/:y/b").unwrap().is_some());
        assert!(paths.place("/a/:y").unwrap().is_none());
    }
}
