//! The answer to a request.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use http::{Method, StatusCode, header};
use wasser_pack::sha256;

use crate::{Contents, Fault, Shared};

/// A path below `/v2/`.
enum Place {
    Blob { digest: String },
    Manifest { repository: String, name: String },
    Uploads { repository: String },
    Upload { repository: String, number: u64 },
    Other,
}

impl Place {
    fn parse(path: &str) -> Self {
        let Some(rest) = path.strip_prefix("/v2/") else {
            return Self::Other;
        };
        if let Some((repository, rest)) = rest.split_once("/blobs/uploads/") {
            let repository = repository.to_owned();
            return match rest.parse() {
                Ok(number) => Self::Upload { repository, number },
                Err(_) => Self::Uploads { repository },
            };
        }
        if let Some((_, digest)) = rest.split_once("/blobs/") {
            let digest = digest.to_owned();
            return Self::Blob { digest };
        }
        match rest.split_once("/manifests/") {
            Some((repository, name)) => Self::Manifest {
                repository: repository.to_owned(),
                name: name.to_owned(),
            },
            None => Self::Other,
        }
    }
}

pub async fn answer(contents: Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let (fault, user) = {
        let mut contents = contents.lock();
        contents.requests.push(format!("{} {path}", parts.method));
        (contents.fault.clone(), contents.user.clone())
    };
    match &fault {
        Some(Fault::Status(code)) => return status(StatusCode::from_u16(*code).unwrap()),
        Some(Fault::Hangs) => return std::future::pending().await,
        Some(Fault::Html) => return Response::new(Body::from("<html><body>Log in</body></html>")),
        Some(Fault::Redirects(host)) => {
            let to = format!("http://{host}{path}");
            let moved = Response::builder().status(StatusCode::TEMPORARY_REDIRECT);
            return moved.header(header::LOCATION, to).body(Body::empty()).unwrap();
        }
        Some(Fault::Token(token)) if path == "/token" => {
            return Response::new(Body::from(format!("{{\"token\": \"{token}\"}}")));
        }
        Some(Fault::Token(_)) if path == "/v2/" => {
            let host = parts.headers[header::HOST].to_str().unwrap();
            return tokens_at(&format!("http://{host}/token"));
        }
        Some(Fault::Realm(realm)) if path == "/v2/" => return tokens_at(realm),
        _ => {}
    }
    let shown = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if user.is_some() && shown != user.as_deref() {
        let refused = Response::builder().status(StatusCode::UNAUTHORIZED);
        let refused = refused.header(header::WWW_AUTHENTICATE, "Basic realm=\"test\"");
        return refused.body(Body::empty()).unwrap();
    }
    let query = parts.uri.query().unwrap_or_default();
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let mut contents = contents.lock();
    match (Place::parse(&path), &parts.method) {
        (Place::Blob { digest }, &Method::GET | &Method::HEAD) => contents.blob(&digest, fault.as_ref()),
        (Place::Manifest { repository, name }, &Method::GET | &Method::HEAD) => {
            contents.manifest(repository, name, fault.as_ref())
        }
        (Place::Manifest { repository, name }, &Method::PUT) => {
            let value = (kind.unwrap_or_default().to_owned(), body.clone());
            let digest = sha256(&body);
            contents
                .manifests
                .insert((repository.clone(), digest.clone()), value.clone());
            contents.manifests.insert((repository.clone(), name), value);
            located(StatusCode::CREATED, &format!("/v2/{repository}/manifests/{digest}"))
        }
        (Place::Uploads { repository }, &Method::POST) => {
            let number = contents.uploads.len() as u64;
            contents.uploads.insert(number, Vec::new());
            located(
                StatusCode::ACCEPTED,
                &format!("/v2/{repository}/blobs/uploads/{number}"),
            )
        }
        (Place::Upload { .. }, &Method::PATCH) if fault == Some(Fault::Terse) => status(StatusCode::NO_CONTENT),
        (Place::Upload { repository, number }, &Method::PATCH) => {
            contents.uploads.get_mut(&number).unwrap().extend_from_slice(&body);
            located(
                StatusCode::ACCEPTED,
                &format!("/v2/{repository}/blobs/uploads/{number}"),
            )
        }
        (Place::Upload { repository, number }, &Method::PUT) => {
            let mut finished = contents.finish(&repository, number, query, &body);
            if fault == Some(Fault::Terse) {
                finished.headers_mut().remove(header::LOCATION);
            }
            finished
        }
        (Place::Other, _) => status(StatusCode::OK),
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    }
}

impl Contents {
    fn blob(&self, digest: &str, fault: Option<&Fault>) -> Response {
        let Some(bytes) = self.blobs.get(digest) else {
            return unknown("BLOB_UNKNOWN");
        };
        match fault {
            Some(Fault::OtherBlobs) => {
                let mut other = bytes.to_vec();
                *other.last_mut().unwrap() ^= 1;
                Response::new(Body::from(other))
            }
            Some(Fault::EndlessBlobs) => {
                let pieces = futures::stream::repeat(Bytes::from_static(&[0; 4096]));
                Response::new(Body::from_stream(pieces.map(Ok::<_, std::io::Error>)))
            }
            _ => Response::new(Body::from(bytes.clone())),
        }
    }

    fn manifest(&self, repository: String, name: String, fault: Option<&Fault>) -> Response {
        let Some((kind, bytes)) = self.manifests.get(&(repository, name)) else {
            return unknown("MANIFEST_UNKNOWN");
        };
        let bytes = if fault == Some(&Fault::OtherManifests) {
            [bytes, b"\n".as_slice()].concat().into()
        } else {
            bytes.clone()
        };
        let found = Response::builder().header(header::CONTENT_TYPE, kind);
        let found = found.header("docker-content-digest", sha256(&bytes));
        found.body(Body::from(bytes)).unwrap()
    }

    fn finish(&mut self, repository: &str, number: u64, query: &str, rest: &[u8]) -> Response {
        let mut bytes = self.uploads.get(&number).cloned().unwrap_or_default();
        bytes.extend_from_slice(rest);
        let digest = sha256(&bytes);
        // The client writes the colon as it is, or escaped.
        let escaped = digest.replace(':', "%3A");
        if !query.contains(&format!("digest={digest}")) && !query.contains(&format!("digest={escaped}")) {
            return status(StatusCode::BAD_REQUEST);
        }
        self.blobs.insert(digest.clone(), bytes.into());
        located(StatusCode::CREATED, &format!("/v2/{repository}/blobs/{digest}"))
    }
}

fn status(code: StatusCode) -> Response {
    Response::builder().status(code).body(Body::empty()).unwrap()
}

/// Names an address at which there are tokens.
fn tokens_at(realm: &str) -> Response {
    let refused = Response::builder().status(StatusCode::UNAUTHORIZED);
    let refused = refused.header(
        header::WWW_AUTHENTICATE,
        format!("Bearer realm=\"{realm}\",service=\"test\""),
    );
    refused.body(Body::empty()).unwrap()
}

fn unknown(code: &str) -> Response {
    let text = format!("{{\"errors\": [{{\"code\": \"{code}\", \"message\": \"not here\"}}]}}");
    let answer = Response::builder().status(StatusCode::NOT_FOUND);
    answer.body(Body::from(text)).unwrap()
}

fn located(code: StatusCode, place: &str) -> Response {
    let answer = Response::builder().status(code).header(header::LOCATION, place);
    answer.body(Body::empty()).unwrap()
}
