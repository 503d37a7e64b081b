//! `http`: GET requests to the pods of the runtime's own release.

use crate::backend::HttpRequest;
use crate::bindings::http::{Host, Request, Response};
use crate::bindings::types::HostError;
use crate::sandbox::imports::refused;
use crate::sandbox::imports::shape::tidy;
use crate::sandbox::journal::too_large;
use crate::sandbox::store::StoreData;

/// The maximum bytes of a path with its query.
const PATH: usize = 4096;

impl Host for StoreData {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HostError>> {
        self.enter_far().await?;
        match self.check_request(&request).await? {
            Ok(()) => Ok(self.request(&request).await),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl StoreData {
    async fn request(&self, request: &Request) -> Result<Response, HostError> {
        let room = self.journal().room();
        let request = HttpRequest {
            pod: &request.pod,
            port: request.port,
            path: &request.path,
            timeout: self.wait_limit(request.timeout_ms),
            max_body: self.identity.limits.output,
            room: &room,
        };
        let response = self.backend.http_get(&self.scope, &request).await?;
        if room.holds(0) { Ok(response) } else { Err(too_large()) }
    }

    /// Checks a request.
    pub(super) async fn check_request(&mut self, request: &Request) -> wasmtime::Result<Result<(), HostError>> {
        let port = request.port;
        let role = self
            .role_of(
                &request.pod,
                |grants, role| grants.allows_http(role, port),
                |role| format!("http: [\"{role}:{port}\"]"),
            )
            .await?;
        Ok(role.and_then(|_| check_shape(request)))
    }
}

/// Checks what is sent.
fn check_shape(request: &Request) -> Result<(), HostError> {
    // Requests go through the API server with the host's identity, which a header could change.
    if request.method != "GET" || !request.headers.is_empty() || request.body.is_some() {
        return Err(HostError::NotGranted(
            "this host sends only GET requests, without headers and body of the plugin's".to_owned(),
        ));
    }
    if !is_path(&request.path) {
        return refused(format!(
            "`{}` is not a path that may be requested",
            tidy(&request.path, 128)
        ));
    }
    Ok(())
}

/// Returns whether this is an absolute path that does not go up.
///
/// A request can go through the API server as `…/pods/<pod>:<port>/proxy<path>`. There, a path with
/// `..` in any encoding would reach any resource with the host's rights.
fn is_path(path: &str) -> bool {
    let (plain, _) = path.split_once('?').unwrap_or((path, ""));
    let decoded = plain
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "\\")
        .replace("%25", "%");
    path.starts_with('/')
        && path.len() <= PATH
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\')
        && !decoded.contains('\\')
        && !decoded.contains("%2")
        && decoded.split('/').all(|segment| segment != ".." && segment != ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("/metrics", true)]
    #[case("/api/v1?query=a..b", true)]
    #[case("metrics", false)]
    #[case("/../secrets", false)]
    #[case("/a/%2e%2E/secrets", false)]
    #[case("/a/%252e%252e/secrets", false)]
    #[case("/..%2f..%2fsecrets", false)]
    #[case("/a\\..\\b", false)]
    #[case("/a b", false)]
    #[case("/a\r\nHost: x", false)]
    #[case("/a#b", false)]
    fn a_path_stays_in_its_pod(#[case] path: &str, #[case] valid: bool) {
        assert_eq!(is_path(path), valid);
    }
    /// Decodes once, as a server would.
    fn decode(path: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = path.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
            match pair
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .filter(|_| *first == b'%')
            {
                Some(byte) => (bytes.push(byte), rest = &after[2..]),
                None => (bytes.push(*first), rest = after),
            };
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    proptest::proptest! {
        #[test]
        fn a_path_never_goes_up_however_it_is_decoded(path in "/([.a%25efEF/\\\\]|%2e|%2f|%5c|%25){0,12}") {
            let mut decoded = path.clone();
            for _ in 0..4 {
                if is_path(&path) {
                    let goes_up = decoded.split(['/', '\\']).any(|segment| segment == "..");
                    proptest::prop_assert!(!goes_up, "{path} is {decoded}");
                }
                decoded = decode(&decoded);
            }
        }
    }
}
