//! What the host puts in the place of a client's words before a handler sees them: the host that
//! a target names, cookies without the operators' own, and the name of the request.

use crate::http1::{self, Head};
use crate::{Request, RequestId, admin, request_id};

/// The host's own words for one request.
pub(crate) struct Rewrite {
    /// By the places of their headers.
    cookies: Vec<(usize, String)>,
    /// What the request is called if its client gave it no name, and if it is to have one.
    id: Option<String>,
}

impl Rewrite {
    pub(crate) fn of(head: &Head<'_>, id: Option<RequestId>) -> Rewrite {
        Rewrite { cookies: admin::without_cookies(&head.headers), id: id.map(|id| id.to_string()) }
    }

    /// The request as a handler sees it, and its name if it has one.
    pub(crate) fn request<'a>(
        &'a self,
        head: Head<'a>,
        data: Option<&'a [u8]>,
    ) -> (Request<'a>, Option<&'a str>) {
        let Head { method, target, protocol, mut headers } = head;
        for (place, cookies) in &self.cookies {
            if let Some((_, value)) = headers.get_mut(*place) {
                *value = cookies;
            }
        }
        // RFC 9112 section 3.2.2: the host that a target names goes in the place of the header's.
        if let Some(host) = http1::authority(target) {
            let own = headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("host"));
            own.for_each(|(_, value)| *value = host);
        }
        let id = self.id.as_deref().map(|own| request_id::ensure(&mut headers, own));
        let (path, query) = (http1::path(target), http1::query(target));
        (Request { method, path, query, protocol, headers, data }, id)
    }
}
