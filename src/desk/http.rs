//! Metrics and health over HTTP.
//!
//! | path | answer |
//! |---|---|
//! | `GET /metrics` | 200, the text format of Prometheus |
//! | `GET /health/live` | 200 while every worker makes steps; 503 with the workers that hang |
//! | `GET /health/ready` | 200 when all partitions are recovered and none is stopped; 503 with the reasons |
//!
//! Bodies of `/health` are JSON. Unknown paths are 404, other methods 405. There is no authentication: the address is loopback
//! unless configured otherwise. It runs on a thread of its own, so that a busy worker never delays an answer, nor the reverse.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::metrics::Metrics;

/// How long open connections may go on after the stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// The server. It stops when it is dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum HttpFailure {
    /// The address is taken, or not one of this machine.
    #[error("cannot listen on {address} for HTTP (another address, or another process that has it?)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No thread or no runtime.
    #[error("cannot start the thread of the HTTP server")]
    Thread(#[source] io::Error),
}

/// What the answers are made from.
#[derive(Clone)]
struct Sources {
    metrics: Arc<Metrics>,
    silence_max: Duration,
}

impl HttpServer {
    /// Listens on `address` (port 0: any free one) and serves until it is stopped. A worker that is silent for longer than
    /// `silence_max` makes the process not live.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or there is no thread for it.
    pub fn start(address: SocketAddr, metrics: Arc<Metrics>, silence_max: Duration) -> Result<HttpServer, HttpFailure> {
        let listen_failure = |source| HttpFailure::Listen { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(listen_failure)?;
        listener.set_nonblocking(true).map_err(listen_failure)?;
        let address = listener.local_addr().map_err(listen_failure)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HttpFailure::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let router = router(Sources { metrics, silence_max });
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                if let Err(failure) = runtime.block_on(serve(listener, router, stopped)) {
                    tracing::error!(%failure, "the HTTP server ended");
                }
            })
            .map_err(HttpFailure::Thread)?;
        Ok(HttpServer { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets the open ones end for a moment, and returns when all is closed.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Without a receiver or with a panicked thread there is nothing left to be stopped.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(listener: std::net::TcpListener, router: Router, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (drain, drained) = oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // A dropped sender asks for the same.
        let _ = drained.await;
    });
    let deadline = async {
        let _ = stopped.await;
        drop(drain);
        tokio::time::sleep(STOP_GRACE).await;
    };
    tokio::select! {
        result = serving => result,
        () = deadline => Ok(()),
    }
}

fn router(sources: Sources) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .fallback(|| async { (StatusCode::NOT_FOUND, "see /metrics, /health/live and /health/ready\n") })
        .with_state(sources)
}

async fn metrics(State(sources): State<Sources>) -> Response {
    ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], sources.metrics.exposition()).into_response()
}

#[expect(clippy::disallowed_methods, reason = "silence is measured by the clock of the process, when somebody asks")]
async fn live(State(sources): State<Sources>) -> Response {
    let silent = sources.metrics.health().silent_workers(Instant::now(), sources.silence_max);
    let hung: Vec<Value> =
        silent.iter().map(|(worker, silence)| json!({"worker": worker, "silent_seconds": silence.as_secs()})).collect();
    answer(hung.is_empty(), json!({"live": hung.is_empty(), "hung_workers": hung}))
}

async fn ready(State(sources): State<Sources>) -> Response {
    let readiness = sources.metrics.health().readiness();
    let partitions = readiness.partitions;
    let body = json!({
        "ready": readiness.is_ready(),
        "reasons": readiness.reasons,
        "partitions": {
            "assigned": partitions.assigned,
            "restoring": partitions.restoring,
            "ready": partitions.ready,
            "stopped": partitions.stopped,
        },
    });
    answer(readiness.is_ready(), body)
}

fn answer(well: bool, body: Value) -> Response {
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::core::partition::PartitionId;
    use crate::health::{PartitionState, RestoreProgress};

    struct Answer {
        status: u16,
        head: String,
        body: String,
    }

    impl Answer {
        fn json(&self) -> Value {
            serde_json::from_str(&self.body).unwrap()
        }
    }

    fn server() -> (HttpServer, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        (HttpServer::start(any_port, Arc::clone(&metrics), Duration::from_secs(20)).unwrap(), metrics)
    }

    fn ask(server: &HttpServer, method: &str, path: &str) -> Answer {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    #[expect(clippy::disallowed_methods, reason = "the server compares with the real clock")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn metrics_are_served_as_prometheus_reads_them() {
        let (server, _metrics) = server();
        let answer = ask(&server, "GET", "/metrics");
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
        assert!(answer.body.contains("\ntollkeeper_laws_violated_total{law=\"balance\"} 0\n"), "{}", answer.body);
    }

    #[test]
    fn ready_answers_503_with_every_reason_and_200_when_all_is_recovered() {
        let (server, metrics) = server();
        assert_eq!(ask(&server, "GET", "/health/ready").status, 503);

        let health = metrics.health();
        health.worker_stepped(0, now());
        health.worker_joined(0);
        health.assign(PartitionId(0));
        health.assign(PartitionId(1));
        health.set_state(PartitionId(0), PartitionState::Restoring(RestoreProgress { folded: 5, to_fold: 50 }));
        health.set_state(PartitionId(1), PartitionState::Stopped { message: "offsets are lost".to_owned() });
        let answer = ask(&server, "GET", "/health/ready");
        assert_eq!(answer.status, 503);
        assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
        let expected = json!({
            "ready": false,
            "reasons": [
                "restoring 1 of 2 partitions: 5 of 50 ledger offsets are folded",
                "partition 1 is stopped: offsets are lost",
            ],
            "partitions": {"assigned": 0, "restoring": 1, "ready": 0, "stopped": 1},
        });
        assert_eq!(answer.json(), expected);

        health.set_state(PartitionId(0), PartitionState::Ready);
        health.set_state(PartitionId(1), PartitionState::Ready);
        let answer = ask(&server, "GET", "/health/ready");
        assert_eq!((answer.status, answer.json()["ready"].clone()), (200, json!(true)));
    }

    #[test]
    fn a_hung_worker_makes_the_process_not_live() {
        let (server, metrics) = server();
        assert_eq!(ask(&server, "GET", "/health/live").status, 200);
        let long_ago = now().checked_sub(Duration::from_secs(60)).expect("the machine is up for a minute");
        metrics.health().worker_stepped(1, long_ago);
        let answer = ask(&server, "GET", "/health/live");
        assert_eq!((answer.status, answer.json()["hung_workers"][0]["worker"].clone()), (503, json!(1)));
        metrics.health().worker_stepped(1, now());
        assert_eq!(ask(&server, "GET", "/health/live").status, 200);
    }

    #[test]
    fn unknown_paths_and_methods_are_refused() {
        let (server, _metrics) = server();
        for (method, path, status) in
            [("GET", "/", 404), ("GET", "/health", 404), ("POST", "/metrics", 405), ("DELETE", "/health/ready", 405)]
        {
            assert_eq!(ask(&server, method, path).status, status, "{method} {path}");
        }
    }

    #[test]
    fn an_idle_connection_does_not_hold_up_the_stop() {
        let (server, _metrics) = server();
        let address = server.address();
        let mut idle = TcpStream::connect(address).unwrap();
        write!(idle, "GET /metrics HTT").unwrap();
        let begin = now();
        server.stop();
        assert!(begin.elapsed() < STOP_GRACE + Duration::from_secs(5));
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    }

    #[test]
    fn an_address_that_is_taken_is_named() {
        let (server, metrics) = server();
        let failure = HttpServer::start(server.address(), metrics, Duration::from_secs(1)).unwrap_err();
        assert!(failure.to_string().contains(&server.address().to_string()), "{failure}");
    }
}
