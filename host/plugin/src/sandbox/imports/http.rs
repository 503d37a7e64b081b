//! `http`: GET requests to the pods of the runtime's own release.

use crate::bindings::http::{Host, Response};
use crate::bindings::types::PodError;
use crate::sandbox::imports::shape::tidy;
use crate::sandbox::store::StoreData;

/// The maximum bytes of a path with its query.
const PATH: usize = 4096;

impl Host for StoreData {
    async fn get(
        &mut self,
        pod: String,
        port: u16,
        path: String,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Response, PodError>> {
        self.enter()?;
        Ok(self.request(&pod, port, &path, timeout_ms).await)
    }
}

impl StoreData {
    async fn request(&self, pod: &str, port: u16, path: &str, timeout_ms: u32) -> Result<Response, PodError> {
        self.role_of(
            pod,
            |grants, role| grants.allows_http(role, port),
            |role| format!("http: [\"{role}:{port}\"]"),
        )
        .await?;
        if !is_path(path) {
            return Err(PodError::Failed(format!(
                "`{}` is not a path that may be requested",
                tidy(path, 128)
            )));
        }
        let body = self.identity.limits.output;
        Ok(self
            .backend
            .http_get(&self.scope, pod, port, path, self.wait_limit(timeout_ms), body)
            .await?)
    }
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
