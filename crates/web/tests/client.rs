//! The client against a server of this process: what it takes, what it refuses, and where it does not go.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use argosy_web::{Bounds, Client, Plain, WebError};
use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use bytes::Bytes;
use http::Request;
use tokio::net::TcpListener;

const BOUNDS: Bounds = Bounds { time: Duration::from_secs(20), answer: 64 };

async fn server(ip: [u8; 4]) -> SocketAddr {
    let app = Router::new()
        .route("/echo", post(|body: String| async move { body }))
        .route("/long", get(|| async { "x".repeat(65) }))
        .route("/away", get(|| async { Redirect::permanent("/echo") }))
        .route("/busy", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "later") }))
        .route("/never", get(|| async { std::future::pending::<&str>().await }));
    let listener = TcpListener::bind(SocketAddr::from((ip, 0))).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn client(plain: Plain) -> Client {
    Client::new(plain).expect("TLS can be set up")
}

fn get_of(url: String) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).expect("a request")
}

#[tokio::test]
async fn an_answer_comes_whole_and_any_status_is_one() {
    let (at, client) = (server([127, 0, 0, 1]).await, client(Plain::Loopback));
    let request = Request::post(format!("http://{at}/echo")).body(Bytes::from_static(b"hello")).expect("a request");
    assert_eq!(client.send(request, BOUNDS).await.expect("an answer").into_body(), "hello");
    let busy = client.send(get_of(format!("http://{at}/busy")), BOUNDS).await.expect("an answer");
    assert_eq!((busy.status(), busy.into_body()), (StatusCode::SERVICE_UNAVAILABLE, Bytes::from_static(b"later")));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let at = server([127, 0, 0, 1]).await;
    let answer = client(Plain::Loopback).send(get_of(format!("http://{at}/away")), BOUNDS).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
}

#[tokio::test]
async fn time_and_size_are_bounded_and_a_silent_port_is_told() {
    let (at, client) = (server([127, 0, 0, 1]).await, client(Plain::Loopback));
    let long = client.send(get_of(format!("http://{at}/long")), BOUNDS).await.expect_err("65 bytes of 64");
    assert!(matches!(long, WebError::TooLong(64)), "{long}");
    let brief = Bounds { time: Duration::from_millis(50), ..BOUNDS };
    let never = client.send(get_of(format!("http://{at}/never")), brief).await.expect_err("it never answers");
    assert!(matches!(never, WebError::TimedOut(_)), "{never}");
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it was bound");
    let nobody = client.send(get_of(format!("http://{silent}/")), BOUNDS).await.expect_err("nobody listens");
    assert!(matches!(nobody, WebError::Unreachable(_)), "{nobody}");
}

/// An address of this machine that is not loopback, if it has one. Nothing is sent.
fn address_of_this_machine() -> Option<[u8; 4]> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    match socket.local_addr().ok()?.ip() {
        std::net::IpAddr::V4(ip) if !ip.is_loopback() => Some(ip.octets()),
        _ => None,
    }
}

#[tokio::test]
async fn plain_http_stays_on_loopback_unless_somebody_allows_more() {
    let Some(ip) = address_of_this_machine() else { return };
    let at = server(ip).await;
    let refused = client(Plain::Loopback).send(get_of(format!("http://{at}/busy")), BOUNDS).await.expect_err("abroad");
    assert!(matches!(refused, WebError::PlainAbroad), "{refused}");
    let allowed = client(Plain::Anywhere).send(get_of(format!("http://{at}/busy")), BOUNDS).await;
    assert_eq!(allowed.expect("an answer").status(), StatusCode::SERVICE_UNAVAILABLE);
}
