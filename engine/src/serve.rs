//! HTTP/1.1: connections in, requests to the routes, answers out.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::request::Parts;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{watch, Semaphore};

use crate::api::routes::{find, Endpoint, Intake};
use crate::api::{Answer, Body, Call};
use crate::app::App;
use crate::auth::Bearer;
use crate::decode::{unescape, Params};
use crate::error::{code, ApiError, Result};

/// Searches that may wait for a place.
const MAX_WAITING: usize = 1000;
/// How long one may wait.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is taken in, and for how long, of a body that nobody wants, so that the client reads why instead of finding the
/// connection closed under it.
const DRAINED: u64 = 1 << 30;
const DRAINING: Duration = Duration::from_secs(10);
/// How long open connections are given to finish at the end.
const FAREWELL: Duration = Duration::from_secs(10);

struct Server {
    app: Arc<App>,
    places: Semaphore,
    waiting: AtomicUsize,
}

/// Serves until `stop` turns true, then lets requests under way finish.
pub async fn run(app: Arc<App>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let server = Arc::new(Server { app, places: Semaphore::new(cores * 4), waiting: AtomicUsize::new(0) });
    let (open, mut all_closed) = tokio::sync::mpsc::channel::<Infallible>(1);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(err) => {
                    // Out of descriptors, most likely: others may close meanwhile.
                    eprintln!("connection not accepted: {err}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = stop.changed() => break,
        };
        // Answers are small and wanted at once.
        let _ = stream.set_nodelay(true);
        let (server, mut stop, open) = (Arc::clone(&server), stop.clone(), open.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let server = Arc::clone(&server);
                async move { Ok::<_, Infallible>(server.answer(request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(None)
                .max_buf_size(128 << 10)
                .serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                // A connection that breaks off is the client's affair.
                _ = connection.as_mut() => {}
                _ = stop.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(open);
        });
    }
    drop(open);
    drop(listener);
    let _ = tokio::time::timeout(FAREWELL, all_closed.recv()).await;
}

impl Server {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let cross_origin = request.headers().contains_key(header::ORIGIN);
        let mut response = match preflight(&request) {
            Some(response) => response,
            None => self.route(request).await,
        };
        let headers = response.headers_mut();
        headers.insert(
            header::VARY,
            HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        );
        if cross_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        response
    }

    async fn route(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().split('/').filter(|segment| !segment.is_empty());
        let decoded: Vec<String> = path.map(|segment| unescape(segment, false)).collect();
        let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let Some(found) = find(&segments) else { return bare(StatusCode::NOT_FOUND) };
        let allowed: Vec<String> = found.endpoints.iter().map(|endpoint| endpoint.method.to_string()).collect();
        let Some(endpoint) = found.endpoints.into_iter().find(|endpoint| endpoint.method == request.method()) else {
            let mut response = bare(StatusCode::METHOD_NOT_ALLOWED);
            if let Ok(allowed) = HeaderValue::from_str(&allowed.join(", ")) {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
            return response;
        };
        let (head, mut body) = request.into_parts();
        let answer = match self.call(endpoint, found.index, found.tail, head, &mut body).await {
            Ok(answer) => answer,
            Err(err) => Answer::from(err),
        };
        let mut response = written(answer);
        if !drained(&mut body).await {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn call(
        self: Arc<Self>,
        endpoint: Endpoint,
        index: Option<String>,
        tail: String,
        head: Parts,
        body: &mut Incoming,
    ) -> Result<Answer> {
        let grant = if endpoint.action.is_empty() {
            crate::auth::Grant::Everything
        } else {
            let token = head.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
            self.app.gate().admit(Bearer::read(token), endpoint.action, index.as_deref())?
        };
        let body = match endpoint.method {
            Method::GET => Body::None,
            _ => self.receive(endpoint.intake, &head.headers, body).await?,
        };
        let content_type = head.headers.get(header::CONTENT_TYPE);
        let mut call = Call {
            grant,
            index: index.unwrap_or_default(),
            tail,
            params: Params::parse(head.uri.query()),
            query: head.uri.query().map(|query| format!("?{query}")).unwrap_or_default(),
            content_type: content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            body,
            for_merge: head.headers.get("meili-proxy-search").is_some_and(|value| value == "true"),
        };
        let place = if endpoint.is_search { Some(self.place().await?) } else { None };
        let app = Arc::clone(&self.app);
        let done = tokio::task::spawn_blocking(move || (endpoint.handler)(&app, &mut call)).await;
        drop(place);
        done.unwrap_or_else(|_panic| Err(ApiError::internal("the engine stopped unexpectedly during this request")))
    }

    /// A place among the searches that run at the same time.
    async fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        let overloaded = || {
            ApiError::new(
                code::too_many_search_requests,
                format!("Too many search requests running at the same time: {MAX_WAITING}. Retry after 10s."),
            )
        };
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(overloaded());
        }
        let place = tokio::time::timeout(PATIENCE, self.places.acquire()).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        place.map_err(|_late| overloaded())?.map_err(ApiError::internal)
    }

    /// Takes the body in: to a file for document payloads, to memory for the rest, never beyond the limit.
    async fn receive(&self, intake: Intake, headers: &HeaderMap, body: &mut Incoming) -> Result<Body> {
        let limit = self.app.payload_limit;
        if body.size_hint().lower() > limit {
            return Err(too_large(limit));
        }
        let file = match intake {
            Intake::File => Some(self.app.payloads.scratch()?),
            Intake::Memory => None,
        };
        let sink = match &file {
            Some(file) => Sink::File(file.reopen()?),
            None => Sink::Memory(Vec::new()),
        };
        let bounded = Bounded { sink, left: limit, limit };
        let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
        let mut decoder = match encoding.as_deref() {
            None | Some(b"identity") => Decoder::Plain(bounded),
            Some(b"gzip") => Decoder::Gzip(Box::new(MultiGzDecoder::new(bounded))),
            Some(_) => {
                return Err(ApiError::new(code::bad_request, "this node decodes gzip and no other content encoding"));
            }
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|err| ApiError::new(code::bad_request, err.to_string()))?;
            if let Ok(data) = frame.into_data() {
                decoder.write(&data).map_err(|err| refused(err, limit))?;
            }
        }
        let sink = decoder.finish().map_err(|err| refused(err, limit))?;
        Ok(match (file, sink) {
            (Some(file), _) => Body::File(file),
            (None, Sink::Memory(bytes)) => Body::Bytes(bytes),
            (None, Sink::File(_)) => Body::None,
        })
    }
}

/// Takes in what is left of a body; false if that is too much.
async fn drained(body: &mut Incoming) -> bool {
    let rest = async {
        let mut left = DRAINED;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    };
    tokio::time::timeout(DRAINING, rest).await.unwrap_or(false)
}

enum Sink {
    Memory(Vec<u8>),
    File(std::fs::File),
}

/// Refuses to take more than it may.
struct Bounded {
    sink: Sink,
    left: u64,
    limit: u64,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, self.limit.to_string()));
        }
        self.left -= bytes.len() as u64;
        match &mut self.sink {
            Sink::Memory(memory) => memory.extend_from_slice(bytes),
            Sink::File(file) => file.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

enum Decoder {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Decoder {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Decoder::Plain(out) => out.write_all(bytes),
            Decoder::Gzip(out) => out.write_all(bytes),
        }
    }

    fn finish(self) -> std::io::Result<Sink> {
        match self {
            Decoder::Plain(out) => Ok(out.sink),
            Decoder::Gzip(out) => out.finish().map(|out| out.sink),
        }
    }
}

fn refused(err: std::io::Error, limit: u64) -> ApiError {
    match err.kind() {
        std::io::ErrorKind::FileTooLarge => too_large(limit),
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
            ApiError::new(code::bad_request, err.to_string())
        }
        _ => err.into(),
    }
}

fn too_large(limit: u64) -> ApiError {
    let mut size = limit as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    let shown = if unit == "B" { format!("{limit} B") } else { format!("{size:.2} {unit}") };
    ApiError::new(
        code::payload_too_large,
        format!("The provided payload reached the size limit. The maximum accepted payload size is {shown}."),
    )
}

fn preflight(request: &Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS
        || !headers.contains_key(header::ORIGIN)
        || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return None;
    }
    let mut response = bare(StatusCode::OK);
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT, TRACE"),
    );
    if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Some(response)
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn written(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let Some(body) = answer.body else { return bare(status) };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}
